"""What `bigearthnet/evaluate.py` will do: the checks before the work starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bigearthnet.evaluation.options import EvaluationOptions
from bigearthnet.prediction.trained import TrainedClassifier, method_names, read_trained
from bigearthnet.prepared.file import BigEarthNetFile, log_checks
from common.errors import SettingError
from common.runs.folder import check_output_folder


class EvaluationPlan(NamedTuple):
    """A checked evaluation.

    Attributes:
        data: prepared file.
        split: of the patches to measure on.
        rows: (N,) int, rows of these patches in the file.
        classifiers: name in tables and figures -> classifier.
    """

    data: Path
    split: str
    rows: np.ndarray
    classifiers: Mapping[str, TrainedClassifier]


def prepare_evaluation(options: EvaluationOptions) -> EvaluationPlan:
    """Check everything that can be checked before the networks are built; write nothing. Call on rank 0.

    Raises:
        RunFolderError: a run is not finished, or does not fit the prepared file.
        PatchFileError: the prepared file is missing, unfinished or damaged, or of another kind.
        SettingError: the batch size is below 1, the file lacks the split or Sentinel-1, or two runs have the same name.
        OutputError: the output folder is not empty or a run folder, or cannot be made or written to.
    """
    if options.batch_size < 1:
        raise SettingError(f"--batch-size must be above 0; got {options.batch_size}.")
    trained = [read_trained(folder) for folder in dict.fromkeys(options.run_folders)]
    classifiers = dict(zip(method_names(trained), trained, strict=True))
    file = BigEarthNetFile(options.data)
    log_checks(file)
    rows = np.flatnonzero(file.splits == options.split)
    if not len(rows):
        raise SettingError(
            f"{options.data} has no patch of split {options.split}; choose another --split, or prepare it with other "
            f"--splits."
        )
    for classifier in trained:
        classifier.patches(file, rows)
    check_output_folder(options.output, options.overwrite)
    return EvaluationPlan(options.data, options.split, rows, classifiers)
