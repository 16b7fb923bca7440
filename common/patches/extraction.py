"""Cut the training patches of one scene and write its patch file.

Wald's protocol: all bands are degraded by the scale factor, so that the native 20 m (60 m) bands become the target of
a network that sharpens 40 m -> 20 m (360 m -> 60 m). Positions are those of the target grid.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import ProductError
from common.patches.degraded_scene import check_patch_fits, degrade_scene
from common.patches.file import SOURCES, write_patch_file
from common.patches.sampling import candidate_positions, cut_patches, holds_only
from common.patches.settings import PatchSettings
from common.patches.source_files import record_sources
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.rasters.grids import georeference
from common.runs.provenance import code_revision, utc_now
from common.scenes.scene import Scene


class Extraction(NamedTuple):
    """The patches of a scene.

    Attributes:
        arrays: the arrays of a patch file, see `common/patches/file.py`.
        left_out: number of positions left out because a patch there holds nodata or saturated pixels.
    """

    arrays: dict[str, np.ndarray]
    left_out: int


def make_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> None:
    """Cut the patches of a scene and write its patch file.

    Raises:
        ProductError: as `extract_patches`.
        OutputError: there is no space, or the folder is missing or read-only.
    """
    sources = record_sources(scene, settings.bands)  # before reading: a file that changes meanwhile is cut again
    extraction = extract_patches(scene, settings)
    attributes = {
        SOURCES: sources,
        **source_attributes(scene, settings),
        **provenance_attributes(scene, settings, extraction.left_out),
    }
    write_patch_file(path, extraction.arrays, attributes)


def extract_patches(scene: Scene, settings: PatchSettings) -> Extraction:
    """Cut patches at random positions of a scene.

    Raises:
        ProductError: the scene is damaged, too small for a patch, or every patch holds nodata or saturated pixels.
    """
    degraded = degrade_scene(scene, settings)
    rows, cols = degraded.valid.shape
    size = settings.patch_px
    check_patch_fits(scene, rows, cols, settings)
    candidates = candidate_positions(rows, cols, settings)
    usable = candidates[holds_only(degraded.valid, candidates, size)]
    if not len(usable):
        raise ProductError(
            f"{scene.name} has no patch of {size} px without nodata at {settings.gsd} m; take it out of the list."
        )
    positions = np.random.default_rng(settings.seed).permutation(usable)[: settings.count]
    arrays = {
        name: cut_patches(image, positions, size, rows // image.shape[0]) for name, image in degraded.inputs.items()
    }
    if "target" in images_of(settings):
        arrays["target"] = cut_patches(degraded.target, positions, size, 1)
    arrays["row"], arrays["col"] = positions[:, 0].astype(np.int32), positions[:, 1].astype(np.int32)
    arrays["block"] = positions[:, 2].astype(np.int16)
    return Extraction(arrays, len(candidates) - len(usable))


def images_of(settings: PatchSettings) -> tuple[str, ...]:
    """Return the names of the images in a patch file. Without the truth of all sharpened bands there is no target."""
    inputs = tuple(f"input_{gsd}m" for gsd in settings.input_gsds)
    return (*inputs, "target") if settings.truth_gsds == settings.sharpened_gsds else inputs


def source_attributes(scene: Scene, settings: PatchSettings) -> dict[str, Any]:
    """Return the attributes that tell whether a patch file belongs to a scene and to settings.

    The name of a product alone does not: a product may be cropped, or processed again.
    """
    grid = georeference(scene, settings.gsd)
    return {
        "scene_px": f"{grid.rows} x {grid.cols}",
        "upper_left": f"{grid.geotransform[0]:.0f}, {grid.geotransform[3]:.0f}",
        "quantification_value": scene.quantification,
        "radiometric_offsets": ", ".join(f"{band} {offset:g}" for band, offset in scene.offsets.items()),
        "scene": scene.name,
        "level": scene.level,
        "baseline": scene.baseline,
        "seed": settings.seed,
        "scale_factor": settings.scale_factor,
        "degradation": settings.degradation,
        "patches_requested": settings.count,
    }


def provenance_attributes(scene: Scene, settings: PatchSettings, left_out: int) -> dict[str, Any]:
    """Return the other attributes of a patch file: how it was made, and facts that readers need."""
    bands = {gsd: BANDS_BY_GSD[gsd] if gsd in settings.input_gsds else () for gsd in (10, 20, 60)}
    return {
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "command": " ".join(sys.argv),
        "nodata": scene.nodata,
        "offsets": [scene.offsets[band] for names in bands.values() for band in names],
        **{f"bands_{gsd}m": ",".join(names) for gsd, names in bands.items()},
        "patch_px": settings.patch_px,
        "patches_with_nodata": left_out,
    }
