"""Measure methods at full scale, where there is no truth: consistency with the input, strength and likeness of detail.

    consistency   RMS of the estimate, degraded by the scale factor as in training, minus the coarse band that it was
                  made from; DN (reflectance * 10000), 0 is perfect, lower is better. It sees colours that shift, and is
                  blind to detail that degrading takes away.
    sharpness     (e / c) / (f / d): by how much the detail of the estimate, e, is stronger than that of the coarse band,
                  c, beside what its partner gains from the degraded, d, to the fine grid, f. Strength is the standard
                  deviation of what a 3 x 3 Laplacian leaves. Higher is sharper; the truth at reduced scale gets about
                  0.9, bilinear interpolation 0.3. Noise is detail, too: read it beside consistency.
    correlation   of the detail of the estimate with that of its partner, -1 to 1. High where detail comes from the 10 m
                  bands, and too high where it is a mere copy: the truth at reduced scale gets about 0.85.

The partner of a band is the 10 m band whose detail, once degraded, goes best with that of the coarse band itself.
Consistency is a property of Wald's protocol (Wald et al. 1997), correlation that of Zhou et al. 1998
(doi:10.1080/014311698215973) with a partner for each band, since Sentinel-2 has no panchromatic band; sharpness is ours.

Scenes are gone through in strips of rows, with as much above and below as the methods and the blur reach: results do
not depend on the strips, and memory does not grow with the scene's rows.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

import common.distributed as hvd
from common.errors import ProductError
from common.metrics.fusion import OVERALL
from common.patches.settings import PatchSettings
from common.pixels.degrade import blur_reach, degrade, degrade_mask, repeat_pixels
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window, grid
from common.rasters.bands import read_bands
from common.rasters.grids import georeference
from common.scenes.nodata import fill_missing
from common.scenes.reflectance import is_valid, scaled_reflectance
from common.scenes.scene import Scene
from superres.evaluation.methods import Images, Method
from superres.evaluation.tables import MetricRow
from superres.prediction.strip import cut

logger = logging.getLogger(__name__)

STRIP_PIXELS = 2**23  # of the 10 m grid in one strip, without what is read above and below
LAPLACIAN_PX = 3
FLAT = 1e-6  # DN^2; detail that varies less is none


class Strip(NamedTuple):
    """Some rows of a scene, and what lies above and below them.

    Attributes:
        images: reflectance * 10000 of all these rows.
            Nodata and saturated pixels are filled as in prediction.
        valid: (rows / s, cols / s) bool, on the grid of the coarse bands: no nodata or saturated pixel enters.
        inner: the strip without what lies above and below, on the 10 m grid of `images`.
    """

    images: Images
    valid: np.ndarray
    inner: Window


class Moments:
    """Deviations and correlations of some variables x and some y, from pixels that come in parts."""

    def __init__(self) -> None:
        self.variables = 0
        self.sums: np.ndarray | float = 0.0

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Take in more pixels: (pixels, x variables) and (pixels, y variables)."""
        columns = np.concatenate([x, y, np.ones((len(x), 1))], axis=1, dtype=np.float64)
        self.variables = x.shape[1]
        self.sums = self.sums + columns.T @ columns

    def covariance(self) -> np.ndarray:
        """Of all variables, those of x first: (variables, variables) float64."""
        means = self.sums[:-1, -1] / self.sums[-1, -1]
        return self.sums[:-1, :-1] / self.sums[-1, -1] - np.outer(means, means)

    def deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviations of x, and of y; 0 for a variable that does not vary."""
        variance = np.diag(self.covariance())
        deviations = np.sqrt(np.where(variance > FLAT, variance, 0.0))
        return deviations[: self.variables], deviations[self.variables :]

    def correlation(self) -> np.ndarray:
        """(x variables, y variables); 0 for a variable that does not vary."""
        scale = np.outer(*self.deviations())
        return ratio(self.covariance()[: self.variables, self.variables :], scale)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, of the numerator's shape; 0 where the denominator is."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


class FullScale:
    """What is measured of one method in one scene, from strips.

    Args:
        settings: GSD and degradation.
    """

    def __init__(self, settings: PatchSettings):
        self.settings = settings
        self.squares: np.ndarray | float = 0.0
        self.pixels = 0
        self.detail = Moments()

    def add(self, strip: Strip, estimate: np.ndarray) -> None:
        """Take in the estimate of all rows of a strip, (rows, cols, bands)."""
        gsd, factor = self.settings.gsd, self.settings.scale_factor
        coarse, fine = strip.inner.coarsened(factor).slices, strip.inner.slices
        valid = strip.valid[coarse]
        residual = degrade(estimate, factor, self.settings.sigmas(gsd)) - strip.images[f"input_{gsd}m"]
        self.squares = self.squares + np.square(residual[coarse][valid], dtype=np.float64).sum(axis=0)
        self.pixels += np.count_nonzero(valid)
        here = repeat_pixels(valid, factor)
        self.detail.add(detail(estimate)[fine][here], detail(strip.images["input_10m"])[fine][here])

    def result(self, coarse_detail: Moments) -> dict[str, np.ndarray]:
        """Metric -> value of each band, (bands,); given what `add_coarse_detail` has collected."""
        partners = coarse_detail.correlation().argmax(axis=1)
        (estimate, fine), (coarse, degraded) = self.detail.deviations(), coarse_detail.deviations()
        return {
            "consistency": np.sqrt(self.squares / self.pixels),
            "sharpness": ratio(ratio(estimate, coarse), ratio(fine, degraded)[partners]),
            "correlation": self.detail.correlation()[np.arange(len(partners)), partners],
        }


def measure_full_scale(scene: Scene, methods: Sequence[Method], settings: PatchSettings) -> list[MetricRow]:
    """Sharpen a scene to 10 m by each method, and measure without truth.

    Args:
        scene: with the bands of `input_gsds(settings.gsd)`.
        methods: interpolation without clipping, so that strips give what the whole scene would.
        settings: GSD, and the degradation that the estimate is held against.

    Raises:
        ProductError: the scene is damaged, or has no valid pixel.
    """
    started = time.monotonic()
    sums = {method.name: FullScale(settings) for method in methods}
    coarse_detail = Moments()
    for strip in read_strips(scene, settings, max(method.reach for method in methods)):
        add_coarse_detail(coarse_detail, strip, settings)
        for method in methods:
            sums[method.name].add(strip, method.sharpen(strip.images))
    if not all(found.pixels for found in sums.values()):
        raise ProductError(f"{scene.name} has no pixel without nodata to measure at; take it out of the list.")
    logger.info("%s, full scale: %s (%.0f s)", scene.name, ", ".join(sums), time.monotonic() - started)
    return [
        row
        for name, found in sums.items()
        for row in full_scale_rows(scene, name, found.result(coarse_detail), settings)
    ]


def full_scale_rows(
    scene: Scene, method: str, values: dict[str, np.ndarray], settings: PatchSettings
) -> list[MetricRow]:
    """Rows of the table; overall, consistency is the RMS over all bands, the others their mean."""
    overall = {metric: found.mean() for metric, found in values.items()}
    overall["consistency"] = np.sqrt(np.square(values["consistency"]).mean())
    rows = [MetricRow(scene.name, method, OVERALL, metric, float(value)) for metric, value in overall.items()]
    for number, band in enumerate(BANDS_BY_GSD[settings.gsd]):
        rows += [MetricRow(scene.name, method, band, metric, float(found[number])) for metric, found in values.items()]
    return rows


def add_coarse_detail(moments: Moments, strip: Strip, settings: PatchSettings) -> None:
    """Take in the detail of the coarse bands, and of the 10 m bands degraded to their grid."""
    factor = settings.scale_factor
    here = strip.inner.coarsened(factor).slices
    valid = strip.valid[here]
    degraded = degrade(strip.images["input_10m"], factor, settings.sigmas(10))
    moments.add(detail(strip.images[f"input_{settings.gsd}m"])[here][valid], detail(degraded)[here][valid])


def detail(image: np.ndarray) -> np.ndarray:
    """What a 3 x 3 Laplacian (8 in the middle, -1 around, divided by 9) leaves of (rows, cols, bands)."""
    return image - uniform_filter(image, (LAPLACIAN_PX, LAPLACIAN_PX, 1), mode="reflect")


def read_strips(scene: Scene, settings: PatchSettings, reach: int) -> Iterator[Strip]:
    """Read a scene strip by strip, with what the methods and the blur reach above and below.

    As much again is read to fill the holes in that, and cut off, so that no method works on it.
    """
    factor = settings.scale_factor
    rows, cols = scene_shape(scene, settings)
    reach = -(-(reach + blur_reach_10m(settings) + LAPLACIAN_PX) // factor) * factor
    height = max(1, STRIP_PIXELS // cols // factor) * factor
    for window in grid(rows, cols, height, cols):
        outer, read = (window.grown(pixels, rows, cols) for pixels in (reach, 2 * reach))
        images, valid = read_images(scene, read, settings, reach)
        seen = outer.relative_to(read)
        images = {f"input_{gsd}m": cut(images[f"input_{gsd}m"], gsd, seen) for gsd in input_gsds(settings.gsd)}
        yield Strip(images, cut(valid, settings.gsd, seen), window.relative_to(outer))


def scene_shape(scene: Scene, settings: PatchSettings) -> tuple[int, int]:
    """Rows and columns at 10 m that all bands cover, as multiples of the scale factor.

    Raises:
        ProductError: the scene is smaller than a coarse pixel.
    """
    grids = [(gsd, georeference(scene, gsd)) for gsd in input_gsds(settings.gsd)]
    rows, cols = (min(getattr(grid, side) * gsd // settings.gsd for gsd, grid in grids) for side in ("rows", "cols"))
    if not rows or not cols:
        raise ProductError(f"{scene.name} is smaller than a pixel of {settings.gsd} m; take it out of the list.")
    return rows * settings.scale_factor, cols * settings.scale_factor


def blur_reach_10m(settings: PatchSettings) -> int:
    """Pixels of 10 m that the blur reaches."""
    return max(blur_reach(sigma) for gsd in (10, settings.gsd) for sigma in settings.sigmas(gsd))


def read_images(scene: Scene, window: Window, settings: PatchSettings, reach: int) -> tuple[Images, np.ndarray]:
    """Read the bands of a window of the 10 m grid; images and validity as in `Strip`, holes filled from up to `reach`."""
    factor = settings.scale_factor
    valid = np.ones((window.height // factor, window.width // factor), bool)
    dn = {
        gsd: read_bands(scene, BANDS_BY_GSD[gsd], window.coarsened(gsd // 10), threads=hvd.cores_per_rank())
        for gsd in input_gsds(settings.gsd)
    }
    for gsd, image in dn.items():
        usable = is_valid(scene, image).all(axis=2)
        if not usable.all():
            valid &= degrade_mask(usable, settings.gsd // gsd, blur_reach_10m(settings) if gsd == 10 else 1)
    filled = fill_missing(scene, dn, reach)
    return {f"input_{gsd}m": scaled_reflectance(scene, image, gsd) for gsd, image in filled.items()}, valid
