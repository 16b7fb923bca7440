"""Training of a constant: a run folder, and a run that continues as if it had not stopped."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.errors import DamagedFileError, RunFolderError, SettingError, WeightsError
from common.runs import folder as run
from common.runs.config import RunConfig
from common.runs.provenance import library_versions
from common.training.fit import Task, batch_origins, describe_changes, digest, fit, with_fitting_batches
from common.training.history import read_history, write_history
from tests.support.constant_training import constant_model, mean_square, squared_sums

# The weight moves away from the validation targets, so validation is best in epoch 1 and the rate halves after epoch 3.
CONFIG = RunConfig(epochs=4, batch_size=4, learning_rate=0.1, warmup_epochs=0, patience=2)


class Targets:
    """Patches of one pixel; the target of patch i is i."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def origins(self, indices: np.ndarray) -> list[str]:
        return [f"scene {index}" for index in indices]

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return {"target": np.asarray(indices, np.float32)[:, None]}

    def signature(self) -> dict[str, tf.TensorSpec]:
        return {"target": tf.TensorSpec((None, 1), tf.float32)}

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.ones_like(patches["target"]), patches["target"]


TASK = Task(Targets(10), Targets(3), squared_sums, mean_square, identity={"model": "constant"}, record={"bands": "B02"})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four epochs. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    fit(constant_model(), CONFIG, TASK, folder)
    return folder


def without_seconds(rows: list[dict]) -> list[dict]:
    """Return the rows of a history without the time that epochs took."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_run_writes_its_folder(finished: Path) -> None:
    names = {run.CONFIG, run.HISTORY, run.WEIGHTS, run.CHECKPOINT, run.PREVIOUS_CHECKPOINT, run.TENSORBOARD}
    assert {path.name for path in finished.iterdir()} == names
    config = run.read_config(finished)
    assert (config["bands"], config["settings"]["epochs"]) == ("B02", 4)
    history = read_history(finished / run.HISTORY, 9)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert {"loss", "val_loss", "learning_rate", "seconds"} < history[0].keys()


def test_a_resumed_run_equals_one_that_did_not_stop(finished: Path, tmp_path: Path) -> None:
    fit(constant_model(), replace(CONFIG, epochs=2), TASK, tmp_path)
    model = constant_model()
    fit(model, CONFIG, TASK, tmp_path, resume=True)
    assert without_seconds(read_history(tmp_path / run.HISTORY, 9)) == without_seconds(
        read_history(finished / run.HISTORY, 9)
    )
    assert [row["learning_rate"] for row in read_history(tmp_path / run.HISTORY, 9)] == [0.1, 0.1, 0.1, 0.05]
    assert len(run.read_config(tmp_path)["earlier"]) == 1


def test_other_cores_and_variables_are_recorded_and_warned_of(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy_run(finished, tmp_path / "run")
    cores = hvd.cores_per_rank()
    with caplog.at_level("WARNING"):
        fit(constant_model(), replace(CONFIG, epochs=5), TASK, folder, resume=True)
    assert not caplog.messages
    monkeypatch.setattr(hvd, "cores_per_rank", lambda: cores + 1)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setattr("common.training.fit.library_versions", lambda: {**library_versions(), "keras": "9.9"})
    with caplog.at_level("WARNING"):
        fit(constant_model(), replace(CONFIG, epochs=6), TASK, folder, resume=True)
    (message,) = caplog.messages
    assert f"cores_per_rank was {cores} and is {cores + 1}" in message
    assert message.endswith(
        f"ONEDNN_MAX_CPU_ISA was not set and is AVX2, keras was {library_versions()['keras']} and is 9.9: "
        "numbers no longer agree bit for bit with a run that did not stop"
    )
    config = run.read_config(folder)
    assert (config["hardware"]["cores_per_rank"], config["environment"]["ONEDNN_MAX_CPU_ISA"]) == (cores + 1, "AVX2")


def test_a_run_of_an_older_version_recorded_no_hardware() -> None:
    now = {"hardware": {"cores_per_rank": 2}, "environment": {}}
    assert describe_changes({"settings": {}}, now) == describe_changes(now, now) == ""
    assert describe_changes({**now, "environment": {"XLA_FLAGS": "a"}}, now) == "XLA_FLAGS was a and is not set"


def test_a_run_without_validation_has_no_validation_loss(tmp_path: Path) -> None:
    fit(constant_model(), replace(CONFIG, epochs=1), replace(TASK, validation=Targets(0)), tmp_path)
    assert "val_loss" not in read_history(tmp_path / run.HISTORY, 1)[0]


def copy_run(source: Path, target: Path) -> Path:
    """Copy the files of a run."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    return target


def test_a_checkpoint_of_other_settings_is_refused_and_overwrites_nothing(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(WeightsError, match="was made with model constant, this run has other"):
        fit(constant_model(), CONFIG, replace(TASK, identity={"model": "other"}), folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_fewer_epochs_than_are_finished_are_refused(finished: Path, tmp_path: Path) -> None:
    """The record would say three epochs, and the weights would be those of the fourth."""
    folder = copy_run(finished, tmp_path / "run")
    before = (folder / run.CONFIG).read_bytes()
    with pytest.raises(SettingError, match="4 finished epochs, and --epochs asks for 3; give --epochs 4 or more"):
        fit(constant_model(), replace(CONFIG, epochs=3), TASK, folder, resume=True)
    assert (folder / run.CONFIG).read_bytes() == before


def of_an_older_version(folder: Path) -> None:
    """Take the history and the seal out of a checkpoint."""
    with h5py.File(folder / run.CHECKPOINT, "r+") as file:
        del file.attrs["history"], file.attrs["seal"]


def test_an_old_checkpoint_needs_the_history(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    of_an_older_version(folder)
    write_history(folder / run.HISTORY, read_history(folder / run.HISTORY, 3))
    with pytest.raises(RunFolderError, match="lacks some of the 4 epochs before the checkpoint; restore it"):
        fit(constant_model(), CONFIG, TASK, folder, resume=True)


def test_an_impossible_epoch_of_an_old_checkpoint_takes_no_memory(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    of_an_older_version(folder)
    with h5py.File(folder / run.CHECKPOINT, "r+") as file:
        file.attrs["epoch"] = 10**15
    with pytest.raises(RunFolderError, match="lacks some of the 1000000000000000 epochs"):
        fit(constant_model(), CONFIG, TASK, folder, resume=True)


@pytest.mark.parametrize("text", [None, "", "epoch,loss\n1,0.5\n", "\0"])
def test_the_history_is_written_anew_from_the_checkpoint(finished: Path, tmp_path: Path, text: str | None) -> None:
    folder = copy_run(finished, tmp_path / "run")
    before = (folder / run.HISTORY).read_bytes()
    (folder / run.HISTORY).unlink()
    if text is not None:
        (folder / run.HISTORY).write_text(text)
    fit(constant_model(), CONFIG, TASK, folder, resume=True)
    assert (folder / run.HISTORY).read_bytes() == before


def damage(path: Path) -> None:
    """Flip a bit of a weight in a checkpoint."""
    with h5py.File(path, "r+") as file:
        file["weights/0"][...] *= -1


def test_a_damaged_checkpoint_costs_one_epoch(finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = copy_run(finished, tmp_path / "run")
    damage(folder / run.CHECKPOINT)
    damaged = (folder / run.CHECKPOINT).read_bytes()
    fit(constant_model(), CONFIG, TASK, folder, resume=True)
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning == (
        f"{folder / run.CHECKPOINT} is damaged: weights/0 is not as it was written; restore it, or start a new run. "
        f"The run goes on from checkpoint.previous.h5, after epoch 3"
    )
    history = without_seconds(read_history(folder / run.HISTORY, 9))
    assert history == without_seconds(read_history(finished / run.HISTORY, 9))
    assert (folder / run.UNUSABLE_CHECKPOINT).read_bytes() == damaged


def test_a_run_goes_on_where_the_newest_checkpoint_had_not_got_its_name(finished: Path, tmp_path: Path) -> None:
    """The power went between the two renames."""
    folder = copy_run(finished, tmp_path / "run")
    (folder / run.CHECKPOINT).replace(folder / run.PREVIOUS_CHECKPOINT)
    fit(constant_model(), replace(CONFIG, epochs=5), TASK, folder, resume=True)
    assert [row["epoch"] for row in read_history(folder / run.HISTORY, 9)] == [1, 2, 3, 4, 5]
    assert not (folder / run.UNUSABLE_CHECKPOINT).exists()


def test_two_damaged_checkpoints_are_an_error_and_stay(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    damage(folder / run.CHECKPOINT)
    (folder / run.PREVIOUS_CHECKPOINT).write_bytes(b"")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(
        DamagedFileError,
        match=r"checkpoint\.h5 is damaged: weights/0 is .* run\. \S+checkpoint\.previous\.h5 is cut short, or is no check",
    ):
        fit(constant_model(), CONFIG, TASK, folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_damaged_best_weights_are_found(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    with h5py.File(folder / run.WEIGHTS, "r+") as file:
        file["layers/constant/vars/0"][...] *= -1
    with pytest.raises(
        DamagedFileError, match=r"best\.weights\.h5 is damaged: layers/constant/vars/0 is not as it was"
    ):
        fit(constant_model(), CONFIG, TASK, folder, resume=True)


@pytest.mark.parametrize("share", [None, 0, 0.5])
def test_missing_or_damaged_weights_are_refused(finished: Path, tmp_path: Path, share: float | None) -> None:
    folder = copy_run(finished, tmp_path / "run")
    whole = (folder / run.WEIGHTS).read_bytes()
    (folder / run.WEIGHTS).unlink()
    if share is not None:
        (folder / run.WEIGHTS).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RunFolderError, match=r"best\.weights\.h5 is missing or damaged; restore it"):
        fit(constant_model(), CONFIG, TASK, folder, resume=True)


@pytest.mark.parametrize(
    ("patches", "ranks", "batch_size"), [(10, 1, 4), (3, 1, 3), (9, 2, 4), (7, 2, 4), (5, 2, 3), (1, 8, 1)]
)
def test_batches_are_no_larger_than_the_share_of_a_rank(
    patches: int, ranks: int, batch_size: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hvd, "size", lambda: ranks)
    assert with_fitting_batches(CONFIG, patches).batch_size == batch_size
    assert bool(caplog.messages) == (batch_size < CONFIG.batch_size)


def test_each_patch_of_an_epoch_has_an_origin() -> None:
    origins = [batch_origins(CONFIG, TASK, epoch=1, step=step) for step in range(3)]
    assert [len(batch) for batch in origins] == [4, 4, 4]
    assert {name for batch in origins for name in batch} == {f"scene {index}" for index in range(10)}


def test_equal_values_have_equal_digests() -> None:
    assert digest({"a": [1, 2]}) == digest({"a": [1, 2]}) != digest({"a": [2, 1]})
    assert len(digest(None)) == 12
