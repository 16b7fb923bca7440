"""Apply back-projection strip by strip and accumulate the residual.

`superres/prediction/consistency.py` holds the formula. Rows and columns are those of the 10 m grid.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from common.pixels.degrade import gaussian_blur_sigmas
from common.pixels.sentinel2 import BANDS_BY_GSD, scale_factor
from common.pixels.windows import Window
from common.scenes.reflectance import is_valid, scaled_reflectance
from common.scenes.scene import Scene
from superres.prediction.consistency import back_project, back_projection_reach, residual, usable_pixels
from superres.prediction.strip import Strip


class Correction:
    """Back-projection of the strips of a scene.

    Args:
        scene: the scene.
        gsds: native GSDs of the sharpened bands.
        region: the part of the 10 m grid whose residuals count; its numbers are multiples of the coarsest band's factor.

    Attributes:
        margin: pixels around a window that its corrected pixels depend on, rounded up to pixels of the coarsest band.
    """

    def __init__(self, scene: Scene, gsds: Sequence[int], region: Window):
        self.scene, self.region = scene, region
        self.sigmas = {gsd: gaussian_blur_sigmas(BANDS_BY_GSD[gsd], scale_factor(gsd)) for gsd in gsds}
        reach = max(back_projection_reach(scale_factor(gsd), sigmas) for gsd, sigmas in self.sigmas.items())
        step = scale_factor(max(gsds))
        self.margin = -(-reach // step) * step
        self.sums = {gsd: ResidualSums(len(BANDS_BY_GSD[gsd])) for gsd in gsds}

    def correct(self, strips: Iterator[Strip], area: Window) -> Iterator[Strip]:
        """Yield corrected strips that cover the area once, from top to bottom.

        A row is corrected once the `margin` rows below it have arrived, so corrected strips have other heights than
        the given strips.

        Args:
            strips: cover all columns of the area, from top to bottom. They are used up: their estimates change.
            area: the region and `margin` pixels around it, as far as the scene extends.
        """
        area_bottom = area.row + area.height
        top = area.row  # of the first row that is not corrected yet
        held = None  # the rows that later corrections depend on
        for strip in strips:
            held = held.with_rows_below(strip) if held else strip
            del strip  # frees its memory: `held` has its rows
            held_bottom = held.window.row + held.window.height
            bottom = area_bottom if held_bottom == area_bottom else held_bottom - self.margin
            if bottom > top:
                window = Window(top, area.col, bottom - top, area.width)
                rows = window.grown(self.margin, area_bottom, area.col + area.width).overlap(area)
                first_kept = max(bottom - self.margin, held.window.row)
                kept = held.part(Window(first_kept, area.col, held_bottom - first_kept, area.width)).copy()
                corrected = self._correct_part(held.part(rows), window)
                top, held = bottom, kept
                yield corrected
                del corrected  # frees its memory before the next strip is made

    def residuals(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Return the RMS of the residuals in the region; call it after the last strip.

        Returns:
            GSD -> (before, after) the correction, each (bands,) float64, reflectance * 10000; NaN for a band without a
            usable pixel.
        """
        return {gsd: sums.rms() for gsd, sums in self.sums.items()}

    def _correct_part(self, strip: Strip, window: Window) -> Strip:
        """Correct a strip in place, count its residuals, and return its part `window`; the rest is its margin."""
        valid_10m = is_valid(self.scene, strip.dn[10]).all(axis=2)
        counted = window.overlap(self.region).relative_to(strip.window)
        for gsd, estimate in strip.estimates.items():
            factor, sigmas = scale_factor(gsd), self.sigmas[gsd]
            coarse = scaled_reflectance(self.scene, strip.dn[gsd], gsd)
            usable = usable_pixels(is_valid(self.scene, strip.dn[gsd]), valid_10m, factor, sigmas)
            inner = counted.coarsened(factor).slices
            before = residual(estimate, coarse, usable, factor, sigmas)[inner]
            back_project(estimate, coarse, usable, factor, sigmas, out=estimate)
            after = residual(estimate, coarse, usable, factor, sigmas)[inner]
            self.sums[gsd].add(before, after, usable[inner])
        return strip.part(window)


class ResidualSums:
    """Sums of squared residuals, before and after the correction, over the pixels of a region that comes in parts.

    Args:
        bands: number of bands.
    """

    def __init__(self, bands: int):
        self.squares_before, self.squares_after = np.zeros(bands), np.zeros(bands)
        self.pixels = np.zeros(bands)

    def add(self, before: np.ndarray, after: np.ndarray, usable: np.ndarray) -> None:
        """Add a part: residuals (rows, cols, bands), 0 where not usable, and their usable pixels, of the same shape."""
        self.squares_before += np.square(before, dtype=np.float64).sum(axis=(0, 1))
        self.squares_after += np.square(after, dtype=np.float64).sum(axis=(0, 1))
        self.pixels += usable.sum(axis=(0, 1))

    def rms(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the RMS before and after, each (bands,) float64; NaN for a band without a usable pixel."""
        pixels = np.where(self.pixels > 0, self.pixels, np.nan)
        return np.sqrt(self.squares_before / pixels), np.sqrt(self.squares_after / pixels)
