"""Local regression: each coarse band gets the detail of sharper bands, its guides, with weights that follow the ground.

    fused_k = up(coarse_k) + sum_i a_ik (guide_i - up(low_i)), low_i = degrade(guide_i)
    fused_k += up(coarse_k - degrade(fused_k)), BACK_PROJECTIONS times, as in `superres/prediction/consistency.py`

The weights a_ik are regressed in a square around each coarse pixel: with them, the detail of the guides at the coarse scale adds
up to that of coarse_k, by least squares with a ridge. Detail is what is left without the mean of the surroundings, so a guide
may be brighter or hazier than the band. The degradation has the blur of band k; `up` is bilinear. The 20 m bands have the
10 m bands as guides, the 60 m bands all sharper bands, of which those of 20 m are sharpened first in the same way.

It needs no statistics of the whole scene. The network `joint` begins with a simpler form of it, which degrades by means, without
blur, and leaves the last step to what it learns (`superres/networks/local_statistics.py`).

References:
    M. Selva et al., Hyper-sharpening: a first approach on SIM-GA data, IEEE JSTARS 2015, doi:10.1109/JSTARS.2015.2440092:
        sums of sharp bands whose weights are regressed at the coarse scale, for a whole scene.
    K. He et al., Guided image filtering, IEEE TPAMI 2013, doi:10.1109/TPAMI.2012.213: regressions around each pixel.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.ndimage import uniform_filter

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from common.pixels.upsampling import BILINEAR
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.moments import Moments
from superres.prediction.consistency import back_project
from superres.prediction.interpolation import INTERPOLATIONS, interpolate

REGRESSION_PX = {2: 5, 6: 7}  # scale factor -> side of the square of a regression in coarse pixels
REGRESSION_SURROUNDINGS_PX = 3  # side of the square whose mean is subtracted, in coarse pixels
LEAST_CONTRAST = 4.0  # reflectance * 10000; the ridge is its square: a guide with as much detail keeps half its weight
ROUNDING = 1e-6  # relative; without it, rounding decides between guides that are equal
BACK_PROJECTIONS = 2


def fit(moments: Sequence[Moments], settings: PatchSettings) -> Sharpen:
    """Return the method, the same for all scenes; see `superres.pansharpening.catalogue`."""
    return partial(_sharpen, settings=settings)


def _sharpen(images: Images, settings: PatchSettings) -> np.ndarray:
    guides, coarse = images["input_10m"], images[f"input_{settings.gsd}m"]
    if settings.gsd == 60:
        sharp_20m = fuse(images["input_20m"], guides, 2, blur_beside_10m(settings))
        guides = np.concatenate([guides, sharp_20m], axis=2)
    return fuse(coarse, guides, settings.scale_factor, settings.sigmas(settings.gsd))


def blur_beside_10m(settings: PatchSettings) -> tuple[float, ...]:
    """Return the blur of the 20 m bands as pixels of the 10 m bands, both degraded as `settings` say: 2 sigma / s.

    The sigmas are in pixels of 20 m, and s pixels of 10 m have become one. The blur of the 10 m bands is not subtracted, because
    the 20 m bands also have one of their own. With the kind `gaussian`, hardly any is left.
    """
    return tuple(2 * sigma / settings.scale_factor for sigma in settings.sigmas(20))


def fuse(
    coarse: np.ndarray,
    guides: np.ndarray,
    factor: int,
    sigmas: Sequence[float],
    back_projections: int = BACK_PROJECTIONS,
) -> np.ndarray:
    """Return sharpened bands.

    Args:
        coarse: (rows / factor, cols / factor, R), reflectance * 10000.
        guides: (rows, cols, C), reflectance * 10000.
        factor: 2 or 6.
        sigmas: blur of each coarse band, in pixels of the guides.
        back_projections: number of times that what is missing at the coarse scale is added.

    Returns:
        (rows, cols, R) float32.
    """
    fused = np.empty((*guides.shape[:2], coarse.shape[2]), np.float32)
    for sigma in sorted(set(sigmas)):
        bands = [band for band, of_band in enumerate(sigmas) if of_band == sigma]
        low = degrade(guides, factor, (sigma,) * guides.shape[2])
        weights = regress(detail_around(coarse[..., bands]), detail_around(low), REGRESSION_PX[factor])
        finer = guides - upsample_bilinear(low, factor)
        for place, band in enumerate(bands):
            fused[..., band] = weighted_sum(weights[..., place], finer)
    fused += upsample_bilinear(coarse, factor)
    everywhere = np.broadcast_to(True, coarse.shape)
    return back_project(fused, coarse, everywhere, factor, sigmas, back_projections, out=fused)


def upsample_bilinear(coarse: np.ndarray, factor: int) -> np.ndarray:
    """Upsample (rows, cols, bands) to (rows * factor, cols * factor, bands) float32."""
    rows, cols, bands = coarse.shape
    return interpolate(coarse, (rows * factor, cols * factor, bands), INTERPOLATIONS[BILINEAR], clip=False)


def mean_around(image: np.ndarray, side_px: int) -> np.ndarray:
    """Return the mean of the square around each pixel, mirrored at borders: (rows, cols, bands), the same dtype."""
    return uniform_filter(image, (side_px, side_px, 1), mode="reflect")


def detail_around(image: np.ndarray) -> np.ndarray:
    """Return what is left without the mean of the surroundings: (rows, cols, bands), the same dtype."""
    return image - mean_around(image, REGRESSION_SURROUNDINGS_PX)


def regress(bands: np.ndarray, guides: np.ndarray, side_px: int) -> np.ndarray:
    """Return the weights of the sum of guides that is nearest to each band, for each pixel, in the square around it.

    Args:
        bands: detail, (rows, cols, R).
        guides: detail, (rows, cols, C).
        side_px: side of the square.

    Returns:
        (rows, cols, C, R) float32.
    """
    count = guides.shape[2]
    both = np.concatenate([guides, bands], axis=2)
    products = np.empty((*bands.shape[:2], count, both.shape[2]), both.dtype)
    for guide in range(count):
        products[:, :, guide] = mean_around(guides[..., [guide]] * both, side_px)
    weights = np.empty((*bands.shape[:2], count, bands.shape[2]), np.float32)
    for of_row, row in zip(weights, products, strict=True):  # in float64, a row at a time
        squares = row[..., :count] * (1 + ROUNDING * np.eye(count)) + LEAST_CONTRAST**2 * np.eye(count)
        of_row[:] = np.linalg.solve(squares, row[..., count:])
    return weights


def weighted_sum(weights: np.ndarray, guides: np.ndarray) -> np.ndarray:
    """Return the sum of the guides' detail for one band.

    Args:
        weights: (rows / s, cols / s, C).
        guides: (rows, cols, C).

    Returns:
        (rows, cols) float32.
    """
    rows, cols, count = weights.shape
    factor = len(guides) // rows
    blocks = guides.reshape(rows, factor, cols, factor, count)
    total = sum(blocks[..., guide] * weights[:, None, :, None, guide] for guide in range(count))
    return total.reshape(guides.shape[:2])
