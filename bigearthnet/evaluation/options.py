"""The options of an evaluation as a record. Light: imports no Keras."""

from dataclasses import dataclass
from pathlib import Path

BATCH_SIZE = 64


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure; see `bigearthnet/evaluate.py` for the options of the same names.

    Attributes:
        data: prepared file.
        run_folders: folders of the training runs.
        output: folder for tables and figures.
        split: patches to measure on, one of `bigearthnet.archive.splits.SPLITS`.
    """

    data: Path
    run_folders: tuple[Path, ...]
    output: Path
    split: str = "test"
    batch_size: int = BATCH_SIZE
    overwrite: bool = False
    show_progress: bool = False
