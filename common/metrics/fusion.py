"""How far an estimated image is from the truth: RMSE, SRE, SAM, ERGAS, UIQ, PSNR, SSIM. NumPy, no TensorFlow, no I/O.

Images are (rows, cols, bands) in DN, uint16 or float; all arithmetic is float64, on strips of rows, so a whole tile
fits. `mask` is (rows, cols), True where a pixel is valid; windows of UIQ and SSIM that touch an invalid pixel are left
out. Packages disagree about these metrics: the formula in each docstring is the one meant.

No function returns NaN: what is undefined has a stated value or raises ValueError.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import minimum_filter
from skimage.metrics import structural_similarity

PEAK_DN = 10000.0  # reflectance 1
UIQ_WINDOW = 8  # px, Wang and Bovik 2002
SSIM_WINDOW = 11  # px: 2 * int(3.5 * sigma + 0.5) + 1 for sigma 1.5, as scikit-image cuts the Gaussian
SSIM_SIGMA = 1.5  # px, Wang et al. 2004
STRIP_PIXELS = 2**19  # of one strip: 4 MB a band in float64
OVERALL = "all"  # in place of a band's name


class FusionMetric(NamedTuple):
    """One row of a table of metrics; band `all` is the value for all bands together."""

    band: str
    metric: str
    value: float


def fusion_metrics(
    truth: np.ndarray,
    estimate: np.ndarray,
    bands: tuple[str, ...],
    scale_factor: int,
    mask: np.ndarray | None = None,
) -> list[FusionMetric]:
    """Every metric, for all bands together and, but for SAM and ERGAS, for each band.

    Args:
        truth: shape (rows, cols, bands), DN; at least 11 x 11 pixels.
        estimate: the same shape.
        bands: names of the bands, in their order.
        scale_factor: ratio of the two GSDs, 2 or 6 (ERGAS divides by it).
        mask: shape (rows, cols), True where a pixel is valid; None: everywhere.

    Returns:
        Rows (band, metric, value), first those of band `all`, then band by band.

    Raises:
        ValueError: shapes do not fit, no valid pixel or window is left, a value is not finite, or a band of the truth
            has a mean of 0.
    """
    if len(bands) != truth.shape[-1]:
        raise ValueError(f"one name for each of {truth.shape[-1]} bands is needed; got {', '.join(bands) or 'none'}.")
    mse, mean = _error_moments(truth, estimate, mask)
    per_band = {
        "rmse": np.sqrt(mse),
        "sre": _sre_db(mse, mean),
        "uiq": uiq_per_band(truth, estimate, mask),
        "psnr": _psnr_db(mse),
        "ssim": ssim_per_band(truth, estimate, mask),
    }
    overall = {
        "rmse": float(np.sqrt(mse.mean())),
        "sre": float(per_band["sre"].mean()),
        "sam": sam(truth, estimate, mask),
        "ergas": _ergas(mse, mean, scale_factor),
        "uiq": float(per_band["uiq"].mean()),
        "psnr": float(_psnr_db(mse.mean())),
        "ssim": float(per_band["ssim"].mean()),
    }
    rows = [FusionMetric(OVERALL, metric, value) for metric, value in overall.items()]
    for index, band in enumerate(bands):
        rows += [FusionMetric(band, metric, float(values[index])) for metric, values in per_band.items()]
    return rows


def rmse(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Root mean square error, sqrt(mean((x - y)^2)), over all pixels and bands together.

    Unit DN; 0 is perfect, lower is better.
    """
    return float(np.sqrt(_error_moments(truth, estimate, mask)[0].mean()))


def rmse_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`rmse` of each band, shape (bands,)."""
    return np.sqrt(_error_moments(truth, estimate, mask)[0])


def sre(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Signal to reconstruction error, the mean over bands of 10 log10(mean(x_b)^2 / mean((x_b - y_b)^2)).

    Unit dB; higher is better. Infinite where a band is reproduced exactly; ValueError where the mean of a band of the
    truth is 0.

    Reference:
        Lanaras et al. 2018, arXiv:1803.04271, section 4.1.
    """
    return float(sre_per_band(truth, estimate, mask).mean())


def sre_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`sre` of each band, shape (bands,), dB."""
    return _sre_db(*_error_moments(truth, estimate, mask))


def sam(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Spectral angle, the mean over pixels of arccos(x.y / (|x| |y|)), x and y being the spectra of a pixel.

    Unit degrees; 0 is perfect, lower is better. Blind to a factor common to all bands. The angle between two spectra
    of norm 0 counts as 0, that between one of norm 0 and another as 90 degrees.

    Reference:
        Kruse et al. 1993, doi:10.1016/0034-4257(93)90013-N.
    """
    angles, pixels = 0.0, 0
    for x, y in _valid_spectra(truth, estimate, mask):
        angles += float(_spectral_angles(x, y).sum())
        pixels += len(x)
    return math.degrees(angles / pixels)


def ergas(truth: np.ndarray, estimate: np.ndarray, scale_factor: int, mask: np.ndarray | None = None) -> float:
    """Relative dimensionless global error in synthesis, 100 / s sqrt(mean_b(RMSE_b^2 / mean(x_b)^2)).

    s is the ratio of the GSDs, 2 or 6. Dimensionless (a percentage); 0 is perfect, lower is better. ValueError where
    the mean of a band of the truth is 0.

    Reference:
        Wald 2000; the factor is the GSD of the sharp image over that of the coarse one.
    """
    return _ergas(*_error_moments(truth, estimate, mask), scale_factor)


def uiq(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Universal image quality index: 4 cov(x,y) mean(x) mean(y) / ((var x + var y) (mean(x)^2 + mean(y)^2)).

    In windows of 8 x 8 pixels, stride 1, population moments; the mean over windows, then over bands. Dimensionless,
    from -1 to 1; 1 is perfect, higher is better. The index is the product of a contrast and correlation factor,
    2 cov / (var x + var y), and a luminance factor, 2 mean(x) mean(y) / (mean(x)^2 + mean(y)^2); a factor that is 0 / 0
    counts as 1, so two constant windows are compared by their means, as in the authors' own code.

    Raises:
        ValueError: the image has fewer than 8 rows or columns, or no window is wholly valid.

    Reference:
        Wang and Bovik 2002, doi:10.1109/97.995823.
    """
    return float(uiq_per_band(truth, estimate, mask).mean())


def uiq_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`uiq` of each band, shape (bands,)."""
    return _window_means(truth, estimate, mask, UIQ_WINDOW, _uiq_map)


def psnr(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio, 20 log10(10000 / RMSE), over all pixels and bands together; as in scikit-image.

    Unit dB; higher is better, infinite where the images are equal.
    """
    return float(_psnr_db(_error_moments(truth, estimate, mask)[0].mean()))


def psnr_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`psnr` of each band, shape (bands,), dB."""
    return _psnr_db(_error_moments(truth, estimate, mask)[0])


def ssim(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Structural similarity, scikit-image's: Gaussian window of sigma 1.5, population covariance, data range 10000.

    (2 mean(x) mean(y) + C1) (2 cov + C2) / ((mean(x)^2 + mean(y)^2 + C1) (var x + var y + C2)), C1 = (0.01 * 10000)^2,
    C2 = (0.03 * 10000)^2; the mean over windows that lie in the image, then over bands. Dimensionless; 1 is perfect,
    higher is better.

    Raises:
        ValueError: the image has fewer than 11 rows or columns, or no window is wholly valid.

    Reference:
        Wang et al. 2004, doi:10.1109/TIP.2003.819861.
    """
    return float(ssim_per_band(truth, estimate, mask).mean())


def ssim_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """`ssim` of each band, shape (bands,)."""
    return _window_means(truth, estimate, mask, SSIM_WINDOW, _ssim_map)


def _error_moments(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean square error and mean of the truth, each of shape (bands,)."""
    squares, total, pixels = 0.0, 0.0, 0
    for x, y in _valid_spectra(truth, estimate, mask):
        squares = squares + np.square(x - y).sum(axis=0)
        total = total + x.sum(axis=0)
        pixels += len(x)
    return squares / pixels, total / pixels


def _sre_db(mse: np.ndarray, mean: np.ndarray) -> np.ndarray:
    _require_signal(mean)
    return 10.0 * np.log10(_quotient(mean**2, mse, np.inf))


def _psnr_db(mse: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10(_quotient(PEAK_DN**2, mse, np.inf))


def _ergas(mse: np.ndarray, mean: np.ndarray, scale_factor: int) -> float:
    _require_signal(mean)
    return float(100.0 / scale_factor * np.sqrt((mse / mean**2).mean()))


def _require_signal(mean: np.ndarray) -> None:
    if not mean.all():
        raise ValueError(
            f"SRE and ERGAS divide by the mean of each band of the truth, which is 0 in band {int(mean.argmin())} "
            f"(counted from 0): leave that band out, or mask nodata."
        )


def _quotient(numerator: np.ndarray | float, denominator: np.ndarray, where_zero: float) -> np.ndarray:
    """numerator / denominator, and `where_zero` where the denominator is 0."""
    filled = np.full(np.shape(denominator), where_zero)
    return np.divide(numerator, denominator, out=filled, where=np.not_equal(denominator, 0))


def _spectral_angles(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Angles in radians between spectra of shape (pixels, bands)."""
    dot, xx, yy = (np.einsum("pb,pb->p", a, b) for a, b in ((x, y), (x, x), (y, y)))
    both_dark = (xx == 0) & (yy == 0)
    cosine = np.where(both_dark, 1.0, _quotient(dot, np.sqrt(xx * yy), 0.0))
    return np.arccos(cosine.clip(-1.0, 1.0))  # rounding may leave 1 + 2e-16


def _uiq_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """UIQ of each window in a band: (rows, cols) to (rows - 7, cols - 7)."""
    count = UIQ_WINDOW**2
    sum_x, sum_y = _window_sums(x), _window_sums(y)
    product, squares = sum_x * sum_y, sum_x**2 + sum_y**2
    # Both are count^2 times the moments, and exact for integer DN: a constant window has a variance of exactly 0.
    covariance = count * _window_sums(x * y) - product
    variances = count * _window_sums(x**2 + y**2) - squares
    index = _quotient(2 * covariance, variances, 1.0) * _quotient(2 * product, squares, 1.0)
    return index.clip(-1.0, 1.0)


def _window_sums(values: np.ndarray) -> np.ndarray:
    """Sums of 8 x 8 windows, by doubling: (rows, cols) to (rows - 7, cols - 7)."""
    for reach in (1, 2, 4):
        values = values[:-reach] + values[reach:]
        values = values[:, :-reach] + values[:, reach:]
    return values


def _ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """SSIM of each window in a band: (rows, cols) to (rows - 10, cols - 10)."""
    _, index = structural_similarity(
        x, y, data_range=PEAK_DN, gaussian_weights=True, sigma=SSIM_SIGMA, use_sample_covariance=False, full=True
    )
    inside = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
    return index[inside, inside]


def _window_means(
    truth: np.ndarray,
    estimate: np.ndarray,
    mask: np.ndarray | None,
    window: int,
    index_map: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Mean over all wholly valid windows of `index_map`, shape (bands,); strips of rows overlap by window - 1."""
    _check_shapes(truth, estimate, mask)
    if min(truth.shape[:2]) < window:
        raise ValueError(f"windows of {window} x {window} px need a larger image; got {_size(truth)}.")
    totals, windows = np.zeros(truth.shape[-1]), 0
    for rows in _row_strips(*truth.shape[:2], window - 1):
        whole = ... if mask is None else _whole_windows(mask[rows], window)
        for band in range(len(totals)):
            x, y = (image[rows, :, band].astype(np.float64) for image in (truth, estimate))
            kept = index_map(x, y)[whole]
            totals[band] += kept.sum()
        windows += kept.size
    if not windows:
        raise ValueError(f"no window of {window} x {window} px in {_size(truth)} is wholly valid; leave the image out.")
    _require_finite(totals)
    return totals / windows


def _whole_windows(mask: np.ndarray, window: int) -> np.ndarray:
    """Which windows hold valid pixels only: (rows, cols) to (rows - window + 1, cols - window + 1)."""
    first = window // 2  # the pixel that minimum_filter takes for the centre of the first window
    last = first - window + 1
    inside = slice(first, last or None)
    return minimum_filter(mask, size=window)[inside, inside]


def _valid_spectra(
    truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The valid pixels of both images, strip by strip: two arrays (pixels, bands), float64."""
    _check_shapes(truth, estimate, mask)
    if 0 in truth.shape or (mask is not None and not mask.any()):
        raise ValueError(f"no valid pixel to compare in an image of {_size(truth)}; leave the image out.")
    for rows in _row_strips(*truth.shape[:2]):
        valid = ... if mask is None else mask[rows]
        pair = tuple(image[rows][valid].reshape(-1, truth.shape[-1]).astype(np.float64) for image in (truth, estimate))
        for pixels in pair:
            _require_finite(pixels.sum(axis=0))
        yield pair


def _row_strips(rows: int, cols: int, overlap: int = 0) -> Iterator[slice]:
    """Slices of rows that fit the cache; each begins `overlap` rows before the end of the one before."""
    height = max(1, STRIP_PIXELS // cols)
    for top in range(0, rows - overlap, height):
        yield slice(top, min(top + height + overlap, rows))


def _check_shapes(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None) -> None:
    if truth.ndim != 3 or estimate.shape != truth.shape:
        raise ValueError(
            f"truth and estimate must have one shape (rows, cols, bands); got {truth.shape} and {estimate.shape}."
        )
    if mask is not None and (mask.shape != truth.shape[:2] or mask.dtype != bool):
        raise ValueError(f"mask must be bool of shape {truth.shape[:2]}; got {mask.dtype} of shape {mask.shape}.")


def _require_finite(sums: np.ndarray) -> None:
    if not np.isfinite(sums).all():
        raise ValueError("truth or estimate holds NaN or infinity; mask those pixels, or look at the network's output.")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[0]} x {image.shape[1]} px"
