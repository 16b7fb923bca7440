"""Patch files of super-resolution: one HDF5 file a scene and GSD.

Schema, version 2 (s = scale factor, 2 or 6; P = 32 px for s = 2, 96 px for s = 6):

    input_10m    (N, P, P, 4)       uint16 DN   degraded by s
    input_20m    (N, P/2, P/2, 6)   uint16 DN   degraded by s
    input_60m    (N, P/6, P/6, 2)   uint16 DN   degraded by s; for s = 6 only
    target       (N, P, P, 6 or 2)  uint16 DN   native: the 20 m or the 60 m bands
    row, col     (N,) int32         upper-left corner on the target grid, in pixels
    block        (N,) int16         part of the scene, for splits inside it
    patch_xxh3/  (N,) uint64        XXH3-64 of each image of input_10m, input_20m, input_60m and target, under their names

For a joint network, which sharpens 20 m and 60 m bands, all three inputs are there, P is 48 px, and s is 1, 2 or 6. A target
of 8 bands exists for s = 6 only: the 20 m bands degraded by 3, and the native 60 m bands. Files of a teacher have one for
every s.

    attributes   schema_version, complete, created_utc, code_revision, command, seed, scene, level, baseline,
                 scene_px, upper_left, scale_factor, degradation, quantification_value, radiometric_offsets (text),
                 offsets (DN, in the order bands_10m, bands_20m, bands_60m), nodata,
                 bands_10m, bands_20m, bands_60m, patches_requested, patches_with_nodata,
                 patch_px, checksum (SHA-256 over the arrays), source_files (JSON, see `common/patches/source_files.py`),
                 seal (of everything but the images, see `common/files/seal.py`)

Patches are in random order, so that the first n are a random sample of the scene. Arrays are contiguous and
uncompressed, so that a reader finds each image by its number (`common/patches/stored_images.py`). h5py reads random rows
about ten times slower, and compressed ones a hundred times slower. Version 1 has neither patch_xxh3 nor a seal.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import PatchFileError
from common.files.hdf5 import CHECKSUMS, FileKind, checksum_arrays, complete, open_complete_hdf5, whole_hdf5
from common.patches.staging import kind_of_copy
from common.patches.stored_images import StoredFile, StoredImages, image_checksums

logger = logging.getLogger(__name__)

PATCH_FILE = FileKind(
    title="patch file",
    program="superres-train",
    mark="scene",
    schema_version=2,
    remedy="move it away and superres-train makes it again",
    older_versions=(1,),
)


IMAGES, LOCATIONS = ("input_10m", "input_20m", "target"), ("row", "col", "block")  # arrays of every patch file
SOURCES = "source_files"  # attribute; files without it were made before saturated pixels were found in files of 15 bits
ATTRIBUTES = ("checksum", "offsets", "bands_10m")  # attributes that readers need


def write_patch_file(path: Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write a patch file, whole or not at all.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    with whole_hdf5(path) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
            if name not in LOCATIONS:
                file[f"{CHECKSUMS}/{name}"] = image_checksums(array)
        file.attrs.update(attributes)
        file.attrs["checksum"] = arrays_checksum(arrays)
        complete(file, PATCH_FILE)


def arrays_checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 over names and contents of the arrays of a patch file."""
    return checksum_arrays(dict(sorted(arrays.items())))


class PatchFile:
    """A patch file, opened for reading.

    Args:
        path: the file.
        copy: a copy of it on a disk of this node, to read instead; see `common/patches/staging.py`.

    Attributes:
        path: the file.
        attributes: as in the schema.
        arrays: name -> array: `row`, `col` and `block` in memory, images in the file.

    Raises:
        PatchFileError: the file is missing, of another kind or schema, unfinished or damaged. An image is checked when
            it is first read.
    """

    def __init__(self, path: Path, copy: Path | None = None):
        self.path = path
        read_path, kind = (copy, kind_of_copy(PATCH_FILE)) if copy else (path, PATCH_FILE)
        with open_complete_hdf5(read_path, kind) as file:
            self.attributes: dict[str, Any] = dict(file.attrs)
            stored, scene = StoredFile(read_path, kind), self.attributes["scene"]
            self.arrays: dict[str, np.ndarray | StoredImages] = {
                name: file[name][()]
                if name in LOCATIONS
                else StoredImages(stored, file[name], lambda row: f"patch {row} of {scene}")
                for name in file
                if name != CHECKSUMS
            }

    def __len__(self) -> int:
        return len(self.arrays["row"])


def check_older_file(file: PatchFile) -> None:
    """Compare all arrays of a file of schema 1, which has no checksum of each image, with its SHA-256.

    Raises:
        PatchFileError: they differ.
    """
    if file.attributes["schema_version"] == PATCH_FILE.schema_version:
        return
    logger.info("%s was made by an older version; comparing all of it with its checksum", file.path)
    if arrays_checksum({name: np.asarray(array) for name, array in file.arrays.items()}) != file.attributes["checksum"]:
        raise PatchFileError(f"{file.path} is damaged: its arrays are not as they were written; {PATCH_FILE.remedy}.")


def check_content(file: PatchFile, images: Sequence[str] = IMAGES) -> None:
    """Raise PatchFileError unless arrays and attributes are those of the schema.

    Args:
        file: an open file.
        images: names of the images that it must hold.
    """
    missing = [name for name in (*images, *LOCATIONS) if name not in file.arrays]
    missing += [name for name in ATTRIBUTES if name not in file.attributes]
    if missing:
        raise PatchFileError(f"{file.path} lacks {', '.join(missing)}; {PATCH_FILE.remedy}.")
    for name, array in file.arrays.items():
        is_image = name not in LOCATIONS
        if len(array) != len(file) or (is_image and (array.dtype != np.uint16 or array.ndim != 4)):
            raise PatchFileError(
                f"{file.path} holds {name} of shape {array.shape} and type {array.dtype}, which does not fit the other "
                f"arrays or the schema; {PATCH_FILE.remedy}."
            )
