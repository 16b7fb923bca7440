"""Training of a constant: a run folder, and a run that continues as if it had not stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.errors import RunFolderError, WeightsError
from common.runs import folder as run
from common.runs.config import RunConfig
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
    names = {run.CONFIG, run.HISTORY, run.WEIGHTS, run.CHECKPOINT, run.TENSORBOARD}
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
    with caplog.at_level("WARNING"):
        fit(constant_model(), replace(CONFIG, epochs=6), TASK, folder, resume=True)
    (message,) = caplog.messages
    assert f"cores_per_rank was {cores} and is {cores + 1}" in message
    assert message.endswith(
        "ONEDNN_MAX_CPU_ISA was not set and is AVX2: numbers no longer agree bit for bit with a run that did not stop"
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


def test_a_history_that_lacks_epochs_is_refused(finished: Path, tmp_path: Path) -> None:
    folder = copy_run(finished, tmp_path / "run")
    write_history(folder / run.HISTORY, read_history(folder / run.HISTORY, 3))
    with pytest.raises(RunFolderError, match="lacks some of the 4 epochs before the checkpoint; restore it"):
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
