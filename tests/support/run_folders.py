"""Run folders as killed jobs leave them, without a training."""

from pathlib import Path

import h5py

from common.runs import folder as run
from common.runs.config import RunConfig

EPOCHS = 3  # of each run


def write_run(folder: Path, epochs: int = EPOCHS) -> Path:
    """Write a run folder with every file of a run that has finished some of its epochs, or all."""
    folder.mkdir(exist_ok=True)
    for name in run.REPLACEABLE:
        (folder / name).write_text(name)
    (folder / run.LOG).write_text("2026-11-28 18:59:03,123 INFO common.runs.opening: holds no run\n")
    (folder / run.CONFIG).unlink()
    run.write_config(folder, RunConfig(epochs=EPOCHS))
    write_history(folder, epochs)
    write_checkpoint(folder, epochs)
    (folder / run.TENSORBOARD / "train").mkdir(parents=True, exist_ok=True)
    (folder / run.TENSORBOARD / "train" / "events.1").touch()
    return folder


def write_history(folder: Path, epochs: int) -> None:
    """Write a history with a number of epochs."""
    (folder / run.HISTORY).write_text("".join(f"{line}\n" for line in ("epoch,val loss", *range(1, epochs + 1))))


def write_checkpoint(folder: Path, epochs: int, name: str = run.CHECKPOINT) -> None:
    """Write a checkpoint that holds only the number of finished epochs."""
    with h5py.File(folder / name, "w") as file:
        file.attrs["epoch"] = epochs
