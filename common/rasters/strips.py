"""Read a scene from top to bottom in strips of rows, and decode each block of its files once.

JPEG 2000 products are stored in blocks of 1024 rows. Windows that are read one by one would decode the same block again
and again. All rows and columns are those of the 10 m grid. They must be multiples of 2 if 20 m bands are read, and
multiples of 6 if 60 m bands are read.
"""

from collections.abc import Sequence

import numpy as np

from common.pixels.windows import Window
from common.rasters.bands import block_rows, read_bands
from common.scenes.scene import Scene


class RowBuffer:
    """Some consecutive rows of an image that is too large for the memory.

    Args:
        top: index of the first row that will be appended.
    """

    def __init__(self, top: int):
        self.top = top
        self.image: np.ndarray | None = None

    @property
    def bottom(self) -> int:
        """Index of the row after the last one in the buffer."""
        return self.top + (0 if self.image is None else len(self.image))

    def extend(self, shape: tuple[int, ...]) -> np.ndarray:
        """Add rows below and return them as a view, shape (rows, cols, ...) uint16. The caller sets their pixels.

        Views from `get` keep their pixels.
        """
        kept = 0 if self.image is None else len(self.image)
        longer = np.empty((kept + shape[0], *shape[1:]), np.uint16)
        if kept:
            longer[:kept] = self.image
        self.image = longer
        return longer[kept:]

    def drop_above(self, top: int) -> None:
        """Remove the rows above `top`."""
        if self.image is not None and top > self.top:
            self.image = self.image[top - self.top :]
            self.top = top

    def get(self, top: int, bottom: int) -> np.ndarray:
        """Return rows top .. bottom - 1 as a view."""
        return self.image[top - self.top : bottom - self.top]


class StripReader:
    """Reads bands of a scene from top to bottom.

    Args:
        scene: opened by `common/scenes/tile_list.py`.
        gsds: all bands of these GSDs are read.
        area: the part of the 10 m grid to read.
        threads: of the decoder; None means all cores that this process may use.
    """

    def __init__(self, scene: Scene, gsds: Sequence[int], area: Window, threads: int | None = None):
        self.scene = scene
        self.area = area
        self.threads = threads
        self.rows = {gsd: RowBuffer(area.row * 10 // gsd) for gsd in gsds}
        self.block_rows = {gsd: block_rows(scene, scene.bands_at(gsd)[0]) for gsd in gsds}

    def read(self, top: int, bottom: int) -> dict[int, np.ndarray]:
        """Read rows top .. bottom - 1 of the area. Later calls cannot read rows above `top`.

        Returns:
            GSD -> (rows / factor, cols / factor, bands) uint16 DN. The arrays stay valid after the next call.

        Raises:
            ProductError: a file is missing or damaged.
        """
        return {gsd: self._read(gsd, top * 10 // gsd, bottom * 10 // gsd) for gsd in self.rows}

    def _read(self, gsd: int, top: int, bottom: int) -> np.ndarray:
        rows, block = self.rows[gsd], self.block_rows[gsd]
        area = self.area.coarsened(gsd // 10)
        rows.drop_above(top)
        if rows.bottom < bottom:
            end = min(-(-bottom // block) * block, area.row + area.height)
            window = Window(rows.bottom, area.col, end - rows.bottom, area.width)
            bands = self.scene.bands_at(gsd)
            read_bands(self.scene, bands, window, self.threads, rows.extend((window.height, window.width, len(bands))))
        return rows.get(top, bottom)
