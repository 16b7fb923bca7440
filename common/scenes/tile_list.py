"""Which scenes a path, or a list of tiles, means.

A path is a Sentinel-2 product (`common/scenes/safe.py`) or a BigEarthNet patch folder (`common/scenes/patch_folder.py`); with
`:T53HLA` behind it, it means one tile of a product that holds several. A tile list is a text file with one scene a
line; `#` starts a comment. A name without a folder is looked up in the data folder, with or without `.SAFE` or `.zip`,
as the lists of the DSen2 paper write them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError, TileListError, some_of
from common.scenes.patch_folder import is_patch_folder, read_patch_folder
from common.scenes.safe import read_product
from common.scenes.scene import Scene

_WITH_TILE = re.compile(r"(?P<path>.+):(?P<tile>T\d{2}[A-Z]{3})")
_ENDINGS = ("", ".SAFE", ".zip", ".SAFE.zip")


def open_scenes(path: Path | str) -> tuple[Scene, ...]:
    """All scenes of a path, or the one that a suffix such as `:T53HLA` picks.

    Raises:
        ProductNotFoundError: nothing is there, or a scene has no image files.
        ProductError: it is no product, is damaged, or has no such tile.
    """
    base, tile = _split_tile(str(path))
    if not Path(base).exists():
        raise ProductNotFoundError(
            f"{base} does not exist; give a .SAFE folder, its .zip, its MTD_*.xml, or a BigEarthNet patch folder."
        )
    scenes = (read_patch_folder(base),) if is_patch_folder(base) else read_product(base)
    if tile:
        scenes = _pick_tile(base, scenes, tile)
    _require_images(base, scenes)
    return scenes


def open_scene(path: Path | str) -> Scene:
    """The one scene of a path.

    Raises:
        ProductError: as `open_scenes`, or the product holds several tiles.
    """
    scenes = open_scenes(path)
    if len(scenes) > 1:
        tiles = ", ".join(scene.tile for scene in scenes)
        raise ProductError(f"{path} holds {len(scenes)} tiles ({tiles}); give one, as {path}:{scenes[0].tile}.")
    return scenes[0]


def read_tile_list(list_path: Path | str, data_dir: Path | str | None = None) -> tuple[Scene, ...]:
    """Open every scene that a tile list names.

    Args:
        list_path: text file, one scene a line: a name, or a path. A relative path starts at data_dir, or else at the
            list's own folder. `#` starts a comment.
        data_dir: where names are looked up; default: the list's own folder.

    Returns:
        The scenes in the order of the list; all tiles of a product that holds several.

    Raises:
        TileListError: the list cannot be read, or it names something unknown, something twice, or nothing.
        ProductError: a product in the list is damaged.
    """
    list_path = Path(list_path)
    folders = _lookup_folders(list_path, data_dir)
    entries = list(_entries(list_path))
    if not entries:
        raise TileListError(f"{list_path} names no scene; write one product name or path a line.")
    found = {line: _find(name, folders) for line, name in entries}
    unknown = [f"line {line}: {name}" for line, name in entries if found[line] is None]
    if unknown:
        raise TileListError(
            f"{list_path} names {len(unknown)} unknown of {len(entries)} scenes ({some_of(unknown)}); neither is in "
            f"{folders[0]}, with or without .SAFE or .zip: download them, or give another data folder."
        )
    scenes: dict[str, Scene] = {}
    first_lines: dict[str, int] = {}
    for line, path in found.items():
        for scene in open_scenes(str(path)):
            if scene.name in scenes:
                raise TileListError(
                    f"{list_path} line {line} names {scene.name}, as line {first_lines[scene.name]} does; remove one."
                )
            scenes[scene.name] = scene
            first_lines[scene.name] = line
    return tuple(scenes.values())


def _split_tile(path: str) -> tuple[str, str]:
    """`PATH:T53HLA` -> (`PATH`, `T53HLA`); without a tile the second is empty."""
    match = _WITH_TILE.fullmatch(path)
    return (match["path"], match["tile"]) if match else (path, "")


def _pick_tile(path: str, scenes: tuple[Scene, ...], tile: str) -> tuple[Scene, ...]:
    picked = tuple(scene for scene in scenes if scene.tile == tile)
    if not picked:
        raise ProductError(f"{path} has no tile {tile}; it holds {', '.join(scene.tile for scene in scenes)}.")
    return picked


def _require_images(path: str, scenes: tuple[Scene, ...]) -> None:
    """Refuse a product of which only the metadata, or only some tiles, were downloaded."""
    lacking = [scene.tile for scene in scenes if not scene.band_paths]
    if lacking:
        complete = next((scene.tile for scene in scenes if scene.band_paths), "")
        advice = f"give one that is there, as {path}:{complete}" if complete else "download the product again"
        raise ProductNotFoundError(f"{path} has no image files in IMG_DATA for {some_of(lacking)}; {advice}.")


def _lookup_folders(list_path: Path, data_dir: Path | str | None) -> tuple[Path, ...]:
    """Where names are looked up, first the data folder, then the list's own."""
    if data_dir is None:
        return (list_path.parent,)
    if not Path(data_dir).is_dir():
        raise TileListError(
            f"the data folder {data_dir} of {list_path} does not exist; give the folder of the products."
        )
    return (Path(data_dir), list_path.parent)


def _entries(list_path: Path) -> Iterator[tuple[int, str]]:
    """Line number and name of each scene in the list."""
    try:
        lines = list_path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise TileListError(
            f"the tile list {list_path} does not exist; give a text file with a scene a line."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TileListError(f"the tile list {list_path} is no readable text ({error}); give a text file.") from error
    for number, line in enumerate(lines, start=1):
        if name := line.partition("#")[0].strip():
            yield number, name


def _find(name: str, folders: tuple[Path, ...]) -> str | None:
    """The path that a name in a list means, its tile suffix kept; None if there is none.

    Only a name with a folder in it is looked up beside the list as well.
    """
    base, tile = _split_tile(name)
    stem = base.rstrip("/").removesuffix(".zip").removesuffix(".SAFE")
    for folder in folders if "/" in base else folders[:1]:
        for candidate in (folder / base, *(folder / f"{stem}{ending}" for ending in _ENDINGS)):
            if candidate.exists():
                return f"{candidate}:{tile}" if tile else str(candidate)
    return None
