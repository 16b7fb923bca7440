"""Sharpen a region of a scene from top to bottom, on one or more ranks, in bounded memory.

Rows and columns are those of the 10 m grid. The region is predicted in strips, each one window high. In each strip, a
rank reads and predicts the windows of its own columns; then the ranks join their columns. Threads read the next strip and
prepare the next window while a network computes; the main thread alone joins columns.

A window's prediction does not depend on the rank, so the result is the same for any number of ranks. One exception: with
another number of threads a processor adds the terms of a convolution in another order, which changes about one pixel in
ten thousand by one DN.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np

import common.distributed as hvd
from common.files.checksums import require_intact
from common.pixels.sentinel2 import each_gsd, input_gsds
from common.pixels.windows import Window, grid
from common.rasters.grids import georeference
from common.rasters.strips import StripReader
from common.scenes.scene import Scene
from superres.prediction.correction import Correction
from superres.prediction.options import WINDOW_PX
from superres.prediction.ranks import RankGroup
from superres.prediction.result import empty_result, result_bands, result_dn, store_result
from superres.prediction.sharpening import Inputs, Sharpener
from superres.prediction.stages.threads import Waits, ahead
from superres.prediction.strip import Dn, Strip, cut

Advance = Callable[[], object]  # is called after each window


class Read(NamedTuple):
    """The DN of a strip and of the pixels around it.

    Attributes:
        window: the strip.
        read_window: the strip and its margin.
        dn: of read_window.
    """

    window: Window
    read_window: Window
    dn: Dn

    def part(self, window: Window) -> Dn:
        """Return the DN of a window inside read_window, as views."""
        return {gsd: cut(image, gsd, window.relative_to(self.read_window)) for gsd, image in self.dn.items()}


class ScenePrediction:
    """The prediction of a region of a scene.

    Args:
        scene: with the bands that the sharpeners need.
        sharpeners: one for each GSD, in the order of the result's bands; a joint network is one for both.
        region: the part of the 10 m grid to sharpen.
        bands: bands of the result, in their order: sharpened bands and 10 m bands; None: all sharpened bands.
        consistent: whether to correct the estimates, see `superres/prediction/correction.py`.
        rank_group: the ranks that share the work; None: this rank alone.
        window_px: rows and columns of a window, a multiple of 6.

    Attributes:
        area: the part of the 10 m grid that is predicted: whole pixels of the coarsest band, and the margin that the
            correction needs around the region.
        own_columns: the part of `area` that this rank predicts.
        read_margin: pixels that are read around each window.
        correction: the correction of the estimates; None if `consistent` is False.
        waits: seconds that the networks have waited for the threads that read and fill, by stage.
    """

    def __init__(
        self,
        scene: Scene,
        sharpeners: Sequence[Sharpener],
        region: Window,
        bands: Sequence[str] | None = None,
        consistent: bool = False,
        rank_group: RankGroup | None = None,
        window_px: int = WINDOW_PX,
    ):
        grid_10m = georeference(scene, 10)
        self.shape = grid_10m.rows, grid_10m.cols
        self.scene, self.sharpeners, self.region = scene, sharpeners, region
        self.rank_group, self.window_px = rank_group or RankGroup(), window_px
        sharpened_gsds = [gsd for sharpener in sharpeners for gsd in each_gsd(sharpener.gsd)]
        self.gsds = input_gsds(max(sharpened_gsds))
        self.bands = tuple(bands or result_bands(sharpened_gsds, copy_10m=False))
        step = max(sharpened_gsds) // 10  # all windows are multiples of the coarsest band's pixels
        self.read_margin = -(-max(sharpener.read_margin for sharpener in sharpeners) // step) * step
        snapped = region.snapped(step)
        self.correction = Correction(scene, sharpened_gsds, snapped) if consistent else None
        self.area = snapped.grown(self.correction.margin if self.correction else 0, *self.shape)
        self.own_columns = self._share_of_columns()
        self.waits: Waits = Counter()
        self._decoder_threads = hvd.cores_per_rank()  # asked in the main thread, as everything about ranks

    @property
    def window_count(self) -> int:
        """Windows that this rank predicts, counted once for each network."""
        return len(self.sharpeners) * sum(1 for _ in self._windows_of(self.own_columns))

    def strips(self, advance: Advance = lambda: None) -> Iterator[np.ndarray]:
        """Yield the result from top to bottom, some rows at a time: (rows, cols, bands) uint16 DN.

        If the sharpeners have calibrations, the expected errors follow as further bands, those of `error_bands(bands)`.
        Only rank 0 of the group receives strips; every rank must iterate.

        Args:
            advance: is called after each window of each network.

        Raises:
            S2Error: a rank of the group cannot read or sharpen its columns; raised on all ranks of the group.
        """
        with ahead(self._read_own_columns(), "reading", self.waits) as reads:
            for window, dn in (self._corrected_dn if self.correction else self._plain_dn)(reads, advance):
                wanted = window.overlap(self.region)
                if self.rank_group.rank == 0 and wanted.height:
                    yield dn[wanted.relative_to(window).slices]
                del dn  # frees its memory before the next one is made

    def _share_of_columns(self) -> Window:
        """Return the part of the area that this rank predicts: whole windows, or no column at all.

        If there are more ranks than columns of windows, the last ranks have none: rank 0 must predict, because it looks for
        errors of the writer after each window.
        """
        group, columns = self.rank_group, -(-self.area.width // self.window_px)
        firsts = (max(columns * rank // group.size, min(rank, columns)) for rank in (group.rank, group.rank + 1))
        left, right = (min(first * self.window_px, self.area.width) for first in firsts)
        return Window(self.area.row, self.area.col + left, self.area.height, right - left)

    def _windows_of(self, part: Window) -> Iterator[Window]:
        """Yield the windows of a part of the area, row by row."""
        for window in grid(part.height, part.width, self.window_px, self.window_px):
            yield window.moved(part.row, part.col)

    def _read_own_columns(self) -> Iterator[Read]:
        """Read this rank's columns, one strip for each row of windows."""
        own = self.own_columns
        read_area = own.grown(self.read_margin, *self.shape)
        files = [self.scene.band_paths[band] for gsd in self.gsds for band in self.scene.bands_at(gsd)]
        require_intact(self.scene.name, files, self.rank_group.rank, self.rank_group.size)
        reader = StripReader(self.scene, self.gsds, read_area, self._decoder_threads)
        for top in range(0, own.height, self.window_px):
            window = Window(own.row + top, own.col, min(self.window_px, own.height - top), own.width)
            read_window = window.grown(self.read_margin, *self.shape)
            yield Read(window, read_window, reader.read(read_window.row, read_window.row + read_window.height))

    def _plain_dn(self, reads: Iterator[Read], advance: Advance) -> Iterator[tuple[Window, np.ndarray]]:
        """Return window and DN of whole strips; each rank converts its windows before its columns are joined."""
        own_dn = map(partial(self._predict_dn, advance=advance), reads)  # unlike a loop, `map` keeps no read
        return map(self._join_dn, self.rank_group.iterate_together(own_dn))

    def _corrected_dn(self, reads: Iterator[Read], advance: Advance) -> Iterator[tuple[Window, np.ndarray]]:
        """Yield window and DN of whole strips on rank 0, which corrects the joined estimates of all ranks."""
        own_strips = map(partial(self._predict_strip, advance=advance), reads)
        joined = map(self._join, self.rank_group.iterate_together(own_strips))
        if self.rank_group.rank == 0:
            yield from map(self._stored_dn, self.correction.correct(joined, self.area))
        else:
            deque(joined, maxlen=0)  # rank 0 waits for the columns of every rank; a loop would keep the last strip

    def _predict_dn(self, read: Read, advance: Advance) -> tuple[Window, np.ndarray]:
        """Return window and DN of this rank's columns; a window is converted while it is in the processor's cache."""
        stored = empty_result(read.window, self.bands, any(sharpener.calibrations for sharpener in self.sharpeners))

        def store(part: Strip) -> None:
            inner = part.window.relative_to(read.window)
            store_result(self.scene, part, self.bands, stored[inner.slices])

        self._sharpen(read, advance, store)
        return read.window, stored

    def _predict_strip(self, read: Read, advance: Advance) -> Strip:
        """Return the estimates of this rank's columns, and what a correction needs."""
        gsds = [gsd for sharpener in self.sharpeners for gsd in each_gsd(sharpener.gsd)]
        error_gsds = [gsd for sharpener in self.sharpeners for gsd in sharpener.calibrations]
        strip = Strip.empty(read.window, read.part(read.window), gsds, error_gsds)
        self._sharpen(read, advance, strip.put)
        return strip

    def _sharpen(self, read: Read, advance: Advance, use: Callable[[Strip], object]) -> None:
        """Sharpen the windows of a strip, one by one, and call `use` with each."""
        with ahead(self._inputs(read), "filling", self.waits) as all_inputs:
            for window in self._windows_of(read.window):
                estimates: dict[int, np.ndarray] = {}
                errors: dict[int, np.ndarray] = {}
                for sharpener in self.sharpeners:
                    # Not `next`: its StopIteration would end the `map` that calls this function, as after the last strip.
                    (inputs,) = islice(all_inputs, 1)
                    sharpened = sharpener.sharpen(inputs, window, self.shape)
                    del inputs  # frees their memory before the next ones are due
                    estimates |= sharpened.estimates
                    errors |= sharpened.errors
                    advance()
                use(Strip(window, read.part(window), estimates, errors))

    def _inputs(self, read: Read) -> Iterator[Inputs | None]:
        """Yield the inputs of each network for each window of a strip."""
        for window in self._windows_of(read.window):
            for sharpener in self.sharpeners:
                yield sharpener.read_inputs(read.dn, read.read_window, window, self.shape)

    def _join_dn(self, own: tuple[Window, np.ndarray]) -> tuple[Window, np.ndarray]:
        """Return window and DN of a strip with the columns of all ranks."""
        window, own_dn = own
        return self._all_columns(window), self.rank_group.join_columns(own_dn)

    def _stored_dn(self, strip: Strip) -> tuple[Window, np.ndarray]:
        """Return window and DN of a strip."""
        return strip.window, result_dn(self.scene, strip, self.bands)

    def _join(self, strip: Strip) -> Strip:
        """Return the strip with the columns of all ranks."""
        dn, estimates, errors = (
            {gsd: self.rank_group.join_columns(image) for gsd, image in images.items()}
            for images in (strip.dn, strip.estimates, strip.errors)
        )
        return Strip(self._all_columns(strip.window), dn, estimates, errors)

    def _all_columns(self, window: Window) -> Window:
        """Return the rows of a window, in all columns of the area."""
        return Window(window.row, self.area.col, window.height, self.area.width)
