"""Expected errors against true ones, at pixels that the calibration has not seen: `reliability.csv` and Markdown.

Each scene is tested with the calibration of the other scenes. A single scene is tested by halves: its lower half with the
calibration of the upper one, and the reverse. NumPy only.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from common.errors import ProductError
from superres.evaluation.reliability.sampling import ErrorSample
from superres.uncertainty.calibration import fit_curve

DECILES = 10
ALL_SCENES = "all scenes"


class ReliabilityRow(NamedTuple):
    """One line of `reliability.csv`.

    Attributes:
        scene: its name, or ALL_SCENES.
        band: such as `B05`.
        decile: 1 to 10, of the pixels of the band by their expected error; None for all pixels.
        expected: mean of the expected absolute errors, in reflectance * 10000.
        found: mean of the true absolute errors, in reflectance * 10000.
        within_68, within_95: share of the true errors within the bounds for 68 % and 95 %.
    """

    scene: str
    band: str
    decile: int | None
    expected: float
    found: float
    within_68: float
    within_95: float


def reliability_rows(samples: Mapping[str, ErrorSample], bands: Sequence[str]) -> list[ReliabilityRow]:
    """Return the rows of all scenes; of several scenes, also those of all pixels together.

    Args:
        samples: scene -> its sample.
        bands: of the samples.

    Raises:
        ProductError: there are too few pixels.
    """
    rows = []
    for index, band in enumerate(bands):
        pixels = [(sample.scores[:, index], sample.errors[:, index]) for sample in samples.values()]
        if len(pixels) == 1:
            halves = zip(*(np.array_split(values, 2) for values in pixels[0]), strict=True)
            tested = [np.concatenate(_test_each_with_others(list(halves)), axis=1)]
        else:
            tested = _test_each_with_others(pixels)
        named = list(zip(samples, tested, strict=True))
        if len(tested) > 1:
            named.append((ALL_SCENES, np.concatenate(tested, axis=1)))
        rows += [row for scene, parts in named for row in _rows(scene, band, parts)]
    return rows


def _test_each_with_others(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """Test each part (scores, errors) with the calibration of the others.

    Returns:
        For each part (4, pixels): expected and true errors, and the bounds for each of LEVELS.
    """
    tested = []
    for number, (scores, errors) in enumerate(parts):
        others = [part for other, part in enumerate(parts) if other != number]
        try:
            curve = fit_curve(*(np.concatenate(values) for values in zip(*others, strict=True)))
        except ValueError as error:
            raise ProductError(f"--uncertainty: {error} Give more scenes, or larger ones.") from error
        expected = curve.expected_error(scores)
        tested.append(np.stack([expected, errors, *(expected * np.float32(bound) for bound in curve.bounds)]))
    return tested


def _rows(scene: str, band: str, tested: np.ndarray) -> list[ReliabilityRow]:
    order = np.argsort(tested[0], kind="stable")
    groups = {None: order, **dict(enumerate(np.array_split(order, DECILES), start=1))}
    rows = []
    for decile, group in groups.items():
        expected, errors, *bounds = tested[:, group]
        shares = [float((errors <= bound).mean()) for bound in bounds]
        means = [float(values.mean(dtype=np.float64)) for values in (expected, errors)]
        rows.append(ReliabilityRow(scene, band, decile, *means, *shares))
    return rows
