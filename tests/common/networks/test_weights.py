"""Weights load as they were saved; every failure to load them is one line."""

import fcntl
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import WeightsError
from common.networks.weights import load_weights, load_weights_on_all_ranks
from tests.support.permissions import without_permission


def dense_model(units: int = 3, seed: int = 0) -> keras.Model:
    """A model of one dense layer with random weights."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((4,))
    return keras.Model(image, keras.layers.Dense(units, name="dense")(image), name="net")


def save(model: keras.Model, folder: Path) -> Path:
    """Save the weights of a model; returns the file."""
    file = folder / "some.weights.h5"
    model.save_weights(file)
    return file


def test_saved_weights_load(tmp_path: Path) -> None:
    saved, model = dense_model(seed=1), dense_model(seed=2)
    assert not np.array_equal(saved.get_weights()[0], model.get_weights()[0])
    load_weights(model, save(saved, tmp_path))
    for loaded, expected in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, expected)


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
    with pytest.raises(WeightsError, match=r"there are no weights \S+none\.h5; give the folder of a run"):
        load_weights(dense_model(), tmp_path / "none.h5")


def test_weights_of_another_network(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError,
        match=r"does not hold weights of net \(an array \(4, 3\) where the network has \(4, 5\)\); give weights of the",
    ):
        load_weights(dense_model(units=5), save(dense_model(units=3), tmp_path))


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_file_that_is_cut_short(tmp_path: Path, share: float) -> None:
    file = save(dense_model(), tmp_path)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(WeightsError, match=r"some\.weights\.h5 does not hold weights of net \([^\n]+\); give weights"):
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
