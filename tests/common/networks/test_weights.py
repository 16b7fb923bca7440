"""Weights load as they were saved; every failure to load them is one line."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from common.errors import DamagedFileError, OutputError, WeightsError
from common.networks.weights import load_weights, load_weights_on_all_ranks, weights_size, write_weights
from tests.support.flips import flips
from tests.support.permissions import without_permission


def dense_model(units: int = 3, seed: int = 0, layers: int = 1, name: str = "net") -> keras.Model:
    """A model of dense layers with random weights."""
    keras.utils.set_random_seed(seed)
    image = output = keras.Input((4,))
    for number in range(layers):
        output = keras.layers.Dense(units, name=f"dense_{number}")(output)
    return keras.Model(image, output, name=name)


def save(model: keras.Model, folder: Path) -> Path:
    """Save the weights of a model with Keras alone; returns the file."""
    file = folder / "some.weights.h5"
    model.save_weights(file)
    return file


def write(model: keras.Model, folder: Path) -> Path:
    """Write the weights of a model; returns the file."""
    file = folder / "best.weights.h5"
    write_weights(file, model)
    return file


def check_same(model: keras.Model, other: keras.Model) -> None:
    for array, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("write_file", [save, write])
@pytest.mark.parametrize("read_file", [load_weights, keras.Model.load_weights])
def test_our_files_and_those_of_keras_load_here_and_in_keras(
    tmp_path: Path, write_file: Callable, read_file: Callable
) -> None:
    saved, model = dense_model(seed=1, layers=2), dense_model(seed=2, layers=2)
    assert not np.array_equal(saved.get_weights()[0], model.get_weights()[0])
    read_file(model, write_file(saved, tmp_path))
    check_same(model, saved)


def test_a_file_under_another_ending_says_to_rename_it(tmp_path: Path) -> None:
    """Keras would take it for a file of Keras 2, and find no layers in it."""
    renamed = write(dense_model(), tmp_path).rename(tmp_path / "net.h5")
    with pytest.raises(
        WeightsError, match=r"net\.h5 does not end in \.weights\.h5, by which Keras knows its format; rename"
    ):
        load_weights(dense_model(), renamed)


def test_weights_are_written_without_the_optimizer(tmp_path: Path) -> None:
    """The optimizer stays as it was."""
    model = dense_model()
    model.compile(keras.optimizers.Nadam(0.01), "mse", run_eagerly=True)
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    before = [np.asarray(variable).copy() for variable in model.optimizer.variables]
    with h5py.File(write(model, tmp_path)) as file:
        assert "optimizer" not in file
    for variable, expected in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(variable, expected)


def test_a_file_with_the_state_of_an_optimizer_loads(tmp_path: Path) -> None:
    """Keras saves it with a compiled model."""
    saved, model = dense_model(seed=1), dense_model(seed=2)
    saved.compile(keras.optimizers.Nadam(0.01), "mse")
    saved.optimizer.build(saved.trainable_variables)
    load_weights(model, save(saved, tmp_path))
    check_same(model, saved)


def test_no_file_is_larger_than_its_estimate(tmp_path: Path) -> None:
    model = dense_model(layers=30)
    assert write(model, tmp_path).stat().st_size <= weights_size(model)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="check space and permissions there"):
        write(dense_model(), tmp_path / "none")


def test_a_compiled_model_takes_weights_without_a_warning(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Files of weights hold no state of the optimizer, and Keras warns of it."""
    file, model = save(dense_model(), tmp_path), dense_model()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    recwarn.clear()
    load_weights(model, file)
    assert not recwarn.list


def test_one_rank_alone_loads_as_well(tmp_path: Path) -> None:
    """For two ranks see `tests/mpi/test_bigearthnet.py`."""
    saved, model = dense_model(seed=1), dense_model(seed=2)
    load_weights_on_all_ranks(model, save(saved, tmp_path))
    np.testing.assert_array_equal(model.get_weights()[0], saved.get_weights()[0])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"the weights \S+none\.h5 do not exist; give the folder of a run"):
        load_weights(dense_model(), tmp_path / "none.h5")
    (tmp_path / "link.h5").symlink_to("none.h5")
    with pytest.raises(WeightsError, match=r"\S+link\.h5 is a link to \S+none\.h5, which does not exist; give the"):
        load_weights(dense_model(), tmp_path / "link.h5")


def test_weights_of_another_network(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError,
        match=r"does not hold weights of net \(an array \(4, 3\) where the network has \(4, 5\)\); give weights of the",
    ):
        load_weights(dense_model(units=5), save(dense_model(units=3), tmp_path))


@pytest.mark.parametrize("write_file", [save, write])
@pytest.mark.parametrize("layers, wanted", [(3, 2), (2, 3)])
def test_weights_of_a_larger_or_smaller_network(tmp_path: Path, write_file: Callable, layers: int, wanted: int) -> None:
    """Keras leaves out the arrays that it does not need, without a word."""
    model = dense_model(layers=wanted)
    before = model.get_weights()
    with pytest.raises(WeightsError, match=rf"net \({2 * layers} arrays where the network has {2 * wanted}\); give"):
        load_weights(model, write_file(dense_model(layers=layers, seed=1), tmp_path))
    for array, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)


def test_weights_of_a_network_with_the_same_arrays_in_other_layers(tmp_path: Path) -> None:
    image = keras.Input((4,))
    other = keras.Model(image, keras.layers.EinsumDense("ab,bc->ac", 3, bias_axes="c")(image), name="net")
    with pytest.raises(WeightsError, match="does not hold weights of net"):
        load_weights(dense_model(), save(other, tmp_path))


def test_weights_that_were_written_under_another_name(tmp_path: Path) -> None:
    """The same arrays may belong to a network that computes something else."""
    saved, model = dense_model(seed=1, name="other"), dense_model()
    with pytest.raises(WeightsError, match=r"does not hold weights of net \(but of other\); give weights of the same"):
        load_weights(model, write(saved, tmp_path))
    load_weights(model, write(saved, tmp_path), any_name=True)
    check_same(model, saved)


def test_a_damaged_file_is_named_with_its_part(tmp_path: Path) -> None:
    file = write(dense_model(), tmp_path)
    with h5py.File(file, "r+") as handle:
        handle["layers/dense/vars/0"][0, 0] += 1
    with pytest.raises(
        DamagedFileError,
        match=r"best\.weights\.h5 is damaged: layers/dense/vars/0 is not as it was written; restore it",
    ):
        load_weights(dense_model(), file)


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(tmp_path: Path) -> None:
    saved, model = dense_model(1000, seed=1), dense_model(1000)
    file = write(saved, tmp_path)
    found = 0
    for damaged in flips(file.read_bytes(), 60, seed=0):
        file.write_bytes(damaged)
        try:
            load_weights(model, file)
        except (DamagedFileError, WeightsError):
            found += 1
        else:
            check_same(model, saved)
    assert found > 30


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_file_that_is_cut_short(tmp_path: Path, share: float) -> None:
    file = save(dense_model(), tmp_path)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(WeightsError, match=r"some\.weights\.h5 is cut short; restore it, or train again\.$"):
        load_weights(dense_model(), file)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path: Path, value: float) -> None:
    saved = dense_model()
    saved.layers[-1].bias.assign([0.0, value, 0.0])
    with pytest.raises(
        WeightsError, match=r"some\.weights\.h5 holds values that are not finite; give weights of a run"
    ):
        load_weights(dense_model(), save(saved, tmp_path))


@pytest.mark.parametrize(
    "error, reason", [(RuntimeError("first line\nsecond line"), "first line"), (KeyError(), "KeyError")]
)
def test_any_error_of_a_reader_becomes_one_line(tmp_path: Path, error: Exception, reason: str) -> None:
    def read(model: keras.Model, file: Path) -> None:
        raise error

    with pytest.raises(WeightsError, match=rf"does not hold weights of net \({reason}\); give weights") as caught:
        load_weights(dense_model(), save(dense_model(), tmp_path), read)
    assert caught.value.__cause__ is error


def test_a_reader_that_knows_the_reason_is_quoted_as_it_is(tmp_path: Path) -> None:
    def read(model: keras.Model, file: Path) -> None:
        raise WeightsError("the reason")

    with pytest.raises(WeightsError, match=r"\Athe reason\Z"):
        load_weights(dense_model(), save(dense_model(), tmp_path), read)


def test_a_file_that_is_locked_is_read(tmp_path: Path) -> None:
    """Keras opens the file, and HDF5 reads without a lock because `common` sets HDF5_USE_FILE_LOCKING."""
    file = save(dense_model(), tmp_path)
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        load_weights(dense_model(seed=2), file)


def test_a_file_that_the_system_refuses_is_not_called_another_network(tmp_path: Path) -> None:
    """The file may hold the right weights."""

    def read(_model: keras.Model, file: Path) -> None:
        with without_permission(file):
            file.read_bytes()

    with pytest.raises(WeightsError, match=r"weights\.h5 cannot be read \(Permission denied\); check its permissions"):
        load_weights(dense_model(), save(dense_model(), tmp_path), read)


def test_a_network_with_dropout_has_its_weights_back(tmp_path: Path) -> None:
    """Keras saves no state of random numbers."""
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Dropout(0.5)(image)), name="net")
    before = model.get_weights()
    file = write(model, tmp_path)
    model.layers[-1].kernel.assign(model.layers[-1].kernel + 1)
    load_weights(model, file)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
