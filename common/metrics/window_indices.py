"""Indices of an estimated image, window by window: UIQ and SSIM. NumPy, SciPy and scikit-image.

Images are (rows, cols, bands) in DN, masks as in `common/metrics/image_pairs.py`. A window that touches an invalid pixel
does not count. No function returns NaN.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import minimum_filter

from common.metrics.image_errors import PEAK_DN
from common.metrics.image_pairs import check_shapes, describe_size, quotient, require_finite, row_strips

UIQ_WINDOW = 8  # px, Wang and Bovik 2002
SSIM_WINDOW = 11  # px: 2 * int(3.5 * sigma + 0.5) + 1 for sigma 1.5, as scikit-image cuts the Gaussian
SSIM_SIGMA = 1.5  # px, Wang et al. 2004


def uiq_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the universal image quality index of each band, the mean over windows of 8 x 8 pixels, stride 1:

        4 cov(x,y) mean(x) mean(y) / ((var x + var y) (mean(x)^2 + mean(y)^2)), with population moments.

    Dimensionless, from -1 to 1, shape (bands,); 1 is perfect, higher is better. The index is a product of two factors.
    The first is contrast and correlation, 2 cov / (var x + var y). The second is luminance, 2 mean(x) mean(y) /
    (mean(x)^2 + mean(y)^2). A factor of 0 / 0 counts as 1, as in the authors' code: two constant windows are compared by
    their means.

    Raises:
        ValueError: shapes differ, the image has fewer than 8 rows or columns, no window is wholly valid, or a value in
            a valid window is not finite.

    Reference:
        Wang and Bovik 2002, doi:10.1109/97.995823.
    """
    return _window_means(truth, estimate, mask, UIQ_WINDOW, _uiq_map)


def ssim_per_band(truth: np.ndarray, estimate: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Return the structural similarity of each band, scikit-image's: Gaussian window, sigma 1.5, data range 10000.

    (2 mean(x) mean(y) + C1) (2 cov + C2) / ((mean(x)^2 + mean(y)^2 + C1) (var x + var y + C2)), C1 = (0.01 * 10000)^2,
    C2 = (0.03 * 10000)^2, with population moments; the mean over windows that lie in the image. Dimensionless, shape
    (bands,); 1 is perfect, higher is better.

    Raises:
        ValueError: shapes differ, the image has fewer than 11 rows or columns, no window is wholly valid, or a value in
            a valid window is not finite.

    Reference:
        Wang et al. 2004, doi:10.1109/TIP.2003.819861.
    """
    return _window_means(truth, estimate, mask, SSIM_WINDOW, _ssim_map)


def _uiq_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the UIQ of each window of a band: (rows, cols) to (rows - 7, cols - 7)."""
    count = UIQ_WINDOW**2
    sum_x, sum_y = _window_sums(x), _window_sums(y)
    product, squares = sum_x * sum_y, sum_x**2 + sum_y**2
    # Both are count^2 times the moments, and exact for integer DN: a constant window has a variance of exactly 0.
    covariance = count * _window_sums(x * y) - product
    variances = count * _window_sums(x**2 + y**2) - squares
    index = quotient(2 * covariance, variances, 1.0) * quotient(2 * product, squares, 1.0)
    return index.clip(-1.0, 1.0)


def _window_sums(values: np.ndarray) -> np.ndarray:
    """Return the sums of 8 x 8 windows, by doubling: (rows, cols) to (rows - 7, cols - 7)."""
    for shift in (1, 2, 4):
        values = values[:-shift] + values[shift:]
        values = values[:, :-shift] + values[:, shift:]
    return values


def _ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the SSIM of each window of a band: (rows, cols) to (rows - 10, cols - 10)."""
    from skimage.metrics import structural_similarity

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
    """Return the mean of `index_map` over all wholly valid windows, (bands,); strips of rows overlap by window - 1."""
    check_shapes(truth, estimate, mask)
    if min(truth.shape[:2]) < window:
        raise ValueError(f"windows of {window} x {window} px need a larger image; got {describe_size(truth)}.")
    totals, window_count = np.zeros(truth.shape[-1]), 0
    for rows in row_strips(*truth.shape[:2], window - 1):
        whole = ... if mask is None else _whole_windows(mask[rows], window)
        for band_index in range(len(totals)):
            x, y = (image[rows, :, band_index].astype(np.float64) for image in (truth, estimate))
            values = index_map(x, y)[whole]
            totals[band_index] += values.sum()
        window_count += values.size
    if not window_count:
        raise ValueError(
            f"no window of {window} x {window} px in {describe_size(truth)} is wholly valid; leave the image out."
        )
    require_finite(totals)
    return totals / window_count


def _whole_windows(mask: np.ndarray, window: int) -> np.ndarray:
    """Return which windows hold valid pixels only: (rows, cols) to (rows - window + 1, cols - window + 1)."""
    first = window // 2  # the pixel that minimum_filter takes as the centre of the first window
    last = first - window + 1
    inside = slice(first, last or None)
    return minimum_filter(mask, size=window)[inside, inside]
