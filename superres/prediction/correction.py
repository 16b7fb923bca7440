"""Make the strips of a scene give back what they were made from (`superres/prediction/consistency.py`), and count what they missed."""

from collections.abc import Iterator, Sequence

import numpy as np

from common.pixels.degrade import gaussian_blur_sigmas
from common.pixels.sentinel2 import BANDS_BY_GSD, scale_factor
from common.pixels.windows import Window
from common.rasters.strips import RowBuffer
from common.scenes.reflectance import is_valid, scaled_reflectance
from common.scenes.scene import Scene
from superres.prediction import consistency
from superres.prediction.sharpening import Strip


class Correction:
    """Corrects strips as they come; a row has to wait for the rows below that it depends on.

    Args:
        scene: whose strips they are.
        gsds: of the bands that were sharpened.
        counted: the part of the 10 m grid that `residuals` tells about; its numbers are multiples of the coarsest pixel.
    """

    def __init__(self, scene: Scene, gsds: Sequence[int], counted: Window):
        self.scene = scene
        self.counted = counted
        self.sigmas = {gsd: gaussian_blur_sigmas(BANDS_BY_GSD[gsd], scale_factor(gsd)) for gsd in gsds}
        reach = max(consistency.reach(scale_factor(gsd), sigmas) for gsd, sigmas in self.sigmas.items())
        step = scale_factor(max(gsds))
        self.margin = -(-reach // step) * step
        self.sums = {gsd: np.zeros((3, len(BANDS_BY_GSD[gsd]))) for gsd in gsds}  # squares before, after, and pixels

    def correct(self, strips: Iterator[Strip], area: Window) -> Iterator[Strip]:
        """Corrected strips, in number and height other than came in.

        Args:
            strips: of all columns of the area, from top to bottom.
            area: the part of the 10 m grid that they cover together; more than is wanted by `context` on each side,
                where there is more.
        """
        estimates = {gsd: RowBuffer(area.row) for gsd in self.sums}
        stored = {gsd: RowBuffer(area.row * 10 // gsd) for gsd in (10, *self.sums)}
        end, done = area.row + area.height, area.row
        for strip in strips:
            for gsd, rows in estimates.items():
                rows.append(strip.estimates[gsd])
            for gsd, rows in stored.items():
                rows.append(strip.dn[gsd])
            bottom = strip.place.row + strip.place.height
            ready = end if bottom == end else bottom - self.margin
            if ready > done:
                outer = Window(done, area.col, ready - done, area.width).grown(self.margin, end, area.col + area.width)
                outer = outer.overlap(area)
                yield self._corrected(Window(done, area.col, ready - done, area.width), _take(estimates, stored, outer))
                done = ready
                for gsd, rows in stored.items():
                    rows.drop_above((done - self.margin) * 10 // gsd)
                for rows in estimates.values():
                    rows.drop_above(done - self.margin)

    def residuals(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """GSD -> RMS in reflectance * 10000 of each band, before and after; NaN without a usable pixel. After the last strip."""
        found = {}
        for gsd, (before, after, pixels) in self.sums.items():
            count = np.where(pixels > 0, pixels, np.nan)
            found[gsd] = (np.sqrt(before / count), np.sqrt(after / count))
        return found

    def _corrected(self, place: Window, strip: Strip) -> Strip:
        """The rows of `place` of a strip that holds what they depend on."""
        fine_valid = is_valid(self.scene, strip.dn[10]).all(axis=2)
        estimates = {}
        for gsd, estimate in strip.estimates.items():
            factor, sigmas = scale_factor(gsd), self.sigmas[gsd]
            coarse = scaled_reflectance(self.scene, strip.dn[gsd], gsd)
            usable = consistency.usable_pixels(is_valid(self.scene, strip.dn[gsd]), fine_valid, factor, sigmas)
            corrected = consistency.back_project(estimate, coarse, usable, factor, sigmas)
            here = place.overlap(self.counted).relative_to(strip.place).coarsened(factor).slices
            missing = [
                consistency.residual(image, coarse, usable, factor, sigmas)[here] for image in (estimate, corrected)
            ]
            self.sums[gsd] += [np.square(part, dtype=np.float64).sum(axis=(0, 1)) for part in missing] + [
                usable[here].sum(axis=(0, 1))
            ]
            estimates[gsd] = corrected
        return Strip(strip.place, strip.dn, estimates).part(place)


def _take(estimates: dict[int, RowBuffer], stored: dict[int, RowBuffer], place: Window) -> Strip:
    """Some of the rows that are kept."""
    top, bottom = place.row, place.row + place.height
    return Strip(
        place,
        {gsd: rows.get(top * 10 // gsd, bottom * 10 // gsd) for gsd, rows in stored.items()},
        {gsd: rows.get(top, bottom) for gsd, rows in estimates.items()},
    )
