"""All metrics of an estimated image as rows of a table: RMSE, SRE, SAM, ERGAS, UIQ, PSNR, SSIM, Q2n and shift.

Images are (rows, cols, bands) in DN, uint16 or float. Formulas: `image_errors.py`, `window_indices.py`, `hypercomplex.py` and
`shift.py` in this folder.
"""

from typing import NamedTuple

import numpy as np

from common.metrics.hypercomplex import q2n
from common.metrics.image_errors import ergas, error_moments, psnr, sam, sre_per_band
from common.metrics.shift import shift_per_band
from common.metrics.window_indices import ssim_per_band, uiq_per_band

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
    """Return every metric for all bands together, and every metric except SAM, ERGAS and Q2n for each band.

    Args:
        truth: shape (rows, cols, bands), DN; at least 11 x 11 pixels.
        estimate: the same shape.
        bands: names of the bands, in their order.
        scale_factor: ratio of the two GSDs, 2 or 6 (ERGAS divides by it).
        mask: shape (rows, cols), True where a pixel is valid; None: everywhere.

    Returns:
        Rows (band, metric, value): first the rows of band `all`, then band by band. Over all bands, RMSE and PSNR use the
        mean square error of all of them; SRE, UIQ, SSIM and the length of the shift are means over bands. Q2n and shift
        need a valid block of 32 x 32 pixels; without one they have no rows.

    Raises:
        ValueError: shapes do not fit, no valid pixel or window is left, a value is not finite, or a band of the truth
            has a mean of 0.
    """
    if len(bands) != truth.shape[-1]:
        raise ValueError(f"one name for each of {truth.shape[-1]} bands is needed; got {', '.join(bands) or 'none'}.")
    moments = error_moments(truth, estimate, mask)
    per_band = {
        "rmse": np.sqrt(moments.mse),
        "sre": sre_per_band(moments),
        "uiq": uiq_per_band(truth, estimate, mask),
        "psnr": psnr(moments.mse),
        "ssim": ssim_per_band(truth, estimate, mask),
    }
    overall = {
        "rmse": float(np.sqrt(moments.mse.mean())),
        "sre": float(per_band["sre"].mean()),
        "sam": sam(truth, estimate, mask),
        "ergas": ergas(moments, scale_factor),
        "uiq": float(per_band["uiq"].mean()),
        "psnr": float(psnr(moments.mse.mean())),
        "ssim": float(per_band["ssim"].mean()),
    }
    quality, shifts = q2n(truth, estimate, mask), shift_per_band(truth, estimate, mask)
    if quality is not None and shifts is not None:
        per_band["shift"] = np.hypot(*shifts.T)
        overall |= {"q2n": quality, "shift": float(per_band["shift"].mean())}
    rows = [FusionMetric(OVERALL, metric, value) for metric, value in overall.items()]
    for index, band in enumerate(bands):
        rows += [FusionMetric(band, metric, float(values[index])) for metric, values in per_band.items()]
    return rows
