"""Rows of DN -> compressed tiles of an image and of its overviews, in one pass.

Each row comes once, and each pixel is compressed once. Several threads compress the tiles of a row. Compression is DEFLATE
with horizontal differences, which every program reads. Level 3 of Intel's library takes a quarter of the time of level 6
of libdeflate, which GDAL uses, and its files are smaller by 1 %. ZSTD would save half of that time again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np
from isal import isal_zlib

from common.machine import usable_cores
from common.rasters.pyramids.means import Halving, overview_shapes

TILE_PX = 512
_COMPRESSION_LEVEL = 3  # 0 to 3


class StoredTile(NamedTuple):
    """The place of a compressed tile in a file."""

    offset: int
    size: int


class Level:
    """The image or one of its overviews, while its rows come.

    Args:
        rows, cols: its size.

    Attributes:
        tiles: the stored tiles, from left to right and from top to bottom.
    """

    def __init__(self, rows: int, cols: int):
        self.rows, self.cols = rows, cols
        self.tiles: list[StoredTile] = []
        self.added_rows = 0
        self._waiting: np.ndarray | None = None  # rows of a row of tiles that is not complete
        self._waiting_rows = 0

    def add(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the whole rows of tiles that rows of the image complete. They are valid until the next ones.

        Args:
            image: (rows, cols, bands) uint16.
        """
        if self._waiting is None:
            self._waiting = np.empty((min(TILE_PX, self.rows), *image.shape[1:]), np.uint16)
        while len(image):
            taken = min(len(image), len(self._waiting) - self._waiting_rows)
            self._waiting[self._waiting_rows : self._waiting_rows + taken] = image[:taken]
            image = image[taken:]
            self._waiting_rows += taken
            self.added_rows += taken
            if self._waiting_rows == len(self._waiting) or self.added_rows == self.rows:
                yield self._waiting[: self._waiting_rows]
                self._waiting_rows = 0


class Pyramid:
    """An image and its overviews, written as compressed tiles, in the order in which they are complete.

    Args:
        file: open for writing; tiles begin at its present position.
        rows, cols: size of the image.
        smallest: overviews are made until one is at most so wide and high.

    Attributes:
        levels: the image, then its overviews.
    """

    def __init__(self, file: BinaryIO, rows: int, cols: int, smallest: int):
        shapes = [(rows, cols), *overview_shapes(rows, cols, smallest)]
        self.levels = [Level(*shape) for shape in shapes]
        self._halvings = [Halving(*pair) for pair in pairwise(shapes)]
        self._file, self._position = file, file.tell()

    def add(self, image: np.ndarray) -> None:
        """Add the next rows of the image.

        Args:
            image: (rows, cols, bands) uint16.

        Raises:
            OSError: the file cannot be written.
            ValueError: there are more rows than those of the image.
        """
        whole = self.levels[0]
        if whole.added_rows + len(image) > whole.rows:
            raise ValueError(f"the grid has {whole.rows} rows; got strips of more rows.")
        with ThreadPoolExecutor(usable_cores()) as threads:
            self._add(0, image, threads)

    def require_whole(self) -> None:
        """Raise ValueError if rows of the image are missing."""
        whole = self.levels[0]
        if whole.added_rows != whole.rows:
            raise ValueError(f"the grid has {whole.rows} rows; got strips of {whole.added_rows} rows in all.")

    def _add(self, number: int, image: np.ndarray, threads: ThreadPoolExecutor) -> None:
        """Add rows to a level, and their means to the levels below it."""
        level = self.levels[number]
        for rows in level.add(image):
            tiles = (rows[:, left : left + TILE_PX] for left in range(0, level.cols, TILE_PX))
            level.tiles.extend(self._store(compressed) for compressed in threads.map(compress_tile, tiles))
            if number < len(self._halvings):
                self._add(number + 1, self._halvings[number].add(rows), threads)

    def _store(self, compressed: bytes) -> StoredTile:
        self._file.write(compressed)
        tile = StoredTile(self._position, len(compressed))
        self._position += tile.size
        return tile


def compress_tile(pixels: np.ndarray) -> bytes:
    """Return a tile as TIFF stores it: differences to the pixel on the left, then DEFLATE.

    Args:
        pixels: (rows, cols, bands) uint16, at most TILE_PX rows and cols. Pixels that the tile holds beyond them are not
            shown; each is equal to that on its left.
    """
    rows, cols, bands = pixels.shape
    differences = np.zeros((TILE_PX, TILE_PX, bands), "<u2")
    differences[:rows, 0] = pixels[:, 0]
    np.subtract(pixels[:, 1:], pixels[:, :-1], out=differences[:rows, 1:cols])  # modulo 65536
    return isal_zlib.compress(differences, _COMPRESSION_LEVEL)
