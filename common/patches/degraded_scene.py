"""A scene degraded by Wald's protocol: degraded inputs, native targets, and valid pixels. Arrays are (rows, cols, bands)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import common.distributed as hvd
from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.sentinel2 import input_gsds
from common.pixels.windows import Window
from common.rasters.bands import read_band
from common.rasters.grids import georeference
from common.runs.signals import require_going_on
from common.scenes.reflectance import is_valid
from common.scenes.scene import Scene


@dataclass(frozen=True)
class DegradedScene:
    """A scene at reduced scale, with its truth.

    Attributes:
        inputs: `input_10m` (R, C, 4), `input_20m` (R/2, C/2, 6), for 60 m also `input_60m` (R/6, C/6, 2): uint16 DN,
            degraded by the scale factor.
        target: (R, C, 6 or 2) uint16 DN, native.
        valid: (R, C) bool: no nodata and no saturated pixel enters the target or an input here.
    """

    inputs: dict[str, np.ndarray]
    target: np.ndarray
    valid: np.ndarray


class DegradedBands(NamedTuple):
    """The bands of one GSD, degraded by the scale factor s.

    Attributes:
        degraded: (rows / s, cols / s, bands) uint16 DN.
        valid: (rows / s, cols / s) bool: no nodata and no saturated pixel enters a band here.
        native: (rows, cols, bands) uint16 DN before the degradation, or None.
    """

    degraded: np.ndarray
    valid: np.ndarray
    native: np.ndarray | None


def degrade_scene(scene: Scene, settings: PatchSettings) -> DegradedScene:
    """Read and degrade a scene.

    Memory: the target bands, the degraded inputs and one 10 m band at a time; 1.3 GB for a full tile at 20 m.

    Raises:
        ProductError: a band is missing or damaged, or the scene is smaller than a coarse pixel.
    """
    rows, cols = target_shape(scene, settings)
    valid = np.ones((rows, cols), dtype=bool)
    by_gsd = {}
    for gsd in input_gsds(settings.gsd):
        window = Window(0, 0, rows * settings.gsd // gsd, cols * settings.gsd // gsd)
        by_gsd[gsd] = degrade_bands(scene, gsd, window, settings, keep_native=gsd == settings.gsd)
        valid &= degrade.repeat_pixels(by_gsd[gsd].valid, rows // by_gsd[gsd].valid.shape[0])
    inputs = {f"input_{gsd}m": bands.degraded for gsd, bands in by_gsd.items()}
    return DegradedScene(inputs, by_gsd[settings.gsd].native, valid)


def target_shape(scene: Scene, settings: PatchSettings) -> tuple[int, int]:
    """Return rows and columns of the target grid that all bands cover, as multiples of the scale factor.

    Raises:
        ProductError: the scene is smaller than a coarse pixel.
    """
    grids = [(gsd, georeference(scene, gsd)) for gsd in input_gsds(settings.gsd)]
    rows = min(grid.rows * gsd // settings.gsd for gsd, grid in grids)
    cols = min(grid.cols * gsd // settings.gsd for gsd, grid in grids)
    factor = settings.scale_factor
    if min(rows, cols) < factor:
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, fewer than {factor}; leave it out."
        )
    return rows - rows % factor, cols - cols % factor


def check_patch_fits(scene: Scene, rows: int, cols: int, settings: PatchSettings) -> None:
    """Raise ProductError if a target grid of rows x cols pixels is smaller than a patch."""
    if min(rows, cols) < settings.patch_px:
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, too few for a patch of {settings.patch_px} px; "
            f"take it out of the list."
        )


def degrade_bands(scene: Scene, gsd: int, window: Window, settings: PatchSettings, keep_native: bool) -> DegradedBands:
    """Read and degrade the bands of one GSD, one after the other.

    Args:
        scene: the scene.
        gsd: 10, 20 or 60 m.
        window: the pixels to read; height and width are multiples of the scale factor.
        settings: degradation and scale factor.
        keep_native: return the native pixels, too.

    Raises:
        ProductError: a band is missing or damaged.
    """
    factor = settings.scale_factor
    bands = scene.bands_at(gsd)
    degraded = np.empty((window.height // factor, window.width // factor, len(bands)), np.uint16)
    valid = np.ones(degraded.shape[:2], dtype=bool)
    native = np.empty((window.height, window.width, len(bands)), np.uint16) if keep_native else None
    threads = hvd.cores_per_rank()
    for band_index, (band, sigma) in enumerate(zip(bands, settings.sigmas(gsd), strict=True)):
        require_going_on()
        dn = read_band(scene, band, window, threads=threads)
        if native is not None:
            native[..., band_index] = dn
        degraded[..., band_index] = degrade.degrade_to_dn(dn[..., None], factor, (sigma,))[..., 0]
        usable = is_valid(scene, dn)
        if not usable.all():
            valid &= degrade.degrade_mask(usable, factor, degrade.blur_reach(sigma))
    return DegradedBands(degraded, valid, native)
