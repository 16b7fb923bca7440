"""Scene and window -> arrays of DN.

Arrays are (rows, cols) or (rows, cols, bands), uint16 DN, each band at its native GSD. Row 0 is north. DN are those of
the file, except that all files give nodata and saturated pixels the same DN (`common/rasters/special_dn.py`), and that
masked pixels are nodata (`common/rasters/masks.py`). Damaged files are errors, as `common/rasters/files.py` and
`common/files/checksums.py` explain.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from osgeo import gdal

from common.errors import ProductError
from common.files.checksums import require_intact
from common.machine import usable_cores
from common.pixels.sentinel2 import BANDS, normalize_band
from common.pixels.windows import Window
from common.rasters.band_sources import open_source
from common.rasters.files import describe_px, require_same
from common.rasters.masks import read_mask
from common.rasters.special_dn import UNREAL_REFLECTANCE, replace_dn, special_dn, unreal_shares, wrapped_bands
from common.scenes.scene import Scene

logger = logging.getLogger(__name__)

_told: set[str] = set()  # names of scenes whose unreal pixels are logged

gdal.UseExceptions()


def read_band(scene: Scene, band: str, window: Window | None = None, threads: int | None = None) -> np.ndarray:
    """Read one band: shape (rows, cols), uint16 DN, native GSD. Arguments and errors as in `read_bands`."""
    return read_bands(scene, (band,), window, threads)[..., 0]


def read_bands(
    scene: Scene,
    bands: Sequence[str],
    window: Window | None = None,
    threads: int | None = None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Read bands of one GSD.

    Args:
        scene: opened by `common/scenes/tile_list.py`.
        bands: names, all of the same native GSD.
        window: part to read, in pixels of that GSD; None reads all.
        threads: of the JPEG 2000 decoder; None means all cores that this process may use.
        out: gets the pixels and is returned; None makes a new array.

    Returns:
        Shape (rows, cols, bands), uint16 DN, in the order of `bands`.

    Raises:
        ValueError: there are no bands, the bands have different GSDs, or the window is not inside the band.
        ProductNotFoundError: a band's file is missing.
        ProductError: a file is empty, cut short or damaged, is not uint16, differs in size from the others, or holds wrapped
            negative numbers.
    """
    bands = [normalize_band(band) for band in bands]
    if len({BANDS[band].gsd for band in bands}) != 1:
        raise ValueError(f"bands must be of one GSD; got {[f'{band} ({BANDS[band].gsd} m)' for band in bands]}.")
    with _decoder_threads(threads):
        sources = [open_source(scene, band) for band in bands]
        sizes = [(source.rows, source.cols) for source in sources]
        require_same(scene, {band: describe_px(*size) for band, size in zip(bands, sizes, strict=True)})
        window = _checked_window(window, *sizes[0])
        changes = [special_dn(scene, band, source.bits) for band, source in zip(bands, sources, strict=True)]
        require_intact(scene.name, [scene.band_paths[band] for band in bands])
        dn = np.empty((window.height, window.width, len(bands)), dtype=np.uint16) if out is None else out
        for band_index in range(len(bands)):
            source = sources.pop(0)  # closes the file of the band before, so that GDAL frees its cache
            source.read_into(window, dn[..., band_index])
    if replace_dn(dn, changes):
        _refuse_wrapped(scene, bands, dn)
    _warn_of_unreal(scene, bands, dn)
    if scene.mask:
        dn[read_mask(scene, window, BANDS[bands[0]].gsd)] = scene.nodata
    return dn


def _refuse_wrapped(scene: Scene, bands: Sequence[str], dn: np.ndarray) -> None:
    """Raise ProductError if DN are wrapped negative numbers."""
    wrapped = wrapped_bands(scene, bands, dn)
    if wrapped:
        band, lowest = next(iter(wrapped.items()))
        raise ProductError(
            f"{scene.name} holds DN {lowest:,} in {band}: a negative number that was wrapped when an offset was subtracted; "
            f"get the files again from an archive that clips them, or the product itself."
        )


def _warn_of_unreal(scene: Scene, bands: Sequence[str], dn: np.ndarray) -> None:
    """Log once for a scene that its offset seems to be subtracted already."""
    shares = {} if scene.name in _told else unreal_shares(scene, bands, dn)
    if shares:
        _told.add(scene.name)
        band, share = next(iter(shares.items()))
        logger.warning(
            "%s: %.0f %% of the pixels of %s have a reflectance below %g, which no ground has. The offset %g seems to be "
            "subtracted from them already; if so, correct the metadata (in a STAC item, set earthsearch:boa_offset_applied "
            "to true), or get the product as ESA made it",
            scene.name,
            100 * share,
            band,
            UNREAL_REFLECTANCE,
            scene.offsets[band],
        )


def block_rows(scene: Scene, band: str) -> int:
    """Return the height in rows of the blocks in which the file of a band is stored."""
    return open_source(scene, band).block_rows


def _checked_window(window: Window | None, rows: int, cols: int) -> Window:
    """Return the window, by default the whole band. Raise ValueError if it is not inside the band."""
    window = window or Window(0, 0, rows, cols)
    bottom, right = window.row + window.height, window.col + window.width
    if min(window.row, window.col) < 0 or min(window.height, window.width) < 1 or bottom > rows or right > cols:
        raise ValueError(f"window must be inside {rows} rows x {cols} columns; got {window}.")
    return window


@contextmanager
def _decoder_threads(threads: int | None) -> Iterator[None]:
    """Let GDAL decode with this number of threads, in the current Python thread only."""
    option = "GDAL_NUM_THREADS"
    before = gdal.GetThreadLocalConfigOption(option)
    gdal.SetThreadLocalConfigOption(option, str(threads or usable_cores()))
    try:
        yield
    finally:
        gdal.SetThreadLocalConfigOption(option, before)
