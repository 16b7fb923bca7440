"""Bands in Zarr format 3, read with zarr-python, because GDAL 3.6.2 of Debian 12 reads no arrays of this format.

zarr-python and its decoders raise errors of many kinds on damaged files, so that each of them becomes a ProductError.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from common.errors import ProductError, SettingError
from common.files.read_errors import describe_refusal
from common.pixels.windows import Window
from common.rasters.jpeg2000 import DOWNLOAD_AGAIN
from common.scenes.scene import Scene

BITS_OF_ESA = 15  # of the JPEG 2000 files that Zarr arrays and COGs are made from


class Zarr3Band:
    """A band of a scene in Zarr format 3; a `BandSource`.

    Raises:
        SettingError: zarr-python is not installed.
        ProductError: the array is damaged.
    """

    crs_wkt = ""
    bits = BITS_OF_ESA

    def __init__(self, scene: Scene, band: str):
        self.path = scene.band_paths[band]
        self.scene = scene
        self.array = self._open_array(self.path)
        self.rows, self.cols = self.array.shape
        self.block_rows = int(self.array.chunks[0])

    def read_into(self, window: Window, dn: np.ndarray) -> None:
        with _as_product_error(self.path):
            dn[...] = self.array[window.slices]

    def geotransform(self) -> tuple[float, float, float, float, float, float] | None:
        group = self.path.rpartition("/")[0]
        x, y = (self._read_centres(f"{group}/{axis}") for axis in "xy")
        if x is None or y is None:
            return None
        width, height = x[1] - x[0], y[1] - y[0]
        return (x[0] - width / 2, width, 0.0, y[0] - height / 2, 0.0, height)

    def _read_centres(self, path: str) -> list[float] | None:
        """Return the pixel centres along one axis; None if they have no even distance."""
        with _as_product_error(path):
            centres = np.asarray(self._open_array(path)[:], dtype=np.float64)
        steps = np.diff(centres)
        return centres.tolist() if len(steps) and steps[0] and (steps == steps[0]).all() else None

    def _open_array(self, path: str) -> Any:
        try:
            import zarr
            from zarr.storage import LocalStore, ZipStore
        except ImportError as error:
            raise SettingError(
                f"{self.scene.path} is in Zarr format 3, which needs the package zarr; run pip install 'jeoparda[zarr]'."
            ) from error
        with _as_product_error(path):
            in_zip = path.removeprefix(f"/vsizip/{{{self.scene.path}}}/")
            if in_zip == path:
                return zarr.open_array(LocalStore(path, read_only=True), mode="r", zarr_format=3)
            return zarr.open_array(ZipStore(self.scene.path, mode="r"), path=in_zip, mode="r", zarr_format=3)


@contextmanager
def _as_product_error(path: str) -> Iterator[None]:
    """Turn any error of zarr-python into a ProductError."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        refusal = describe_refusal(error)
        raise ProductError(f"{path} {refusal or f'is damaged ({reason}); {DOWNLOAD_AGAIN}'}.") from error
