"""Errors of an estimated image, pixel by pixel: RMSE, SRE, PSNR, ERGAS and SAM. NumPy only.

Images are (rows, cols, bands) in DN, masks as in `common/metrics/image_pairs.py`. Packages define these metrics
differently; each docstring gives the formula that is used here.

No function returns NaN. A docstring gives the value where a formula is undefined, or ValueError is raised.
"""

import math
from typing import NamedTuple

import numpy as np

from common.metrics.image_pairs import quotient, valid_spectra

PEAK_DN = 10000.0  # reflectance 1


class ErrorMoments(NamedTuple):
    """The moments of an image pair that RMSE, SRE, PSNR and ERGAS need, each of shape (bands,).

    Attributes:
        mse: mean square error, DN^2.
        mean: mean of the truth, DN.
    """

    mse: np.ndarray
    mean: np.ndarray


def error_moments(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> ErrorMoments:
    """Return mean square error and mean of the truth, for each band over all valid pixels.

    Raises:
        ValueError: shapes differ, no pixel is valid, or a valid pixel is not finite.
    """
    squares, total, pixels = 0.0, 0.0, 0
    for x, y in valid_spectra(truth, estimate, mask):
        squares = squares + np.square(x - y).sum(axis=0)
        total = total + x.sum(axis=0)
        pixels += len(x)
    return ErrorMoments(squares / pixels, total / pixels)


def rmse(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return the root mean square error, sqrt(mean((x - y)^2)), over all pixels and bands.

    Unit DN; 0 is perfect, lower is better.

    Raises:
        ValueError: shapes differ, no pixel is valid, or a valid pixel is not finite.
    """
    return float(np.sqrt(error_moments(truth, estimate, mask).mse.mean()))


def sre_per_band(moments: ErrorMoments) -> np.ndarray:
    """Return the signal to reconstruction error of each band, 10 log10(mean(x)^2 / mean((x - y)^2)).

    Unit dB, shape (bands,); higher is better. Infinite for a band without error.

    Raises:
        ValueError: the mean of a band of the truth is 0.

    Reference:
        Lanaras et al. 2018, arXiv:1803.04271, section 4.1.
    """
    _require_signal(moments.mean)
    return 10.0 * np.log10(quotient(moments.mean**2, moments.mse, np.inf))


def psnr(mse: np.ndarray | float) -> np.ndarray:
    """Return the peak signal to noise ratio, 20 log10(10000 / RMSE), of mean square errors; as in scikit-image.

    Unit dB, shape of `mse`; higher is better. Infinite without error.
    """
    return 10.0 * np.log10(quotient(PEAK_DN**2, mse, np.inf))


def ergas(moments: ErrorMoments, scale_factor: int) -> float:
    """Return the relative dimensionless global error in synthesis, 100 / s sqrt(mean_b(RMSE_b^2 / mean(x_b)^2)).

    s is the ratio of the GSDs, 2 or 6. Dimensionless (a percentage); 0 is perfect, lower is better.

    Raises:
        ValueError: the mean of a band of the truth is 0.

    Reference:
        Wald 2000; the factor is the GSD of the sharp image over that of the coarse one.
    """
    _require_signal(moments.mean)
    return float(100.0 / scale_factor * np.sqrt((moments.mse / moments.mean**2).mean()))


def sam(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Return the spectral angle, the mean over pixels of arccos(x.y / (|x| |y|)); x and y are the spectra of a pixel.

    Unit degrees; 0 is perfect, lower is better. A factor common to all bands changes nothing. The angle between two
    spectra of norm 0 is 0; between one of norm 0 and another it is 90 degrees.

    Raises:
        ValueError: shapes differ, no pixel is valid, or a valid pixel is not finite.

    Reference:
        Kruse et al. 1993, doi:10.1016/0034-4257(93)90013-N.
    """
    angles, pixels = 0.0, 0
    for x, y in valid_spectra(truth, estimate, mask):
        angles += float(_spectral_angles(x, y).sum())
        pixels += len(x)
    return math.degrees(angles / pixels)


def _spectral_angles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return angles in radians between spectra of shape (pixels, bands)."""
    dot, xx, yy = (np.einsum("pb,pb->p", a, b) for a, b in ((x, y), (x, x), (y, y)))
    both_dark = (xx == 0) & (yy == 0)
    cosine = np.where(both_dark, 1.0, quotient(dot, np.sqrt(xx * yy), 0.0))
    return np.arccos(cosine.clip(-1.0, 1.0))  # rounding may give 1 + 2e-16


def _require_signal(mean: np.ndarray) -> None:
    """Raise ValueError if the mean of a band is 0."""
    if not mean.all():
        raise ValueError(
            f"SRE and ERGAS divide by the mean of each band of the truth, which is 0 in band {int(mean.argmin())} "
            f"(counted from 0): leave that band out, or mask nodata."
        )
