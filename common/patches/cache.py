"""Cut training patches from scenes into patch files, one a scene and GSD, shared out over the ranks.

Wald's protocol: all bands are degraded by the scale factor, so that the native 20 m (60 m) bands become the target of
a network that sharpens 40 m -> 20 m (360 m -> 60 m). Positions are counted on the target grid.
"""

import logging
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

import common.distributed as hvd
from common.errors import PatchFileError, SettingError
from common.patches.file import PatchFile, write_patch_file
from common.patches.sampling import extract_patches
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from common.rasters.grids import georeference
from common.runs.provenance import code_revision, utc_now
from common.scenes.scene import Scene

logger = logging.getLogger(__name__)

PIXELS, PLACES = ("input_10m", "input_20m", "target"), ("row", "col", "block")  # arrays of every patch file


def patch_file_path(cache: Path, scene: Scene, settings: PatchSettings) -> Path:
    """`<scene>-20m.h5` in the patch cache."""
    return cache / f"{scene.name}-{settings.gsd}m.h5"


def make_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> None:
    """Cut the patches of a scene and write its patch file."""
    arrays, left_out = extract_patches(scene, settings)
    write_patch_file(path, arrays, {**identity(scene, settings), **provenance(scene, settings, left_out)})


def identity(scene: Scene, settings: PatchSettings) -> dict:
    """The attributes in which a patch file must agree with what is asked for: a product may be cut, or made anew."""
    grid = georeference(scene, settings.gsd)
    return {
        "scene_px": f"{grid.rows} x {grid.cols}",
        "upper_left": f"{grid.geotransform[0]:.0f}, {grid.geotransform[3]:.0f}",
        "quantification_value": scene.quantification,
        "radiometric_offsets": describe_offsets(scene),
        "scene": scene.name,
        "level": scene.level,
        "baseline": scene.baseline,
        "seed": settings.seed,
        "scale_factor": settings.scale_factor,
        "degradation": settings.degradation,
        "patches_requested": settings.count,
    }


def describe_offsets(scene: Scene) -> str:
    """The DN offsets of a scene, by band."""
    return ", ".join(f"{band} {offset:g}" for band, offset in scene.offsets.items())


def provenance(scene: Scene, settings: PatchSettings, left_out: int) -> dict:
    """The other attributes of a patch file."""
    bands = {10: BANDS_10M, 20: BANDS_20M, 60: BANDS_60M if settings.gsd == 60 else ()}
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


def open_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> PatchFile:
    """Open a patch file and check that it is what is asked for.

    Raises:
        PatchFileError: it is damaged, or made with other settings.
    """
    file = PatchFile(path)
    check_content(file)
    for name, wanted in identity(scene, settings).items():
        found = file.attributes.get(name)
        if found != wanted:
            raise PatchFileError(
                f"{path} was made with {name} {found}, this run wants {wanted}; "
                f"delete it, or give another --patch-cache."
            )
    return file


def check_content(file: PatchFile) -> None:
    """Raise PatchFileError where arrays or attributes are not as `make_patch_file` writes them."""
    missing = [name for name in (*PIXELS, *PLACES) if name not in file.arrays]
    missing += [name for name in ("checksum", "offsets", "bands_10m") if name not in file.attributes]
    if missing:
        raise PatchFileError(f"{file.path} lacks {', '.join(missing)}; delete it and it is made again.")
    odd = [
        name
        for name, array in file.arrays.items()
        if len(array) != len(file) or (name not in PLACES and (array.dtype != np.uint16 or array.ndim != 4))
    ]
    if odd:
        raise PatchFileError(
            f"{file.path} holds {odd[0]} of shape {file.arrays[odd[0]].shape} and type "
            f"{file.arrays[odd[0]].dtype}, not as written; delete it and it is made again."
        )


def prepare_patch_files(
    scenes: tuple[Scene, ...], settings: PatchSettings, cache: Path, progress: bool = False
) -> list[PatchFile]:
    """Open the patch files of all scenes; those that are not there yet are made, shared out over the ranks.

    Raises:
        PatchFileError, ProductError, OutputError: as above.
    """
    paths = [patch_file_path(cache, scene, settings) for scene in scenes]
    missing = hvd.on_rank_zero(lambda: check_cache(scenes, settings, paths))
    mine = missing[hvd.rank() :: hvd.size()]
    for number in tqdm(mine, desc="cutting patches", unit="scene", disable=not progress):
        make_patch_file(scenes[number], settings, paths[number])
    hvd.barrier()
    list(cache.iterdir())  # makes a network file system look again for what other nodes have written
    files = [open_patch_file(scene, settings, path) for scene, path in zip(scenes, paths, strict=True)]
    for file in files:
        describe_patch_file(file, settings)
    return files


def describe_patch_file(file: PatchFile, settings: PatchSettings) -> None:
    """Log on rank 0 what a patch file holds, whoever has made it and when."""
    if hvd.rank() == 0:
        short = "" if len(file) == settings.count else f"; {settings.count} were asked for, there is no place for more"
        left_out = file.attributes["patches_with_nodata"]
        logger.info(
            "%s: %d patches of %d px at %d m%s%s",
            file.attributes["scene"],
            len(file),
            settings.patch_px,
            settings.gsd,
            short,
            f"; {left_out} places left out for nodata" if left_out else "",
        )


def check_cache(scenes: tuple[Scene, ...], settings: PatchSettings, paths: list[Path]) -> list[int]:
    """Numbers of the scenes without a patch file; the files that exist are checked before any work starts."""
    if settings.count < 1:
        raise SettingError(f"--patches-per-tile must be at least 1; got {settings.count}.")
    for path in paths[:1]:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PatchFileError(
                f"cannot make the patch cache {path.parent}: {error.strerror}; give another --patch-cache."
            ) from error
    for scene, path in zip(scenes, paths, strict=True):
        if path.exists():
            open_patch_file(scene, settings, path)
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    logger.info("patch cache %s: %d of %d scenes are there", paths[0].parent, len(paths) - len(missing), len(paths))
    return missing
