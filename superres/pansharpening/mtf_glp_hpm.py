"""Multiresolution analysis: MTF-matched Laplacian pyramid with high-pass modulation (MTF-GLP-HPM).

    fused_k = up(coarse_k) * guide_k / low_k, low_k = up(degrade(guide_k))

The degradation has the blur of band k. The guide is matched before: its mean and deviation, degraded, become those of
coarse_k. The ratio is that of reflectances: the offset of the product is subtracted when a scene is read, because an
offset of DN would weaken the modulation.

Where low_k is dark, the quotient up(coarse_k) / low_k has no meaning. It is kept between 0 and MOST_GAIN, and is 1 where
low_k is below DARK, so the detail is added there, not multiplied.

References:
    B. Aiazzi et al., MTF-tailored multiscale fusion of high-resolution MS and Pan imagery, Photogrammetric Engineering &
    Remote Sensing 2006, doi:10.14358/PERS.72.5.591.
    G. Vivone et al., Contrast and error-based fusion schemes for multispectral image pansharpening, IEEE GRSL 2014,
    doi:10.1109/LGRS.2013.2281996.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.guides import Synthesis, upsample
from superres.pansharpening.moments import ROUNDING_VARIANCE, Moments

DARK = 1.0  # reflectance * 10000
MOST_GAIN = 3.0


def fit(moments: Sequence[Moments], settings: PatchSettings) -> Sharpen:
    """Return the method for one scene; see `superres.pansharpening.catalogue`."""
    synthesis = Synthesis(moments)
    for band, of_band in enumerate(moments):
        combination = synthesis.combination(band)[:, 0]
        variance = combination @ of_band.covariance @ combination
        gain = np.sqrt(of_band.covariance[band, band] / max(variance, ROUNDING_VARIANCE))
        synthesis.weights[:, band] *= gain
        synthesis.offsets[band] = of_band.mean[band] - gain * (of_band.mean @ combination)
    return partial(_sharpen, synthesis=synthesis, settings=settings)


def _sharpen(images: Images, synthesis: Synthesis, settings: PatchSettings) -> np.ndarray:
    guides = synthesis.guides(images)
    coarse = upsample(images[f"input_{settings.gsd}m"], guides.shape)
    low = upsample(degrade(guides, settings.scale_factor, settings.sigmas(settings.gsd)), guides.shape)
    is_dark = low < DARK
    gain = np.divide(coarse, low, out=np.ones_like(low), where=~is_dark).clip(0, MOST_GAIN)
    return coarse + gain * (guides - low)
