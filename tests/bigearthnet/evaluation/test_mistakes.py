"""The worst mistakes: chosen by the distance of a probability from its label."""

import numpy as np
import pytest

from bigearthnet.evaluation.mistakes import SHOWN_MISTAKES, find_mistakes
from bigearthnet.prediction.prepared_patches import Predictions
from bigearthnet.prepared.file import BigEarthNetFile
from tests.support.made_patches import write_made

PATCHES = 12


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> BigEarthNetFile:
    return BigEarthNetFile(write_made(tmp_path_factory.mktemp("data") / "made.h5", ["test"] * PATCHES))


def predictions_of(file: BigEarthNetFile, rows: np.ndarray) -> tuple[Predictions, np.ndarray]:
    """Predictions that are right by far, and their probabilities to spoil."""
    labels = file.labels[rows]
    probabilities = np.where(labels == 1, 0.9, 0.1).astype(np.float32)
    return Predictions(rows, labels, probabilities), probabilities


def test_no_mistakes(file: BigEarthNetFile) -> None:
    predictions, _ = predictions_of(file, np.arange(PATCHES))
    assert find_mistakes(file, predictions, np.full(len(file.class_names), 0.5)) == []


def test_worst_patches_come_first_with_their_classes_and_colours(file: BigEarthNetFile) -> None:
    rows = np.array([2, 5, 7, 11])
    predictions, probabilities = predictions_of(file, rows)
    absent = int(np.flatnonzero(file.labels[7] == 0)[0])
    present = int(np.flatnonzero(file.labels[11] == 1)[0])
    probabilities[2, absent] = 0.7  # row 7: wrong by 0.7
    probabilities[3, present] = 0.05  # row 11: wrong by 0.95
    first, second = find_mistakes(file, predictions, np.full(len(file.class_names), 0.5))
    assert (first.name, second.name) == (file.names[11], file.names[7])
    assert (first.missed, first.wrong) == ([file.class_names[present]], [])
    assert (second.missed, second.wrong) == ([], [file.class_names[absent]])
    assert second.found == [file.class_names[index] for index in np.flatnonzero(file.labels[7])]
    np.testing.assert_array_equal(
        first.image, file.read(np.array([11]), ("s2_10m",))["s2_10m"][0, ..., [2, 1, 0]].transpose(1, 2, 0)
    )


def test_decisions_follow_the_thresholds(file: BigEarthNetFile) -> None:
    """A probability of 0.1 is a decision for a class whose threshold is below."""
    predictions, _ = predictions_of(file, np.arange(PATCHES))
    mistakes = find_mistakes(file, predictions, np.full(len(file.class_names), 0.05))
    assert len(mistakes) == SHOWN_MISTAKES
    assert all(mistake.wrong and not mistake.missed for mistake in mistakes)
