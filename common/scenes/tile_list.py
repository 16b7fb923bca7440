"""Path or tile list -> scenes.

A path leads to a Sentinel-2 product in SAFE (`safe.py`) or EOPF Zarr (`eopf.py`), to a folder or an archive of products,
to a STAC item (`stac/`), or to a BigEarthNet patch folder (`patch_folder.py`). If it leads to several scenes, a suffix such
as `:T53HLA` picks one. A tile list is a text file with one scene a line; `#` starts a comment. A name without a folder is
looked up in the data folder, with or without `.SAFE`, `.zarr`, `.zip`, `.tar` or `.json`, as in the lists of the DSen2
paper.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError, TileListError, some_of
from common.files.archives import refuse_unfinished
from common.files.limits import read_lines
from common.files.read_errors import describe_missing, describe_no_folder, describe_refusal
from common.scenes.eopf import read_eopf
from common.scenes.patch_folder import is_patch_folder, read_patch_folder
from common.scenes.product_files import is_product_folder, products_below
from common.scenes.safe import read_product
from common.scenes.scene import Scene
from common.scenes.stac.item import is_item_file
from common.scenes.stac.scene import read_stac_item
from common.scenes.zarr_files import is_zarr, zarr_around

# A tile, or a longer part of a scene's name that holds it.
_WITH_PICK = re.compile(r"(?P<path>.+):(?P<pick>(?:[\w.-]*_)?T\d{2}[A-Z]{3}(?:_[\w.-]*)?)")
_SHOWN = 200  # characters of a name in a message
_ENDINGS = ("", ".SAFE", ".zip", ".SAFE.zip", ".zarr", ".zarr.zip", ".tar", ".SAFE.tar", ".json", ".SAFE.json")


def open_scenes(path: Path | str) -> tuple[Scene, ...]:
    """Open all scenes of a path, or the one that a suffix picks.

    Args:
        path: of a product, a folder or archive of products, or a patch folder. The suffix is `:` and a tile such as
            `T53HLA`, or the end of a scene's name, or the name of a granule or product.

    Raises:
        ProductNotFoundError: the path does not exist, or a scene has no image files.
        ProductError: the path is no product, the product is damaged, or it does not hold the tile.
    """
    base, pick = _split_pick(str(path))
    if re.match(r"https?:/", base):
        raise ProductError(f"{base} is an address; download the STAC item, and give its .json file.")
    if not base or not os.path.exists(base):  # an empty path would be the present folder
        raise ProductNotFoundError(
            f"{base or 'an empty path'} {describe_missing(base)}; give a .SAFE or .zarr folder, its zip or tar, an MTD_*.xml, the "
            f".json of a STAC item, or a BigEarthNet patch folder."
        )
    scenes = tuple(scene for product in _products(Path(base)) for scene in _read_scenes(product))
    _refuse_twins(base, scenes)
    if pick:
        scenes = (_pick_scene(base, scenes, pick),)
    _require_images(base, scenes)
    return scenes


def open_scene(path: Path | str) -> Scene:
    """Open the one scene of a path.

    Raises:
        ProductError: as `open_scenes`, or the path leads to several scenes.
    """
    scenes = open_scenes(path)
    if len(scenes) > 1:
        picks = [_shortest_pick(scene, scenes) for scene in scenes]
        raise ProductError(
            f"{path} holds {len(scenes)} scenes ({some_of(picks)}); give one of them, such as {path}:{picks[0]}."
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
    unknown = [f"line {line}: {name[:_SHOWN]}" for line, name in entries if paths[line] is None]
    if unknown:
        raise TileListError(
            f"{list_path}: cannot find {len(unknown)} of {len(entries)} scenes in {folders[0]}, with or without .SAFE, "
            f".zarr, .zip, .tar or .json ({some_of(unknown)}); download them, or give another data folder."
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


def _products(path: Path) -> list[Path]:
    """Return the path itself, or the products in a folder that is none."""
    refuse_unfinished(path)
    path = zarr_around(path.parent if path.suffix == ".tif" and is_patch_folder(path.parent) else path)
    if not path.is_dir() or _is_product(path) or is_patch_folder(path):
        return [path]
    return products_below(path, _is_product) or [path]


def _is_product(folder: Path) -> bool:
    """Return whether a folder is a product. A folder that cannot be read counts as none."""
    with suppress(OSError):
        return is_product_folder(folder) or is_zarr(folder)
    return False


def _read_scenes(path: Path) -> tuple[Scene, ...]:
    """Read the scenes of a path with the reader of its format."""
    if is_patch_folder(path):
        return (read_patch_folder(path),)
    if is_item_file(path):
        return (read_stac_item(path),)
    return (read_eopf(path),) if is_zarr(path) else read_product(path)


def _refuse_twins(path: str, scenes: tuple[Scene, ...]) -> None:
    """Raise ProductError if two scenes have one name, as when a folder holds a product and its copy."""
    paths: dict[str, Path] = {}
    for scene in scenes:
        if scene.name in paths:
            raise ProductError(
                f"{path} holds {scene.name} twice, in {paths[scene.name]} and {scene.path}; give the path of one of them."
            )
        paths[scene.name] = scene.path


def _split_pick(path: str) -> tuple[str, str]:
    """Split `PATH:T53HLA` into path and pick; the pick is empty if there is none."""
    match = None if os.path.exists(path) else _WITH_PICK.fullmatch(path)
    return (match["path"], match["pick"]) if match else (path, "")


def _pick_scene(path: str, scenes: tuple[Scene, ...], pick: str) -> Scene:
    """Return the scene that a suffix picks.

    Raises:
        ProductError: it picks none or several.
    """
    picked = [scene for scene in scenes if pick in (scene.tile, scene.granule, scene.name)]
    picked = picked or [scene for scene in scenes if scene.name.endswith(f"_{pick}")]
    if not picked:
        raise ProductError(
            f"{path} has no {pick}; it holds {some_of(_shortest_pick(scene, scenes) for scene in scenes)}."
        )
    if len(picked) > 1:
        picks = [_shortest_pick(scene, scenes) for scene in picked]
        raise ProductError(
            f"{path} holds {pick} {len(picked)} times ({some_of(picks)}); give one of them, such as {path}:{picks[0]}."
        )
    return picked[0]


def _shortest_pick(scene: Scene, scenes: tuple[Scene, ...]) -> str:
    """Return the shortest suffix that picks a scene: its tile, tile and time, or its whole name."""
    tile_and_rest = scene.name[scene.name.find(f"_{scene.tile}") + 1 :]
    for pick in (scene.tile, tile_and_rest):
        if pick and sum(pick == other.tile or other.name.endswith(f"_{pick}") for other in scenes) == 1:
            return pick
    return scene.name


def _require_images(path: str, scenes: tuple[Scene, ...]) -> None:
    """Raise ProductNotFoundError if a scene has metadata and no image files, as after an incomplete download."""
    missing = [scene.tile for scene in scenes if not scene.band_paths]
    if missing:
        complete = next((_shortest_pick(scene, scenes) for scene in scenes if scene.band_paths), "")
        advice = f"give a tile that has them, such as {path}:{complete}" if complete else "download the product again"
        raise ProductNotFoundError(f"{path} has no image files in IMG_DATA for {some_of(missing)}; {advice}.")


def _lookup_folders(list_path: Path, data_dir: Path | str | None) -> tuple[Path, ...]:
    """Return the folders in which names are looked up: the data folder, then the folder of the list."""
    if data_dir is None:
        return (list_path.parent,)
    if not Path(data_dir).is_dir():
        raise TileListError(
            f"the data folder {data_dir} for {list_path} {describe_no_folder(data_dir)}; give the folder that holds the products."
        )
    return (Path(data_dir), list_path.parent)


def _entries(list_path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and name of each scene in the list."""
    if os.path.isdir(list_path) or is_item_file(list_path):
        raise TileListError(
            f"{list_path} is no tile list; give a text file, and write this path into it if it leads to a scene."
        )
    try:
        lines = read_lines(list_path)
    except FileNotFoundError as error:
        raise TileListError(
            f"the tile list {list_path} {describe_missing(list_path)}; give a text file with one scene a line."
        ) from error
    except (OSError, ValueError) as error:
        reason = describe_refusal(error) or f"is no readable text ({error}); give a text file in UTF-8"
        raise TileListError(f"the tile list {list_path} {reason}.") from error
    for line_number, line in enumerate(lines, start=1):
        if name := line.partition("#")[0].strip():
            yield line_number, name


def _find(name: str, folders: tuple[Path, ...]) -> str | None:
    """Return the path of a name in a list, with the suffix that picks a scene; None if no file or folder fits.

    A link to nowhere fits only if nothing else does; opening it says so. A name without `/` is looked up in the first
    folder only.
    """
    base, pick = _split_pick(name)
    stem = base.rstrip("/")
    for ending in (".json", ".zip", ".tar", ".SAFE", ".zarr"):
        stem = stem.removesuffix(ending)
    names = (base, *(f"{stem}{ending}" for ending in _ENDINGS))
    candidates = [folder / name for folder in (folders if "/" in base else folders[:1]) for name in names]
    for fits in (os.path.exists, os.path.islink):  # not those of Path, which raise an error for a name that is too long
        for candidate in filter(fits, candidates):
            return f"{candidate}:{pick}" if pick else str(candidate)
    return None
