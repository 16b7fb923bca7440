"""A checkpoint continues a run exactly, and one that does not fit changes nothing."""

import dataclasses
import math
import resource
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from common.errors import DamagedFileError, OutputError, S2Error, WeightsError
from common.runs.config import SETTINGS_OF_OLDER_RUNS, RunConfig, option_name
from common.training.checkpoints.checkpoint import (
    VERSION,
    Checkpoint,
    checkpoint_size,
    read_checkpoint,
    write_checkpoint,
)
from common.training.checkpoints.rank_state import EpochInWork
from tests.support.disk_steps import note_disk_steps
from tests.support.flips import flips
from tests.support.permissions import without_permission

IDENTITY = {"model": "tiny", "seed": 0, "ranks": 1}
STATE = {"factor": 0.5, "best": 0.25, "wait": 3}
ROWS = [{"epoch": epoch, "loss": 0.1 / epoch, "seconds": 3.5} for epoch in (1, 2)]
AFTER_TWO = Checkpoint(2, STATE, ROWS, ranks=1)
AFTER_ONE = Checkpoint(1, STATE, ROWS[:1], ranks=1)
SUMS = [np.array([3.5, 1.5], np.float32), np.array([40, 40], np.float32)]  # total and count of two ranks
INSIDE_FIRST = Checkpoint(0, STATE, [], EpochInWork(80, 12.5, {"sums": SUMS, "statistics": []}), ranks=1)


def make_model(features: int = 3, layers: int = 1, seed: int = 0) -> keras.Model:
    """Return a compiled network of a few weights, its optimizer built."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Conv2D(features, 3, padding="same", activation="relu") for _ in range(layers)]
    model = keras.Sequential([keras.Input((None, None, 2)), *hidden, keras.layers.Conv2D(1, 1)])
    model.compile(keras.optimizers.Nadam(0.01), "mean_absolute_error", run_eagerly=True, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def train(model: keras.Model, steps: int, seed: int) -> None:
    """Train on random batches."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        model.train_on_batch(rng.random((2, 6, 6, 2), np.float32), rng.random((2, 6, 6, 1), np.float32))


def state_of(model: keras.Model) -> list[np.ndarray]:
    """Return copies of all variables of a model and its optimizer."""
    return [np.asarray(variable).copy() for variable in (*model.variables, *model.optimizer.variables)]


def check_same(arrays: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Check that two lists hold equal arrays."""
    for array, expected_array in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(array, expected_array)


@pytest.fixture(scope="module")
def trained() -> keras.Model:
    """A model after three steps. Do not change it."""
    model = make_model()
    train(model, 3, seed=1)
    return model


@pytest.fixture
def path(tmp_path: Path, trained: keras.Model) -> Path:
    """The checkpoint of the trained model."""
    write_checkpoint(tmp_path / "checkpoint.h5", trained, AFTER_TWO, IDENTITY)
    return tmp_path / "checkpoint.h5"


def test_a_model_survives_a_file(path: Path, trained: keras.Model) -> None:
    other = make_model(seed=9)
    assert read_checkpoint(path, other, IDENTITY) == AFTER_TWO
    check_same(state_of(other), state_of(trained))
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.h5"]


def test_the_part_of_an_epoch_survives_a_file(tmp_path: Path, trained: keras.Model) -> None:
    path = tmp_path / "c.h5"
    write_checkpoint(path, trained, INSIDE_FIRST, IDENTITY)
    read = read_checkpoint(path, make_model(seed=9), IDENTITY)
    assert read._replace(inside=None) == INSIDE_FIRST._replace(inside=None)
    assert read.inside[:2] == INSIDE_FIRST.inside[:2]
    check_same(read.inside.variables["sums"], SUMS)
    assert path.stat().st_size <= checkpoint_size(trained)


@pytest.mark.parametrize("attributes", [{"patches": 0}, {"seconds": math.inf}, {"seconds": None}, {"epoch": -1}])
def test_an_impossible_part_of_an_epoch_is_refused(tmp_path: Path, trained: keras.Model, attributes: dict) -> None:
    write_checkpoint(tmp_path / "c.h5", trained, INSIDE_FIRST, IDENTITY)
    unseal(tmp_path / "c.h5", **attributes)
    check_refused(tmp_path / "c.h5", make_model(), IDENTITY, "is cut short, or is no checkpoint", DamagedFileError)


def test_sums_of_another_shape_are_refused(tmp_path: Path, trained: keras.Model) -> None:
    inside = INSIDE_FIRST.inside._replace(variables={"sums": [SUMS[0], SUMS[1][:1]], "statistics": []})
    write_checkpoint(tmp_path / "c.h5", trained, INSIDE_FIRST._replace(inside=inside), IDENTITY)
    check_refused(tmp_path / "c.h5", make_model(), IDENTITY, "is cut short, or is no checkpoint", DamagedFileError)


def test_a_checkpoint_of_a_newer_version_is_refused(path: Path) -> None:
    unseal(path, version=VERSION + 1)
    message = (
        f"is of version {VERSION + 1} of checkpoints, and this software reads versions up to {VERSION}; resume with"
    )
    check_refused(path, make_model(), IDENTITY, message)


def test_training_continues_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole, first, second = make_model(), make_model(), make_model(seed=5)
    train(whole, 4, seed=2)
    train(whole, 3, seed=3)
    train(first, 4, seed=2)
    write_checkpoint(tmp_path / "c.h5", first, AFTER_ONE, IDENTITY)
    read_checkpoint(tmp_path / "c.h5", second, IDENTITY)
    train(second, 3, seed=3)
    check_same(state_of(second), state_of(whole))


def check_refused(
    path: Path, model: keras.Model, identity: dict, message: str, kind: type[S2Error] = WeightsError
) -> None:
    """Check that reading a checkpoint fails with this message and leaves the model as it was."""
    before = state_of(model)
    with pytest.raises(kind, match=message):
        read_checkpoint(path, model, identity)
    check_same(state_of(model), before)


def test_a_checkpoint_of_another_network_is_refused(path: Path) -> None:
    check_refused(
        path,
        make_model(features=4),
        IDENTITY,
        r"holds weights of shape \(3, 3, 2, 3\) where this network has \(3, 3, 2, 4\); it belongs to another",
    )
    check_refused(
        path, make_model(layers=2), IDENTITY, "holds 4 weights arrays, this network has 6; it belongs to another"
    )


def test_a_checkpoint_of_another_optimizer_is_refused(path: Path) -> None:
    model = make_model()
    model.compile(keras.optimizers.SGD(0.1), "mean_absolute_error", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    check_refused(path, model, IDENTITY, "optimizer arrays, this network has")


@pytest.mark.parametrize("name, value", [("seed", 1), ("model", "other"), ("clip_norm", 0.5)])
def test_a_checkpoint_of_other_settings_is_refused(path: Path, name: str, value: object) -> None:
    check_refused(
        path,
        make_model(),
        {**IDENTITY, name: value},
        f"was made with(out)? {option_name(name)}.*, this run has {value}; resume with the same settings, or start a new run",
    )


@pytest.mark.parametrize("name", ["classes", "patches", "patch files", "validation blocks"])
def test_a_checkpoint_of_other_data_names_no_option(path: Path, name: str) -> None:
    check_refused(path, make_model(), {**IDENTITY, name: "3fa9"}, f"was made without {name}, this run has 3fa9; resume")


def test_a_checkpoint_from_before_a_setting_goes_on_as_it_began(path: Path) -> None:
    """Later versions add settings whose defaults do what this one did."""
    defaults = dataclasses.asdict(RunConfig())
    older = {name: defaults[name] for name in SETTINGS_OF_OLDER_RUNS if name in defaults}
    assert older == {name: SETTINGS_OF_OLDER_RUNS[name] for name in older}
    read_checkpoint(path, make_model(), {**IDENTITY, **SETTINGS_OF_OLDER_RUNS, "gradient_precision": "float32"})
    check_refused(
        path, make_model(), {**IDENTITY, "rate_rule": "sqrt"}, "made with --rate-rule linear, this run has sqrt"
    )


def test_another_number_of_ranks_must_be_allowed(path: Path, trained: keras.Model) -> None:
    message = r"was made with 1 ranks, this run has 4; start 1 ranks, or add --allow-ranks-change\."
    check_refused(path, make_model(), {**IDENTITY, "ranks": 4}, message)
    other = make_model(seed=9)
    assert read_checkpoint(path, other, {**IDENTITY, "ranks": 4}, allow_ranks_change=True) == AFTER_TWO
    check_same(state_of(other), state_of(trained))
    with pytest.raises(WeightsError, match="was made with --seed 0, this run has 1"):
        read_checkpoint(path, other, {**IDENTITY, "ranks": 4, "seed": 1}, allow_ranks_change=True)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.9999])
def test_a_checkpoint_that_is_cut_short_is_refused(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    check_refused(path, make_model(), IDENTITY, "is cut short, or is no checkpoint; restore it, or", DamagedFileError)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["row"] = np.arange(3)
    (tmp_path / "text.h5").write_text("epoch 3")
    for name in ("a.h5", "text.h5"):
        check_refused(tmp_path / name, make_model(), IDENTITY, "is cut short, or is no checkpoint", DamagedFileError)


def test_a_missing_checkpoint_is_an_error(tmp_path: Path) -> None:
    check_refused(
        tmp_path / "none.h5",
        make_model(),
        IDENTITY,
        r"the checkpoint .*none\.h5 does not exist; start the run without --resume",
        DamagedFileError,
    )


def test_a_checkpoint_that_is_a_link_to_nowhere_may_be_whole(tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to("unmounted.h5")
    message = r"the checkpoint .*link\.h5 is a link to \S+unmounted\.h5, which does not exist; correct the link"
    check_refused(tmp_path / "link.h5", make_model(), IDENTITY, message, DamagedFileError)


def test_a_missing_folder_is_an_error(tmp_path: Path, trained: keras.Model) -> None:
    with pytest.raises(OutputError, match="check space and permissions there"):
        write_checkpoint(tmp_path / "none" / "c.h5", trained, AFTER_ONE, IDENTITY)


def test_a_full_disk_leaves_the_old_checkpoint(path: Path, trained: keras.Model) -> None:
    """A limit on the size of files gives a program the same errors as a full disk."""
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="File too large; check space and permissions there"):
            write_checkpoint(path, trained, AFTER_TWO, IDENTITY, path.with_name("checkpoint.previous.h5"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.h5"]


def test_an_interrupted_write_leaves_the_old_checkpoint(
    path: Path, trained: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def stop(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, trained, AFTER_TWO, IDENTITY, path.with_name("checkpoint.previous.h5"))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.h5"]


def test_the_older_checkpoint_gets_another_name_when_the_newer_is_on_the_disk(
    path: Path, trained: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    previous, before = path.with_name("checkpoint.previous.h5"), path.read_bytes()
    previous.write_text("an epoch older still")
    steps = note_disk_steps(monkeypatch)
    write_checkpoint(path, trained, AFTER_ONE, IDENTITY, previous)
    (_, temporary), *_ = steps
    assert temporary.endswith(".partial.checkpoint.h5")
    assert steps == [
        ("sync", temporary),
        ("rename", "checkpoint.h5"),
        ("rename", temporary),
        ("sync", path.parent.name),
    ]
    assert previous.read_bytes() == before
    assert read_checkpoint(path, make_model(), IDENTITY) == AFTER_ONE


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(path: Path, trained: keras.Model) -> None:
    model, expected, found = make_model(seed=4), state_of(trained), 0
    for damaged in flips(path.read_bytes(), 60, seed=0):
        path.write_bytes(damaged)
        try:
            assert read_checkpoint(path, model, IDENTITY) == AFTER_TWO
        except DamagedFileError:
            found += 1
        else:
            check_same(state_of(model), expected)
    assert found > 3  # most of this small file is room that HDF5 leaves


def unseal(path: Path, **attributes: object) -> None:
    """Take the seal off a checkpoint, and set attributes; None deletes one."""
    with h5py.File(path, "r+") as file:
        for name, value in {"seal": None, **attributes}.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value


def test_a_changed_number_is_found_and_its_place_named(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["optimizer/3"][...] += 1
    check_refused(
        path, make_model(), IDENTITY, r"is damaged: optimizer/3 is not as it was written; rest", DamagedFileError
    )


def test_a_checkpoint_of_an_older_version_has_no_seal_and_no_history(path: Path, trained: keras.Model) -> None:
    unseal(path, history=None, version=None)
    other = make_model(seed=9)
    assert read_checkpoint(path, other, IDENTITY) == Checkpoint(2, STATE, None, ranks=1)
    check_same(state_of(other), state_of(trained))


@pytest.mark.parametrize(
    "attributes",
    [
        {"epoch": 10**12},
        {"epoch": 1},
        {"epoch": 0, "history": "[]"},
        {"epoch": -3, "history": None},
        {"epoch": "two"},
        {"history": "{}"},
        {"history": "[1, 2]"},
        {"state": "[1]"},
        {"state": "[" * 100_000},
        {"identity": "[]"},
    ],
)
def test_impossible_attributes_are_refused(path: Path, attributes: dict) -> None:
    unseal(path, **attributes)
    check_refused(path, make_model(), IDENTITY, "is cut short, or is no checkpoint", DamagedFileError)


def test_no_file_is_larger_than_its_estimate(path: Path, trained: keras.Model) -> None:
    assert path.stat().st_size <= checkpoint_size(trained)


def test_a_checkpoint_that_the_system_refuses_is_not_called_damaged(path: Path) -> None:
    model = make_model()
    with without_permission(path):
        check_refused(path, model, IDENTITY, r"cannot be read \(Permission denied\); check", DamagedFileError)
