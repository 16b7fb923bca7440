"""Scores of runs: one value for each label, seed, test unit and metric; their means, and differences between labels.

A method without training, such as interpolation, has no seed. Its values count for all seeds.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import SettingError, some_of
from common.runs.tables import read_rows, write_rows


class Score(NamedTuple):
    """One line of `scores.csv`. In that of superres-compare, a column `test` with the degradation of the test scenes comes first.

    Attributes:
        label: of the variant or method.
        seed: of the run; None for a method without training.
        unit: what was tested on, such as the name of a scene.
        metric: a key of `common.metrics.descriptions.DESCRIPTIONS`.
        value: in the unit of the metric.
    """

    label: str
    seed: int | None
    unit: str
    metric: str
    value: float


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write `scores.csv`, a column for each field of Score.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, scores, Score._fields)


def read_scores(path: str | os.PathLike[str]) -> list[Score]:
    """Read a file that `write_scores` wrote.

    Raises:
        RunFolderError: as `common.runs.tables.read_rows`.
    """
    return read_rows(path, Score)


def labels_of(scores: Iterable[Score]) -> list[str]:
    """Return the labels in their order."""
    return list(dict.fromkeys(score.label for score in scores))


def seed_means(scores: Iterable[Score], label: str, metric: str) -> np.ndarray:
    """Return the mean over units for each seed, (seeds,) float64; empty if there is no such score."""
    values: dict[int | None, list[float]] = {}
    for score in scores:
        if (score.label, score.metric) == (label, metric):
            values.setdefault(score.seed, []).append(score.value)
    return np.array([np.mean(of_seed) for of_seed in values.values()], float)


def paired_differences(scores: Sequence[Score], label: str, reference: str, metric: str) -> np.ndarray:
    """Return value of `label` minus value of `reference`, (seeds, units) float64, from equal seeds and units.

    Raises:
        SettingError: the two were measured on different units, or with different seeds.
    """
    first, second = (_by_seed_and_unit(scores, name, metric) for name in (label, reference))
    units = list(dict.fromkeys(unit for _, unit in first))
    seeds = list(dict.fromkeys(seed for key_values in (first, second) for seed, _ in key_values if seed is not None))
    pairs = [[(_find(first, seed, unit), _find(second, seed, unit)) for unit in units] for seed in seeds or [None]]
    unequal = {unit for _, unit in first} ^ {unit for _, unit in second}
    if unequal or any(None in pair for row in pairs for pair in row):
        raise SettingError(
            f"{label} and {reference} cannot be compared by {metric}: only one of them has a value for "
            f"{some_of(unequal) or 'each seed'}; measure both on the same data, with the same seeds."
        )
    return np.array([[one - other for one, other in row] for row in pairs], float)


def _by_seed_and_unit(scores: Sequence[Score], label: str, metric: str) -> dict[tuple[int | None, str], float]:
    return {(score.seed, score.unit): score.value for score in scores if (score.label, score.metric) == (label, metric)}


def _find(values: dict[tuple[int | None, str], float], seed: int | None, unit: str) -> float | None:
    return values.get((seed, unit), values.get((None, unit)))
