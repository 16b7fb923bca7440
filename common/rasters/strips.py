"""Read a scene from top to bottom, some rows at a time, and decode each block of its files once.

JPEG 2000 products are stored in blocks of 1024 rows; windows that are read one by one would decode the same block again
and again. Rows and columns of the whole module are those of the 10 m grid, and multiples of 6 where 60 m bands are read.
"""

from collections.abc import Sequence

import numpy as np

from common.pixels.windows import Window
from common.rasters.bands import block_rows, read_bands
from common.scenes.scene import Scene


class Rows:
    """Some consecutive rows of an image that is too large to hold.

    Args:
        top: number of the first row that will be appended.
    """

    def __init__(self, top: int):
        self.top = top
        self.image: np.ndarray | None = None

    @property
    def bottom(self) -> int:
        """Number of the first row that is not there yet."""
        return self.top + (0 if self.image is None else len(self.image))

    def append(self, rows: np.ndarray) -> None:
        """Add rows (rows, cols, ...) below."""
        self.image = rows if self.image is None else np.concatenate([self.image, rows])

    def forget_above(self, top: int) -> None:
        """Let go of the rows above `top`."""
        if self.image is not None and top > self.top:
            self.image = self.image[top - self.top :]
            self.top = top

    def get(self, top: int, bottom: int) -> np.ndarray:
        """Rows top .. bottom - 1, a view."""
        return self.image[top - self.top : bottom - self.top]


class StripReader:
    """Bands of a scene, from top to bottom.

    Args:
        scene: as `common/scenes/tile_list.py` opens it.
        gsds: whose bands are read.
        area: the part of the 10 m grid that will be asked for.
        threads: of the decoder; None means all cores that this process may use.
    """

    def __init__(self, scene: Scene, gsds: Sequence[int], area: Window, threads: int | None = None):
        self.scene = scene
        self.area = area
        self.threads = threads
        self.rows = {gsd: Rows(area.row * 10 // gsd) for gsd in gsds}
        self.block_rows = {gsd: block_rows(scene, scene.bands_at(gsd)[0]) for gsd in gsds}

    def read(self, top: int, bottom: int) -> dict[int, np.ndarray]:
        """Rows top .. bottom - 1 of the area's columns; rows above `top` cannot be asked for again.

        Returns:
            GSD -> (rows / factor, cols / factor, bands) uint16 DN; views that the next call leaves as they are.

        Raises:
            ProductError: a file is missing or damaged.
        """
        return {gsd: self._read(gsd, top * 10 // gsd, bottom * 10 // gsd) for gsd in self.rows}

    def _read(self, gsd: int, top: int, bottom: int) -> np.ndarray:
        rows, block = self.rows[gsd], self.block_rows[gsd]
        area = self.area.coarsened(gsd // 10)
        rows.forget_above(top)
        if rows.bottom < bottom:
            end = min(-(-bottom // block) * block, area.row + area.height)
            window = Window(rows.bottom, area.col, end - rows.bottom, area.width)
            rows.append(read_bands(self.scene, self.scene.bands_at(gsd), window, self.threads))
        return rows.get(top, bottom)
