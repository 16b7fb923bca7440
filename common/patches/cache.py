"""The patch cache: one patch file for each scene and GSD. Missing files are made, shared among the ranks.

Two jobs may use a cache at once, without a lock. If both cut the same scene, both write the same whole file.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from common.errors import PatchFileError, SettingError, some_of
from common.files.atomic import make_folder, why_no_folder
from common.patches.extraction import images_of, make_patch_file, source_attributes
from common.patches.file import SOURCES, PatchFile, check_content, check_older_file
from common.patches.settings import PatchSettings
from common.patches.source_files import changed_bands, record_sources
from common.runs.progress import track
from common.scenes.scene import Scene

logger = logging.getLogger(__name__)


def patch_file_path(cache: Path, scene: Scene, settings: PatchSettings) -> Path:
    """Return `<scene>-<gsd>m.h5` in the patch cache; for a joint network `<scene>-<gsd>m-joint.h5`."""
    return cache / f"{scene.name}-{settings.gsd}m{'-joint' if settings.joint else ''}.h5"


def prepare_patch_files(
    scenes: tuple[Scene, ...], settings: PatchSettings, cache: Path, show_progress: bool = False
) -> list[PatchFile]:
    """Open the patch files of all scenes, and make those that are missing. Every rank must call it.

    Raises:
        SettingError: fewer than one patch a scene is asked for.
        PatchFileError: the cache cannot be made, or one of its files is damaged or of other settings.
        ProductError: a scene is damaged, too small for a patch, or every patch holds nodata or saturated pixels.
        OutputError: there is no space for a patch file.
    """
    paths = [patch_file_path(cache, scene, settings) for scene in scenes]
    hvd.on_rank_zero(lambda: make_cache(cache, settings))
    missing = hvd.on_rank_zero(lambda: find_missing(scenes, settings, paths))
    own_missing = missing[hvd.rank() :: hvd.size()]
    for scene_index in track(own_missing, "scenes", f"cutting patches at {settings.gsd} m", show_progress):
        make_patch_file(scenes[scene_index], settings, paths[scene_index])
    wait_for_files(cache)
    files = [open_patch_file(scene, settings, path) for scene, path in zip(scenes, paths, strict=True)]
    for file in files:
        log_content(file, settings)
    return files


def make_cache(cache: Path, settings: PatchSettings) -> None:
    """Check the settings and make the folder of the cache. Call on rank 0.

    Raises:
        SettingError: fewer than one patch a scene is asked for.
        PatchFileError: the folder cannot be made.
    """
    if settings.count < 1:
        raise SettingError(f"--patches-per-tile must be at least 1; got {settings.count}.")
    try:
        make_folder(cache)
    except OSError as error:
        raise PatchFileError(
            f"cannot make the patch cache {cache}: {why_no_folder(error)}; give another --patch-cache."
        ) from error


def find_missing(scenes: Sequence[Scene], settings: PatchSettings, paths: Sequence[Path]) -> list[int]:
    """Return the indices of the scenes without a patch file of their present files. Check those that exist. Call on rank 0.

    Raises:
        PatchFileError: a file is damaged or of other settings.
        ProductError: a file of a scene is missing or cannot be read.
    """
    missing = []
    for index, (scene, path) in enumerate(zip(scenes, paths, strict=True)):
        file = open_patch_file(scene, settings, path) if path.exists() else None
        if file is None or is_outdated(file, scene, settings):
            missing.append(index)
        else:
            check_older_file(file)
    logger.info("patch cache %s: %d of %d scenes are there", paths[0].parent, len(paths) - len(missing), len(paths))
    return missing


def is_outdated(file: PatchFile, scene: Scene, settings: PatchSettings) -> bool:
    """Return whether patches must be cut again because the files of the scene have changed. Log why.

    Raises:
        ProductError: a file of the scene is missing or cannot be read.
    """
    recorded = file.attributes.get(SOURCES)
    if recorded is None:
        logger.warning("%s was made by an older version, and may hold saturated pixels; it is made again", file.path)
        return True
    changed = changed_bands(recorded, record_sources(scene, settings.bands))
    if changed:
        logger.warning("%s was made from other files of %s; it is made again", file.path, some_of(changed))
    return bool(changed)


def wait_for_files(folder: Path) -> None:
    """Wait until all ranks have written their files. Every rank must call it."""
    hvd.barrier()
    list(folder.iterdir())  # a network file system then looks again for files from other nodes


def open_patch_file(scene: Scene, settings: PatchSettings, path: Path) -> PatchFile:
    """Open a patch file and check that it belongs to a scene and to settings.

    Raises:
        PatchFileError: it is damaged, or belongs to another scene or to other settings.
    """
    file = PatchFile(path)
    check_content(file, images_of(settings))
    for name, wanted in source_attributes(scene, settings).items():
        stored = file.attributes.get(name)
        if stored != wanted:
            raise PatchFileError(
                f"{path} was made with {name} {stored}, this run needs {wanted}; "
                f"move it away, or give another --patch-cache."
            )
    return file


def log_content(file: PatchFile, settings: PatchSettings) -> None:
    """Log on rank 0 the number of patches in a file, and why there are no more."""
    if hvd.rank() == 0:
        fewer = f"; {settings.count} were asked for, the scene has no further positions"
        left_out = file.attributes["patches_with_nodata"]
        logger.info(
            "%s: %d patches of %d px at %d m%s%s",
            file.attributes["scene"],
            len(file),
            settings.patch_px,
            settings.gsd,
            fewer if len(file) < settings.count else "",
            f"; {left_out} positions left out for nodata" if left_out else "",
        )
