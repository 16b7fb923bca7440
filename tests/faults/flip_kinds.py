"""The kinds of files in which bits are flipped: how each is made, and how training and prediction read it."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from tests.faults import applications

SCENE_PX = 120
PATCHES = 8  # of a scene
SMALL_PATCHES = 200  # of 4 px
GSD = 20


class FlipKind(NamedTuple):
    """A kind of file.

    Attributes:
        name: in the table.
        make: writes the files into a folder; returns 0.
        parts: returns file, first byte and end of each part in which bits are flipped.
        read: returns the content of the files in a folder, as training or prediction uses it.
    """

    name: str
    make: Callable[[Path], int]
    parts: Callable[[Path], list[tuple[Path, int, int]]]
    read: Callable[[Path], Any]


def whole_file(name: str) -> Callable[[Path], list[tuple[Path, int, int]]]:
    """Return a function that returns all bytes of a file in a folder as one part."""
    return lambda folder: [(folder / name, 0, (folder / name).stat().st_size)]


def make_patch_file(folder: Path) -> int:
    from tests.support.patch_files import write_random_patches

    write_random_patches(folder, "scene", GSD, count=SMALL_PATCHES)
    return 0


def read_patch_file(folder: Path) -> Any:
    from common.patches.file import PatchFile, check_content
    from superres.training.patch_source import FusionPatches

    file = PatchFile(folder / f"scene-{GSD}m.h5")
    check_content(file)
    rows = np.arange(len(file))
    locations = {name: np.array(file.arrays[name]) for name in ("row", "col", "block")}
    return [file.attributes, locations, FusionPatches([file], [rows], GSD).read(rows)]


def make_prepared_file(folder: Path) -> int:
    from tests.support.made_patches import split_names, write_made

    write_made(folder / "made.h5", split_names(3, 1, 0))
    return 0


def read_prepared_file(folder: Path) -> Any:
    from bigearthnet.prepared.file import BigEarthNetFile

    file = BigEarthNetFile(folder / "made.h5")
    content = file.read(np.arange(len(file)), list(file.shapes))
    return [file.attributes, file.class_names, file.names, file.splits, file.labels, content]


def make_run(folder: Path) -> int:
    """Train for two epochs."""
    application = applications.make_application(folder.parent / "inputs", "superres")
    return applications.run("superres", application.words(folder / "run", 2))


def read_weights(folder: Path) -> Any:
    from superres.networks.build import build_network
    from superres.networks.weights import load_weights

    model = build_network("tiny", GSD)
    load_weights(model, folder / "run" / "best.weights.h5")
    return model.get_weights()


def read_checkpoint(folder: Path) -> Any:
    """Read as `--resume` does, with the identity of the good checkpoint."""
    from common.training.checkpoints import checkpoint
    from superres.training.config import SuperresConfig
    from superres.training.fit import build_model

    with h5py.File(folder.parent / "good" / "run" / "checkpoint.h5") as file:
        identity = json.loads(file.attrs["identity"])
    model = build_model(SuperresConfig(tiles="tiles.txt", model="tiny"))
    result = checkpoint.read_checkpoint(folder / "run" / "checkpoint.h5", model, identity)
    arrays = [np.asarray(variable) for group in checkpoint.variable_groups(model).values() for variable in group]
    return [list(result), arrays]


def make_product(folder: Path) -> int:
    """Write a product whose manifest has the checksums of all files."""
    from tests.support.fake_safe import textured_pixels, write_safe
    from tests.support.manifests import write_manifest

    pixels = textured_pixels(np.random.default_rng(0), SCENE_PX)
    write_manifest(write_safe(folder, size=SCENE_PX, pixels=pixels))
    return 0


def make_zip(folder: Path) -> int:
    """Write a product into a zip without compression, without a manifest."""
    make_product(folder)
    (product,) = folder.glob("*.SAFE")
    (product / "manifest.safe").unlink()
    with zipfile.ZipFile(folder / "product.zip", "w") as archive:
        for path in sorted(product.rglob("*")):
            archive.write(path, path.relative_to(folder))
    shutil.rmtree(product)
    return 0


def images_of_product(folder: Path) -> list[tuple[Path, int, int]]:
    """Return the images of the bands that training reads."""
    return [(path, 0, path.stat().st_size) for path in sorted(folder.rglob("*.jp2")) if is_read(path.stem)]


def images_of_zip(folder: Path) -> list[tuple[Path, int, int]]:
    """Return the same images inside the zip."""
    path = folder / "product.zip"
    content = path.read_bytes()
    parts = []
    with zipfile.ZipFile(path) as archive:
        for item in archive.infolist():
            if item.filename.endswith(".jp2") and is_read(Path(item.filename).stem):
                start = content.index(archive.read(item), item.header_offset)
                parts.append((path, start, start + item.file_size))
    return parts


def is_read(stem: str) -> bool:
    from common.pixels.sentinel2 import BANDS_10M, BANDS_20M

    return stem[-3:] in BANDS_10M + BANDS_20M


def read_product(folder: Path) -> Any:
    """Read the bands as the cutting of patches does."""
    from common.patches.extraction import extract_patches
    from common.patches.settings import PatchSettings
    from common.scenes.tile_list import read_tile_list

    tiles = folder / "tiles.txt"
    (product,) = folder.glob("S2*.SAFE") if not (folder / "product.zip").exists() else [folder / "product.zip"]
    tiles.write_text(f"{product.name}\n")
    (scene,) = read_tile_list(str(tiles), None)
    return extract_patches(scene, PatchSettings(GSD, PATCHES)).arrays


KINDS = (
    FlipKind("patch file", make_patch_file, whole_file(f"scene-{GSD}m.h5"), read_patch_file),
    FlipKind("prepared file", make_prepared_file, whole_file("made.h5"), read_prepared_file),
    FlipKind("file of weights", make_run, whole_file("run/best.weights.h5"), read_weights),
    FlipKind("checkpoint", make_run, whole_file("run/checkpoint.h5"), read_checkpoint),
    FlipKind("JPEG 2000 file of a SAFE folder", make_product, images_of_product, read_product),
    FlipKind("JPEG 2000 file of a stored zip", make_zip, images_of_zip, read_product),
)
