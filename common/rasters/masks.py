"""Masks of a scene: rasters that say which pixels count as nodata. `common/rasters/bands.py` applies them."""

import dataclasses
from pathlib import Path

import numpy as np
from osgeo import gdal

from common.errors import SettingError
from common.files.checksums import require_intact
from common.files.read_errors import describe_missing
from common.pixels.degrade import repeat_pixels
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.band_sources import BandSource, GdalBand
from common.rasters.files import as_product_error, http_options, one_line
from common.rasters.grids import GeoReference, describe_ground, georeference
from common.rasters.jpeg2000 import DOWNLOAD_AGAIN
from common.rasters.zarr3 import Zarr3Band
from common.scenes.scene import Mask, Scene

SCL = "SCL"
DEFAULT_CLASSES = (0, 1)  # no data; saturated or defective
_CLASS_NUMBERS = range(12)


def with_mask(scene: Scene, text: str) -> Scene:
    """Return a scene whose masked pixels count as nodata in all bands.

    Args:
        scene: the scene.
        text: the value of --mask. A raster of 10, 20 or 60 m pixels that covers the scene, or `SCL` for the scene
            classification of the L2A product. Pixels of a raster are masked where any of its bands is not 0. Pixels of
            `SCL` are masked in its classes 0 (no data) and 1 (saturated or defective), or in the classes that follow it:
            `SCL:0,1,8,9`. A raster whose name holds `_SCL_` is read as SCL.

    Raises:
        SettingError: the product has no scene classification, the classes are no classes, or the raster is missing, cannot
            be read or lies on another grid.
        ProductError: the scene has no 10 m bands.
    """
    mask = _find_mask(scene, text)
    require_intact(scene.name, [mask.path])
    try:
        with http_options(mask.path):
            source = _open(scene, mask.path)
    except RuntimeError as error:
        reason = one_line(str(error)).rstrip(".")
        raise SettingError(f"--mask {text} cannot be read as a raster: {reason}; give another raster.") from error
    scene_grid = georeference(scene, 10)
    is_array = bool(scene.zarr_format) and mask.path == scene.classification_path
    crs = scene_grid.crs_wkt if is_array else source.crs_wkt  # arrays have none
    geotransform = source.geotransform()
    if geotransform is None or not crs:
        raise SettingError(f"--mask {text} has no georeference; give a raster on the grid of the scene.")
    mask_grid = GeoReference(crs, geotransform, source.rows, source.cols)
    _, pixel, *_, pixel_height = geotransform
    is_on_grid = pixel in BANDS_BY_GSD and pixel_height == -pixel
    if not is_on_grid or describe_ground(mask_grid) != describe_ground(scene_grid):
        raise SettingError(
            f"--mask {text} has {pixel:g} m pixels and covers {describe_ground(mask_grid)}; expected 10, 20 or 60 m and "
            f"{describe_ground(scene_grid)}, as {scene.name}: bring it to this grid, for example with gdalwarp."
        )
    return dataclasses.replace(scene, mask=mask._replace(gsd=int(pixel)))


def _find_mask(scene: Scene, text: str) -> Mask:
    """Return the path and the classes of a mask, whose GSD its raster will tell.

    Raises:
        SettingError: the product has no scene classification, the classes are no classes, or the raster is missing.
    """
    name, _, classes = text.partition(":")
    if name != SCL:
        if not Path(text).is_file():
            raise SettingError(
                f"--mask {text} {describe_missing(text, 'is no file')}; give a raster, or {SCL} for the scene classification of L2A."
            )
        return Mask(text, 10, DEFAULT_CLASSES if f"_{SCL}_" in Path(text).name else None)
    if not scene.classification_path:
        raise SettingError(
            f"--mask {text}: {scene.name} has no file of the scene classification, as L2A products have; give a raster."
        )
    return Mask(scene.classification_path, 20, _parse_classes(text, classes))


def read_mask(scene: Scene, window: Window, gsd: int) -> np.ndarray:
    """Read which pixels are masked. A coarse pixel is masked if any finer pixel of the mask in it is masked.

    Args:
        scene: with a mask.
        window: pixels of the grid of `gsd`.
        gsd: 10, 20 or 60 m.

    Returns:
        Shape (rows, cols) of the window, bool.

    Raises:
        ProductError: the raster is damaged.
    """
    mask = scene.mask
    if mask.gsd < gsd:
        factor = gsd // mask.gsd
        fine = _read(scene, window.scaled(factor))
        return fine.reshape(window.height, factor, window.width, factor).any(axis=(1, 3))
    factor = mask.gsd // gsd
    covering = window.snapped(factor)
    masked = repeat_pixels(_read(scene, covering.coarsened(factor)), factor)
    return masked[window.relative_to(covering).slices]


def _open(scene: Scene, path: str) -> BandSource:
    """Open the raster of a mask; the scene classification of a product in Zarr format 3 with the reader of that format."""
    if scene.zarr_format == 3 and path == scene.classification_path:
        return Zarr3Band(dataclasses.replace(scene, band_paths={SCL: path}), SCL)
    dataset = gdal.OpenEx(path, gdal.OF_RASTER)
    if not dataset.RasterCount:
        raise RuntimeError("it only names other rasters")  # such as a product XML
    return GdalBand(dataset)


def _read(scene: Scene, window: Window) -> np.ndarray:
    """Read a window of the mask's own grid, bool."""
    mask = scene.mask
    remedy = "make the mask again" if mask.classes is None else DOWNLOAD_AGAIN  # the classification is of the product
    with as_product_error(mask.path, warnings_too=True, remedy=remedy):
        source = _open(scene, mask.path)
        if isinstance(source, GdalBand):
            values = source.dataset.ReadAsArray(window.col, window.row, window.width, window.height)
        else:
            values = np.empty((window.height, window.width), np.uint8)
            source.read_into(window, values)
    values = values.reshape(-1, window.height, window.width)
    return (values != 0 if mask.classes is None else np.isin(values, mask.classes)).any(axis=0)


def _parse_classes(text: str, classes: str) -> tuple[int, ...]:
    if not classes:
        return DEFAULT_CLASSES
    try:
        numbers = tuple(int(part) for part in classes.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not set(numbers) <= set(_CLASS_NUMBERS):
        raise SettingError(
            f"--mask {text}: expected classes of the scene classification, 0 to 11, such as {SCL}:0,1,8,9."
        )
    return numbers
