"""Component substitution, Gram-Schmidt adaptive (GSA): replace an intensity of the coarse bands by a sharp band.

    fused_k = up(coarse_k) + g_k (sharp_k - up(intensity_k))
    intensity_k = sum_i w_ik coarse_i + b_k, from the regression of the degraded sharp_k on the coarse bands
    g_k = cov(coarse_k, intensity_k) / var(intensity_k)

The paper has one panchromatic band. Here sharp_k is the 10 m band that, degraded, has the highest absolute correlation with
coarse_k (the selected band of Wang et al. 2016). The synthesised guide of `guides.py` is no good replacement at 20 m: for B11
and B12, the coarse bands cannot represent it, and their colours change. `docs/pansharpening.md` has the numbers.

References:
    B. Aiazzi, S. Baronti, M. Selva, Improving component substitution pansharpening through multivariate regression of
    MS + Pan data, IEEE TGRS 2007, doi:10.1109/TGRS.2007.901007.
    Q. Wang et al., Fusion of Sentinel-2 images, Remote Sensing of Environment 2016, doi:10.1016/j.rse.2016.10.030.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.patches.settings import PatchSettings
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.guides import upsample
from superres.pansharpening.moments import ROUNDING_VARIANCE, Moments


def fit(moments: Sequence[Moments], settings: PatchSettings) -> Sharpen:
    """Return the method for one scene; see `superres.pansharpening.catalogue`."""
    bands = len(moments)
    selected = [select_band(of_band, band) for band, of_band in enumerate(moments)]
    weights, offsets, gains = np.empty((bands, bands)), np.empty(bands), np.empty(bands)
    for band, of_band in enumerate(moments):
        sharp = np.eye(len(of_band.mean))[:, [bands + selected[band]]]
        weights[:, [band]], offsets[[band]] = of_band.regression(sharp, slice(bands))
        with_intensity = of_band.covariance[:bands, :bands] @ weights[:, band]
        gains[band] = with_intensity[band] / max(weights[:, band] @ with_intensity, ROUNDING_VARIANCE)
    return partial(_sharpen, selected=selected, weights=weights, offsets=offsets, gains=gains, gsd=settings.gsd)


def select_band(moments: Moments, band: int) -> int:
    """Return the index of the 10 m band with the highest correlation with a coarse band, positive or negative."""
    with_fine = moments.covariance[band, moments.bands :]
    variances = np.diag(moments.covariance)[moments.bands :]
    return int(np.argmax(np.square(with_fine) / np.maximum(variances, ROUNDING_VARIANCE)))


def _sharpen(
    images: Images, selected: Sequence[int], weights: np.ndarray, offsets: np.ndarray, gains: np.ndarray, gsd: int
) -> np.ndarray:
    coarse = upsample(images[f"input_{gsd}m"], images["input_10m"].shape)
    intensity = coarse @ weights.astype(np.float32) + offsets.astype(np.float32)
    return coarse + gains.astype(np.float32) * (images["input_10m"][..., selected] - intensity)
