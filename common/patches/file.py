"""Patch files of super-resolution: one HDF5 file a scene and GSD.

Schema, version 1 (s = scale factor, 2 or 6; P = 32 px for s = 2, 96 px for s = 6):

    input_10m    (N, P, P, 4)       uint16 DN   degraded by s
    input_20m    (N, P/2, P/2, 6)   uint16 DN   degraded by s
    input_60m    (N, P/6, P/6, 2)   uint16 DN   degraded by s; for s = 6 only
    target       (N, P, P, 6 or 2)  uint16 DN   native: the 20 m or the 60 m bands
    row, col     (N,) int32         upper-left corner on the target grid, in pixels
    block        (N,) int16         part of the scene, for splits inside it

    attributes   schema_version, complete, created_utc, code_revision, command, seed, scene, level, baseline,
                 scene_px, upper_left, scale_factor, degradation, quantification_value, radiometric_offsets (text),
                 offsets (DN, in the order bands_10m, bands_20m, bands_60m), nodata,
                 bands_10m, bands_20m, bands_60m, patches_requested, patches_with_nodata,
                 patch_px, checksum (SHA-256 over the arrays), source_files (JSON, see `common/patches/source_files.py`)

Patches are in random order, so that the first n are a random sample of the scene. Arrays are contiguous and
uncompressed. A reader maps them into memory and gathers random rows at memory speed, and all ranks of a node share one
copy in the page cache. h5py reads random rows about ten times slower, and compressed ones a hundred times slower.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import PatchFileError
from common.files.hdf5 import FileKind, checksum_arrays, map_array, open_complete_hdf5, whole_hdf5

PATCH_FILE = FileKind(
    title="patch file",
    program="superres-train",
    mark="scene",
    schema_version=1,
    remedy="move it away and superres-train makes it again",
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
        file.attrs.update(attributes)
        file.attrs["checksum"] = checksum_arrays(dict(sorted(arrays.items())))
        file.attrs["schema_version"] = PATCH_FILE.schema_version
        file.attrs["complete"] = True


class PatchFile:
    """A patch file, opened for reading.

    Attributes:
        path: the file.
        attributes: as in the schema.
        arrays: name -> read-only array, mapped from the file.

    Raises:
        PatchFileError: the file is missing, of another kind or schema, unfinished or damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        with open_complete_hdf5(path, PATCH_FILE) as file:
            self.attributes: dict[str, Any] = dict(file.attrs)
            self.arrays: dict[str, np.ndarray] = {name: map_array(path, file[name]) for name in file}

    def __len__(self) -> int:
        return len(self.arrays["row"])


def check_content(file: PatchFile) -> None:
    """Raise PatchFileError unless arrays and attributes are those of the schema."""
    missing = [name for name in (*IMAGES, *LOCATIONS) if name not in file.arrays]
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
