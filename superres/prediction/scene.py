"""Sharpen a region of a scene from top to bottom, on one or many ranks, in bounded memory.

Rows and columns are those of the 10 m grid. Each rank predicts the windows of its own columns and reads only those; for
every row of windows, in turn, all ranks put their columns together. What a window gives does not depend on who predicts
it, so the result is the same on any number of ranks, but for this: with another number of threads a processor adds up a
convolution in another order, and about one pixel in ten thousand is rounded to the next DN.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import common.distributed as hvd
from common.errors import S2Error
from common.pixels.sentinel2 import BANDS_10M, BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window, grid
from common.rasters.grids import georeference
from common.rasters.strips import StripReader
from common.scenes.scene import Scene
from superres.prediction.correction import Correction
from superres.prediction.options import WINDOW_PX
from superres.prediction.sharpening import Dn, Sharpener, Strip, cut, sharpened_dn

Tick = Callable[[], object]  # called after each window


@dataclass(frozen=True)
class RankGroup:
    """The ranks that work on a scene together.

    Attributes:
        rank: this one's number, 0 to size - 1.
        size: their number; 1 for a rank that has a scene to itself.
    """

    rank: int = 0
    size: int = 1

    def join(self, columns: np.ndarray) -> np.ndarray:
        """(rows, this rank's columns, bands) -> (rows, columns of all ranks, bands), on all ranks."""
        return columns if self.size == 1 else np.concatenate(hvd.allgather_object(columns), axis=1)

    def in_step(self, strips: Iterator[Strip]) -> Iterator[Strip]:
        """Yield the strips of this rank, of which every rank has the same number.

        Raises:
            S2Error: a rank of the group raised it; on all its ranks, so that each cleans up.
        """
        while True:
            strip = error = None
            try:
                strip = next(strips, None)
            except S2Error as caught:
                error = caught
            if self.size > 1:
                hvd.raise_together(error)
            elif error:
                raise error
            if strip is None:
                return
            yield strip


def result_bands(gsds: Iterable[int], copy_10m: bool) -> tuple[str, ...]:
    """Return the bands of a result, in their order."""
    return (*(BANDS_10M if copy_10m else ()), *(band for gsd in gsds for band in BANDS_BY_GSD[gsd]))


class ScenePrediction:
    """A region of a scene at 10 m.

    Args:
        scene: with the bands that the sharpeners need.
        sharpeners: one for each GSD.
        region: part of the 10 m grid that is wanted.
        copy_10m: give the 10 m bands too.
        consistent: make the result give back the input when it is degraded.
        rank_group: the ranks that work on it.
        window_px: rows and columns of a window; a multiple of 6.
    """

    def __init__(
        self,
        scene: Scene,
        sharpeners: Sequence[Sharpener],
        region: Window,
        copy_10m: bool = False,
        consistent: bool = False,
        rank_group: RankGroup | None = None,
        window_px: int = WINDOW_PX,
    ):
        grid_10m = georeference(scene, 10)
        self.shape = grid_10m.rows, grid_10m.cols
        self.scene, self.sharpeners, self.region, self.copy_10m = scene, sharpeners, region, copy_10m
        self.rank_group, self.window_px = rank_group or RankGroup(), window_px
        self.gsds = input_gsds(max(sharpener.gsd for sharpener in sharpeners))
        step = self.gsds[-1] // 10  # pixels of the coarsest band: all windows are multiples of them
        self.read_margin = -(-max(sharpener.read_margin for sharpener in sharpeners) // step) * step
        snapped = region.snapped(step)
        self.correction = (
            Correction(scene, [sharpener.gsd for sharpener in sharpeners], snapped) if consistent else None
        )
        self.area = snapped.grown(self.correction.margin if self.correction else 0, *self.shape)
        self.mine = self._my_columns()

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands of the result, in their order."""
        return result_bands([sharpener.gsd for sharpener in self.sharpeners], self.copy_10m)

    @property
    def window_count(self) -> int:
        """Windows that this rank predicts, over all networks."""
        return len(self.sharpeners) * sum(1 for _ in self._windows(self.mine))

    def strips(self, tick: Tick = lambda: None) -> Iterator[np.ndarray]:
        """Rows of the region from top to bottom, (rows, cols, bands) uint16 DN.

        The first rank of the group gets them; the others get none, and must ask for them as well.
        """
        predicted = self.rank_group.in_step(self._predicted(tick))
        if self.correction:
            joined = (self._joined(strip) for strip in predicted)
            strips = self.correction.correct(joined, self.area) if self.rank_group.rank == 0 else joined
            rows = ((strip.place, self._stored(strip)) for strip in strips if self.rank_group.rank == 0)
        else:
            rows = ((strip.place, self.rank_group.join(self._stored(strip))) for strip in predicted)
        for place, stored in rows:
            whole = Window(place.row, self.area.col, place.height, self.area.width)
            wanted = whole.overlap(self.region)
            if self.rank_group.rank == 0 and wanted.height:
                yield stored[wanted.relative_to(whole).slices]

    def _my_columns(self) -> Window:
        """The columns of the area that this rank predicts: whole windows, or none."""
        count = -(-self.area.width // self.window_px)
        left, right = (
            min(count * part // self.rank_group.size * self.window_px, self.area.width)
            for part in (self.rank_group.rank, self.rank_group.rank + 1)
        )
        return Window(self.area.row, self.area.col + left, self.area.height, right - left)

    def _windows(self, place: Window) -> Iterator[Window]:
        """The windows of a part of the area, row by row."""
        for window in grid(place.height, place.width, self.window_px, self.window_px):
            yield window.moved(place.row, place.col)

    def _predicted(self, tick: Tick) -> Iterator[Strip]:
        """This rank's columns, a row of windows at a time."""
        reach = self.mine.grown(self.read_margin, *self.shape)
        reader = StripReader(self.scene, self.gsds, reach, hvd.cores_per_rank())
        for top in range(0, self.mine.height, self.window_px):
            height = min(self.window_px, self.mine.height - top)
            place = Window(self.mine.row + top, self.mine.col, height, self.mine.width)
            outer = place.grown(self.read_margin, *self.shape)
            dn = reader.read(outer.row, outer.row + outer.height)
            estimates = self._estimates(place, dn, outer, tick)
            yield Strip(place, {gsd: cut(part, gsd, place.relative_to(outer)) for gsd, part in dn.items()}, estimates)

    def _estimates(self, place: Window, dn: Dn, read: Window, tick: Tick) -> dict[int, np.ndarray]:
        """What the networks make of a row of windows."""
        estimates = {
            sharpener.gsd: np.empty((place.height, place.width, len(BANDS_BY_GSD[sharpener.gsd])), np.float32)
            for sharpener in self.sharpeners
        }
        for window in self._windows(place):
            for sharpener in self.sharpeners:
                here = window.relative_to(place).slices
                estimates[sharpener.gsd][here] = sharpener.sharpen(dn, read, window, self.shape)
                tick()
        return estimates

    def _joined(self, strip: Strip) -> Strip:
        """The columns of all ranks."""
        place = Window(strip.place.row, self.area.col, strip.place.height, self.area.width)
        dn, estimates = (
            {gsd: self.rank_group.join(part) for gsd, part in parts.items()} for parts in (strip.dn, strip.estimates)
        )
        return Strip(place, dn, estimates)

    def _stored(self, strip: Strip) -> np.ndarray:
        """A strip as it is stored: (rows, cols, bands) uint16."""
        parts = [sharpened_dn(self.scene, gsd, estimate, strip.dn) for gsd, estimate in strip.estimates.items()]
        return np.concatenate([strip.dn[10], *parts] if self.copy_10m else parts, axis=2)
