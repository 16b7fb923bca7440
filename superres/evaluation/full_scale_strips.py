"""Read a scene for measuring at full scale, in strips of rows: images without holes, and the pixels that count.

Each strip is read with margins above and below it, so results do not depend on the strips, and memory does not grow with
the rows of the scene. Windows are on the 10 m grid.
"""

import math
from collections.abc import Iterator

import numpy as np

import common.distributed as hvd
from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels.degrade import blur_reach, degrade_mask, mtf_matched_sigmas, repeat_pixels
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window, grid, strip_height
from common.rasters.bands import read_bands
from common.rasters.grids import georeference
from common.scenes.nodata import fill_missing
from common.scenes.reflectance import is_valid, scaled_reflectance
from common.scenes.scene import Scene
from superres.evaluation.methods import Images
from superres.pansharpening.strips import ImageStrip
from superres.prediction.strip import cut

STRIP_PIXELS = 2**23  # of the 10 m grid in one strip, without its margins
BLOCK_PX = {20: 16, 60: 8}  # coarse pixels on a side of the blocks of QNR; strips are whole blocks


def read_strips(scene: Scene, settings: PatchSettings, reach: int) -> Iterator[ImageStrip]:
    """Read a scene strip by strip, from top to bottom.

    Images are float32, reflectance * 10000; their nodata and saturated pixels are filled as in prediction. A coarse pixel counts
    if no such pixel is in it or in its blur. Twice the margin is read, and the outer half is cut off after its valid pixels
    have filled holes in the inner half.

    Args:
        scene: with the bands of `settings.input_gsds`.
        settings: GSD and degradation.
        reach: pixels at 10 m, to each side, that the measured detail of an estimate depends on.

    Raises:
        ProductError: the scene is damaged, or smaller than a coarse pixel.
    """
    rows, cols = scene_shape(scene, settings)
    step = settings.step_px
    margin = -(-(reach + blur_reach_10m(settings)) // step) * step
    block = math.lcm(BLOCK_PX[settings.gsd] * settings.scale_factor, step)
    for window in grid(rows, cols, strip_height(cols, STRIP_PIXELS, block), cols):
        outer, read_window = (window.grown(pixels, rows, cols) for pixels in (margin, 2 * margin))
        images, valid = read_images(scene, read_window, settings, margin)
        kept = outer.relative_to(read_window)
        images = {f"input_{gsd}m": cut(images[f"input_{gsd}m"], gsd, kept) for gsd in settings.input_gsds}
        yield ImageStrip(images, cut(valid, settings.gsd, kept), window.relative_to(outer))


def scene_shape(scene: Scene, settings: PatchSettings) -> tuple[int, int]:
    """Return the rows and columns at 10 m that all bands cover, rounded down to whole pixels of the coarsest input.

    Raises:
        ProductError: the scene is smaller than a coarse pixel.
    """
    coarsest = max(settings.input_gsds)
    grids = [(gsd, georeference(scene, gsd)) for gsd in settings.input_gsds]
    rows, cols = (min(getattr(grid, side) * gsd // coarsest for gsd, grid in grids) for side in ("rows", "cols"))
    if not rows or not cols:
        raise ProductError(f"{scene.name} is smaller than a pixel of {coarsest} m; take it out of the list.")
    return rows * settings.step_px, cols * settings.step_px


def blur_reach_10m(settings: PatchSettings) -> int:
    """Return how many pixels of the 10 m grid the blurs reach to each side: of the degradation, and of QNR."""
    sigmas = [
        sigma
        for gsd in (10, settings.gsd)
        for sigma in (*settings.sigmas(gsd), *mtf_matched_sigmas(BANDS_BY_GSD[gsd], settings.scale_factor))
    ]
    return max(blur_reach(sigma) for sigma in sigmas)


def read_images(scene: Scene, window: Window, settings: PatchSettings, reach: int) -> tuple[Images, np.ndarray]:
    """Read a window of the 10 m grid: images and valid pixels as in `read_strips`.

    Args:
        scene: with the bands of `settings.input_gsds`.
        window: its numbers are multiples of a pixel of the coarsest input.
        settings: GSD and degradation.
        reach: pixels at 10 m, to each side, from which holes are filled; see `common/scenes/nodata.py`.

    Raises:
        ProductError: a band is damaged.
    """
    factor = settings.scale_factor
    valid = np.ones((window.height // factor, window.width // factor), bool)
    dn = {
        gsd: read_bands(scene, BANDS_BY_GSD[gsd], window.coarsened(gsd // 10), threads=hvd.cores_per_rank())
        for gsd in settings.input_gsds
    }
    for gsd, image in dn.items():
        usable = is_valid(scene, image).all(axis=2)
        if gsd > settings.gsd:  # of a joint network, while finer bands are measured
            valid &= repeat_pixels(usable, gsd // settings.gsd)
        elif not usable.all():
            valid &= degrade_mask(usable, settings.gsd // gsd, blur_reach_10m(settings) if gsd == 10 else 1)
    filled = fill_missing(scene, dn, reach)
    return {f"input_{gsd}m": scaled_reflectance(scene, image, gsd) for gsd, image in filled.items()}, valid
