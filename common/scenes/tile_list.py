"""Path or tile list -> scenes.

A path leads to a Sentinel-2 product in SAFE (`safe.py`) or EOPF Zarr (`eopf.py`), or to a BigEarthNet patch folder
(`patch_folder.py`). The suffix `:T53HLA` picks one tile of a product that holds several. A tile list is a text file
with one scene a line; `#` starts a comment. A name without a folder is looked up in the data folder, with or without
`.SAFE`, `.zarr` or `.zip`, as in the lists of the DSen2 paper.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError, TileListError, some_of
from common.scenes.eopf import read_eopf
from common.scenes.patch_folder import is_patch_folder, read_patch_folder
from common.scenes.safe import read_product
from common.scenes.scene import Scene
from common.scenes.zarr_files import is_zarr

_WITH_TILE = re.compile(r"(?P<path>.+):(?P<tile>T\d{2}[A-Z]{3})")
_ENDINGS = ("", ".SAFE", ".zip", ".SAFE.zip", ".zarr", ".zarr.zip")


def open_scenes(path: Path | str) -> tuple[Scene, ...]:
    """Open all scenes of a path, or the one that a suffix such as `:T53HLA` picks.

    Raises:
        ProductNotFoundError: the path does not exist, or a scene has no image files.
        ProductError: the path is no product, the product is damaged, or it does not hold the tile.
    """
    base, tile = _split_tile(str(path))
    if not Path(base).exists():
        raise ProductNotFoundError(
            f"{base} does not exist; give a .SAFE or .zarr folder, its .zip, an MTD_*.xml, or a BigEarthNet patch folder."
        )
    scenes = _read_scenes(Path(base))
    if tile:
        scenes = _pick_tile(base, scenes, tile)
    _require_images(base, scenes)
    return scenes


def open_scene(path: Path | str) -> Scene:
    """Open the one scene of a path.

    Raises:
        ProductError: as `open_scenes`, or the product holds several tiles.
    """
    scenes = open_scenes(path)
    if len(scenes) > 1:
        tiles = ", ".join(scene.tile for scene in scenes)
        raise ProductError(
            f"{path} holds {len(scenes)} tiles ({tiles}); give one of them, such as {path}:{scenes[0].tile}."
        )
    return scenes[0]


def read_tile_list(list_path: Path | str, data_dir: Path | str | None = None) -> tuple[Scene, ...]:
    """Open every scene that a tile list names.

    Args:
        list_path: text file, one name or path of a scene a line. A relative path starts at data_dir, or else at the
            folder of the list. `#` starts a comment.
        data_dir: folder in which names are looked up; default: the folder of the list.

    Returns:
        The scenes in the order of the list; all tiles of a product that holds several.

    Raises:
        TileListError: the list cannot be read, or it names an unknown scene, the same scene twice, or no scene.
        ProductError: a product in the list is damaged.
    """
    list_path = Path(list_path)
    folders = _lookup_folders(list_path, data_dir)
    entries = list(_entries(list_path))
    if not entries:
        raise TileListError(f"{list_path} names no scene; write one product name or path a line.")
    paths = {line: _find(name, folders) for line, name in entries}
    unknown = [f"line {line}: {name}" for line, name in entries if paths[line] is None]
    if unknown:
        raise TileListError(
            f"{list_path}: cannot find {len(unknown)} of {len(entries)} scenes in {folders[0]}, with or without .SAFE, "
            f".zarr or .zip ({some_of(unknown)}); download them, or give another data folder."
        )
    scenes: dict[str, Scene] = {}
    first_lines: dict[str, int] = {}
    for line, path in paths.items():
        for scene in open_scenes(str(path)):
            if scene.name in scenes:
                raise TileListError(
                    f"{list_path} names {scene.name} in line {first_lines[scene.name]} and again in line {line}; "
                    f"remove one."
                )
            scenes[scene.name] = scene
            first_lines[scene.name] = line
    return tuple(scenes.values())


def _read_scenes(path: Path) -> tuple[Scene, ...]:
    """Read the scenes of a path with the reader of its format."""
    if is_patch_folder(path):
        return (read_patch_folder(path),)
    return (read_eopf(path),) if is_zarr(path) else read_product(path)


def _split_tile(path: str) -> tuple[str, str]:
    """Split `PATH:T53HLA` into path and tile; the tile is empty if there is none."""
    match = _WITH_TILE.fullmatch(path)
    return (match["path"], match["tile"]) if match else (path, "")


def _pick_tile(path: str, scenes: tuple[Scene, ...], tile: str) -> tuple[Scene, ...]:
    picked = tuple(scene for scene in scenes if scene.tile == tile)
    if not picked:
        raise ProductError(f"{path} has no tile {tile}; it holds {', '.join(scene.tile for scene in scenes)}.")
    return picked


def _require_images(path: str, scenes: tuple[Scene, ...]) -> None:
    """Raise ProductNotFoundError if a scene has metadata and no image files, as after an incomplete download."""
    missing = [scene.tile for scene in scenes if not scene.band_paths]
    if missing:
        complete = next((scene.tile for scene in scenes if scene.band_paths), "")
        advice = f"give a tile that has them, such as {path}:{complete}" if complete else "download the product again"
        raise ProductNotFoundError(f"{path} has no image files in IMG_DATA for {some_of(missing)}; {advice}.")


def _lookup_folders(list_path: Path, data_dir: Path | str | None) -> tuple[Path, ...]:
    """Return the folders in which names are looked up: the data folder, then the folder of the list."""
    if data_dir is None:
        return (list_path.parent,)
    if not Path(data_dir).is_dir():
        raise TileListError(
            f"the data folder {data_dir} for {list_path} does not exist; give the folder that holds the products."
        )
    return (Path(data_dir), list_path.parent)


def _entries(list_path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and name of each scene in the list."""
    try:
        lines = list_path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise TileListError(
            f"the tile list {list_path} does not exist; give a text file with one scene a line."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TileListError(f"the tile list {list_path} is no readable text ({error}); give a text file.") from error
    for line_number, line in enumerate(lines, start=1):
        if name := line.partition("#")[0].strip():
            yield line_number, name


def _find(name: str, folders: tuple[Path, ...]) -> str | None:
    """Return the path of a name in a list, with its tile suffix; None if no file or folder fits.

    A name without `/` is looked up in the first folder only.
    """
    base, tile = _split_tile(name)
    stem = base.rstrip("/").removesuffix(".zip").removesuffix(".SAFE").removesuffix(".zarr")
    for folder in folders if "/" in base else folders[:1]:
        for candidate in (folder / base, *(folder / f"{stem}{ending}" for ending in _ENDINGS)):
            if candidate.exists():
                return f"{candidate}:{tile}" if tile else str(candidate)
    return None
