"""Area-to-point regression kriging (ATPRK): the guide, plus what it misses, kriged from the coarse pixels.

    fused_k = guide_k + krige(coarse_k - degrade(guide_k))

The degradation has the blur of band k, and so has the kriging.

References:
    Q. Wang, W. Shi, P. M. Atkinson, Area-to-point regression kriging for pan-sharpening, ISPRS Journal of Photogrammetry and
    Remote Sensing 2016, doi:10.1016/j.isprsjprs.2016.02.006.
    Q. Wang et al., Fusion of Sentinel-2 images, Remote Sensing of Environment 2016, doi:10.1016/j.rse.2016.10.030.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.guides import Synthesis
from superres.pansharpening.kriging import krige, kriging_weights
from superres.pansharpening.moments import Moments


def fit(moments: Sequence[Moments], settings: PatchSettings) -> Sharpen:
    """Return the method for one scene; see `superres.pansharpening.catalogue`."""
    synthesis = Synthesis(moments)
    weights = [
        kriging_weights(residual_semivariances(of_band, synthesis, band), settings.scale_factor, sigma)
        for band, (of_band, sigma) in enumerate(zip(moments, settings.sigmas(settings.gsd), strict=True))
    ]
    return partial(_sharpen, synthesis=synthesis, weights=weights, settings=settings)


def residual_semivariances(moments: Moments, synthesis: Synthesis, band: int) -> np.ndarray:
    """Return the semivariances of a coarse band minus its degraded guide: (LAGS,) float64."""
    weights = -synthesis.combination(band)[:, 0]
    weights[band] += 1
    return np.einsum("i,lij,j->l", weights, moments.semivariances, weights)


def _sharpen(
    images: Images, synthesis: Synthesis, weights: Sequence[np.ndarray], settings: PatchSettings
) -> np.ndarray:
    fused = synthesis.guides(images)
    degraded = degrade(fused, settings.scale_factor, settings.sigmas(settings.gsd))
    missed = images[f"input_{settings.gsd}m"] - degraded
    for band, of_band in enumerate(weights):
        fused[..., band] += krige(missed[..., band], of_band)
    return fused
