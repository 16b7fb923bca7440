"""A scene degraded by Wald's protocol: degraded inputs, native targets, and valid pixels. Arrays are (rows, cols, bands)."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import common.distributed as hvd
from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels import degrade
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
        truth: GSD -> (R, C, 6 or 2) uint16 DN, the bands that are known on the target grid. The native ones, and for a joint
            network at 60 m also the 20 m bands, degraded by 3.
        valid: (R, C) bool: no nodata and no saturated pixel enters the target or an input here.
    """

    inputs: dict[str, np.ndarray]
    truth: dict[int, np.ndarray]
    valid: np.ndarray

    @property
    def target(self) -> np.ndarray:
        """The known bands of all GSDs: (R, C, bands) uint16 DN."""
        truths = list(self.truth.values())
        return truths[0] if len(truths) == 1 else np.concatenate(truths, axis=-1)


class DegradedBands(NamedTuple):
    """The bands of one GSD, degraded by the scale factor s.

    Attributes:
        degraded: (rows / s, cols / s, bands) uint16 DN.
        valid: (rows / s, cols / s) bool: no nodata and no saturated pixel enters a band here.
        truth: the bands on the target grid, uint16 DN, or None.
    """

    degraded: np.ndarray
    valid: np.ndarray
    truth: np.ndarray | None


def degrade_scene(scene: Scene, settings: PatchSettings, window: Window | None = None) -> DegradedScene:
    """Read and degrade a scene, or a part of it.

    Memory: the target bands, the degraded inputs and one 10 m band at a time; 1.3 GB for a full tile at 20 m.

    Args:
        scene: the scene.
        settings: GSD and degradation.
        window: the part, on the target grid; its numbers are multiples of `settings.step_px`. The blur ends at its border, as
            at that of a scene. None: the whole scene.

    Raises:
        ProductError: a band is missing or damaged, or the scene is smaller than a coarse pixel.
    """
    window = window or Window(0, 0, *target_shape(scene, settings))
    valid = np.ones((window.height, window.width), dtype=bool)
    by_gsd = {}
    for gsd in settings.input_gsds:
        part = window.scaled(settings.gsd // 10).coarsened(gsd // 10)
        by_gsd[gsd] = degrade_bands(scene, gsd, part, settings, keep_truth=gsd in settings.truth_gsds)
        valid &= degrade.repeat_pixels(by_gsd[gsd].valid, window.height // by_gsd[gsd].valid.shape[0])
    inputs = {f"input_{gsd}m": bands.degraded for gsd, bands in by_gsd.items()}
    return DegradedScene(inputs, {gsd: by_gsd[gsd].truth for gsd in settings.truth_gsds}, valid)


def target_shape(scene: Scene, settings: PatchSettings) -> tuple[int, int]:
    """Return rows and columns of the target grid that all bands cover, as multiples of a pixel of the coarsest input.

    Raises:
        ProductError: the scene is smaller than a coarse pixel.
    """
    grids = [(gsd, georeference(scene, gsd)) for gsd in settings.input_gsds]
    rows = min(grid.rows * gsd // settings.gsd for gsd, grid in grids)
    cols = min(grid.cols * gsd // settings.gsd for gsd, grid in grids)
    step = settings.step_px
    if min(rows, cols) < step:
        raise ProductError(f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, fewer than {step}; leave it out.")
    return rows - rows % step, cols - cols % step


def patch_fits(scene: Scene, settings: PatchSettings) -> bool:
    """Return whether a scene is large enough for a patch.

    Raises:
        ProductError: its georeference cannot be read.
    """
    grids = [(gsd, georeference(scene, gsd)) for gsd in settings.input_gsds]
    rows, cols = (min(getattr(grid, side) * gsd for gsd, grid in grids) for side in ("rows", "cols"))
    return min(rows, cols) >= settings.patch_px * settings.gsd


def check_patch_fits(scene: Scene, rows: int, cols: int, settings: PatchSettings) -> None:
    """Raise ProductError if a target grid of rows x cols pixels is smaller than a patch."""
    if min(rows, cols) < settings.patch_px:
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, too few for a patch of {settings.patch_px} px; "
            f"take it out of the list."
        )


def degrade_bands(scene: Scene, gsd: int, window: Window, settings: PatchSettings, keep_truth: bool) -> DegradedBands:
    """Read and degrade the bands of one GSD, one after the other.

    Args:
        scene: the scene.
        gsd: 10, 20 or 60 m.
        window: the pixels to read; height and width are multiples of the scale factor.
        settings: degradation and scale factor.
        keep_truth: return the bands on the target grid, too: native, or degraded to it.

    Raises:
        ProductError: a band is missing or damaged.
    """
    factor = settings.scale_factor
    bands = scene.bands_at(gsd)
    degraded = np.empty((window.height // factor, window.width // factor, len(bands)), np.uint16)
    valid = np.ones(degraded.shape[:2], dtype=bool)
    to_truth = settings.gsd // gsd if keep_truth else 1  # 3 for the 20 m bands on the 60 m grid
    truth_px = window.height // to_truth, window.width // to_truth
    truth = np.empty((*truth_px, len(bands)), np.uint16) if keep_truth else None
    truth_sigmas = settings.sigmas(gsd, to_truth)
    threads = hvd.cores_per_rank()
    for band_index, (band, sigma) in enumerate(zip(bands, settings.sigmas(gsd), strict=True)):
        require_going_on()
        dn = read_band(scene, band, window, threads=threads)
        if truth is not None:
            one = slice(band_index, band_index + 1)
            truth[..., one] = (
                dn[..., None] if to_truth == 1 else degrade.degrade_to_dn(dn[..., None], to_truth, truth_sigmas[one])
            )
        degraded[..., band_index] = degrade.degrade_to_dn(dn[..., None], factor, (sigma,))[..., 0]
        usable = is_valid(scene, dn)
        if not usable.all():
            valid &= degrade.degrade_mask(usable, factor, degrade.blur_reach(sigma))
    return DegradedBands(degraded, valid, truth)
