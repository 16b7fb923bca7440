"""A run goes on from its newest whole checkpoint; what does not fit is an error and changes nothing."""

from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from common.errors import DamagedFileError, RunFolderError, SettingError
from common.runs import folder as run
from common.training.fit import fit
from common.training.history import read_history, write_history
from tests.support.constant_run import CONFIG, TASK, copy_run, without_seconds
from tests.support.constant_training import constant_model


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


def test_a_checkpoint_that_is_a_link_to_nowhere_is_told(
    finished: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the scratch file system behind the link was cleared. The next checkpoint takes the place of the link."""
    folder = copy_run(finished, tmp_path / "run")
    (folder / run.CHECKPOINT).unlink()
    (folder / run.CHECKPOINT).symlink_to(tmp_path / "purged.h5")
    fit(constant_model(), CONFIG, TASK, folder, resume=True)
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warning == (
        f"the checkpoint {folder / run.CHECKPOINT} is a link to {tmp_path / 'purged.h5'}, which does not exist; correct the "
        f"link. The run goes on from checkpoint.previous.h5, after epoch 3"
    )
    assert (folder / run.CHECKPOINT).is_file() and not (folder / run.CHECKPOINT).is_symlink()
    history = without_seconds(read_history(folder / run.HISTORY, 9))
    assert history == without_seconds(read_history(finished / run.HISTORY, 9))


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
