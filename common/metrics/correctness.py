"""Improvement, omission and hallucination of an estimate, in the sense of opensr-test. NumPy only.

Three images are compared at each pixel: the truth, the estimate, and the upsampled input. With the normalised difference
d(x,y) = mean over bands of |x - y| / (|x| + |y|):

    d_ref = d(input, truth)    d_im = d(estimate, truth) / d_ref    d_om = d(estimate, input) / d_ref
    H = d_im + d_om - 1        how far the estimate leaves the way from input to truth
    improvement  i = d_im + d_om (1 - exp(-g H))
    omission     o = d_om + d_im (1 - exp(-g H))
    hallucination h = exp(-g d_im d_om)

i, o and h are distances, g = 0.05. A softmin of temperature 0.25, exp(-i / 0.25) / sum, makes shares of them. The metrics are
the means of the shares over the pixels where d_ref, d(estimate, truth) or d(estimate, input) is above the third quartile of
d_ref. They add up to 1. Improvement: higher is better; omission and hallucination: lower is better. The truth has an
improvement of about 0.96, the upsampled input an omission of about 0.96.

These are the formulas and the values of opensr-test 1.3.3 by default. Differences: the estimate is not harmonised with the
truth first (histograms, shift), because at reduced scale input and truth are one image; shifts and wrong colours of the
estimate therefore count. |x| + |y| is the package's |x + y| but for reflectances below 0, where that is near 0.

Reference:
    Aybar et al. 2024, doi:10.1109/LGRS.2024.3401394.
"""

from collections.abc import Callable

import numpy as np

from common.metrics.image_pairs import require_finite, row_strips

WEIGHT = 0.05  # g
TEMPERATURE = 0.25
QUARTILE = 0.75
NAMES = ("improvement", "omission", "hallucination")


class Correctness:
    """Measures estimates of one scene.

    Args:
        truth: (rows, cols, bands).
        upsampled: returns rows of the upsampled input, (rows of the slice, cols, bands).
        valid: (rows, cols) bool, which pixels count; at least one.
    """

    def __init__(self, truth: np.ndarray, upsampled: Callable[[slice], np.ndarray], valid: np.ndarray):
        self.truth, self.upsampled, self.valid = truth, upsampled, valid
        reference = np.concatenate(
            [
                normalised_difference(upsampled(rows)[valid[rows]], truth[rows][valid[rows]])
                for rows in row_strips(*valid.shape)
            ]
        )
        rank = max(int(QUARTILE * len(reference)), 1) - 1
        reference.partition(rank)
        self.threshold = reference[rank]

    def measure(self, estimate: np.ndarray) -> dict[str, float]:
        """Return the mean shares by name; all 0 if no pixel is above the threshold, as in a constant scene.

        Raises:
            ValueError: a valid pixel of the estimate is not finite.
        """
        totals, pixels = np.zeros(len(NAMES)), 0
        for rows in row_strips(*self.valid.shape):
            valid = self.valid[rows]
            spectra, truth, upsampled = (
                image[valid] for image in (estimate[rows], self.truth[rows], self.upsampled(rows))
            )
            require_finite(spectra.sum(axis=0))
            reference = normalised_difference(upsampled, truth)
            to_truth, to_input = normalised_difference(spectra, truth), normalised_difference(spectra, upsampled)
            changed = np.maximum(np.maximum(reference, to_truth), to_input) > self.threshold
            totals += pixel_shares(reference[changed], to_truth[changed], to_input[changed]).sum(axis=0)
            pixels += np.count_nonzero(changed)
        return dict(zip(NAMES, (totals / max(pixels, 1)).tolist(), strict=True))


def normalised_difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean over bands of |x - y| / (|x| + |y|), from 0 to 1: (pixels, bands) to (pixels,) float32; 0 / 0 is 0."""
    total = np.abs(x) + np.abs(y)
    return np.divide(np.abs(x - y), total, out=np.zeros_like(total), where=total > 0).mean(axis=1, dtype=np.float32)


def pixel_shares(reference: np.ndarray, to_truth: np.ndarray, to_input: np.ndarray) -> np.ndarray:
    """Return the shares of NAMES at each pixel, (pixels, 3), from d_ref, d(estimate, truth) and d(estimate, input).

    Where input and truth are equal and the estimate is not, all is hallucination.
    """
    with np.errstate(divide="ignore", over="ignore"):  # infinite distances have a share of 0
        d_im, d_om = to_truth / reference, to_input / reference
        excess = 1 - np.exp(-WEIGHT * (d_im + d_om - 1))
        distances = np.stack([d_im + d_om * excess, d_om + d_im * excess, np.exp(-WEIGHT * d_im * d_om)], axis=1)
    likeness = np.exp(-distances / TEMPERATURE)
    return likeness / likeness.sum(axis=1, keepdims=True)
