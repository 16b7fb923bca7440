"""The size of errors by their score, measured at reduced scale where the truth is known. NumPy only, no I/O.

For each band, the pixels of the calibration are divided into KNOTS groups of equal number by their score. The expected
absolute error at the mean score of a group is the group's mean |error|. It never falls with the score. Between groups it is
interpolated; above the last one it grows in proportion to the score.

    expected = interpolate(score)
    bound    = k * expected,    where k is the quantile (68 % or 95 %) of |error| / expected over all pixels

so that 68 % and 95 % of the errors of the calibration lie within the bounds, as in split conformal prediction with
normalised errors (J. Lei et al., Distribution-free predictive inference for regression, JASA 2018, arXiv:1604.04173,
section 5.2). All are in reflectance * 10000, which is DN without offset.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

KNOTS = 20
LEVELS = (0.68, 0.95)  # shares of the errors within the bounds
LEAST_PIXELS = 1000  # of a band, to calibrate it
LEAST_EXPECTED = 1e-3  # DN; keeps ratios finite where every error is 0


@dataclass(frozen=True)
class Curve:
    """The calibration of one band.

    Attributes:
        scores: mean score of each group, which rises.
        expected: mean |error| of each group, above 0, which does not fall.
        bounds: k for each of LEVELS.
    """

    scores: tuple[float, ...]
    expected: tuple[float, ...]
    bounds: tuple[float, ...]

    def expected_error(self, score: np.ndarray) -> np.ndarray:
        """Return the expected absolute error for each score: shape of score, float32."""
        highest = self.scores[-1]
        beyond = np.maximum(score / np.float32(highest), np.float32(1)) if highest > 0 else np.float32(1)
        return (np.interp(score, self.scores, self.expected) * beyond).astype(np.float32)


def fit_curve(scores: np.ndarray, errors: np.ndarray) -> Curve:
    """Return the calibration of one band.

    Args:
        scores: of the pixels, (n,), at least LEAST_PIXELS.
        errors: |estimate - truth| of the same pixels, (n,).

    Raises:
        ValueError: there are too few pixels.
    """
    if len(scores) < LEAST_PIXELS:
        raise ValueError(f"a calibration needs at least {LEAST_PIXELS} pixels; got {len(scores)}.")
    groups = np.array_split(np.argsort(scores, kind="stable"), KNOTS)
    mean_scores = np.array([scores[group].mean(dtype=np.float64) for group in groups])
    mean_errors = np.array([errors[group].mean(dtype=np.float64) for group in groups])
    rising = np.maximum.accumulate(np.maximum(mean_errors, LEAST_EXPECTED))
    curve = Curve(tuple(mean_scores.tolist()), tuple(rising.tolist()), ())
    ratios = np.quantile(errors / curve.expected_error(scores), LEVELS)
    return Curve(curve.scores, curve.expected, tuple(ratios.tolist()))


@dataclass(frozen=True)
class Calibration:
    """The calibration of a network, or of the mean of several members.

    Attributes:
        gsd: native GSD in metres of the sharpened bands.
        weights: SHA-256 of the weights of each member, in alphabetical order.
        degradation: of the scenes.
        scenes: names of the scenes that it was measured on.
        curves: band -> its curve.
    """

    gsd: int
    weights: tuple[str, ...]
    degradation: str
    scenes: tuple[str, ...]
    curves: dict[str, Curve]

    @property
    def checksum(self) -> str:
        """SHA-256 of all numbers: equal calibrations give equal results."""
        return hashlib.sha256(repr((self.weights, self.curves)).encode()).hexdigest()

    def expected_error(self, score: np.ndarray) -> np.ndarray:
        """Return the expected absolute error of each pixel.

        Args:
            score: (rows, cols, bands), bands in the order of `curves`.

        Returns:
            Shape of score, float32, reflectance * 10000.
        """
        curves = self.curves.values()
        return np.stack([curve.expected_error(score[..., index]) for index, curve in enumerate(curves)], axis=-1)


def fit_curves(scores: np.ndarray, errors: np.ndarray, bands: Sequence[str]) -> dict[str, Curve]:
    """Return band -> its curve, of scores and errors (n, bands). Raises as `fit_curve`."""
    return {band: fit_curve(scores[:, index], errors[:, index]) for index, band in enumerate(bands)}
