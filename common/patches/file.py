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
                 patch_px, checksum (SHA-256 over the arrays)

Patches are in random order, so that the first n are a random sample of the scene. Arrays are contiguous and
uncompressed: a reader maps them into memory and gathers random rows at memory speed, and all ranks of a node share
one copy in the page cache. (h5py reads random rows some ten times slower, compressed ones a hundred times.)
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from common.errors import PatchFileError
from common.files.hdf5 import map_array, whole_hdf5

SCHEMA_VERSION = 1


def write_patch_file(path: Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write a patch file; it gets its name, and `complete`, only when it is whole.

    Raises:
        OutputError: no space, or the folder is missing or read-only.
    """
    with whole_hdf5(path) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.attrs.update(attributes)
        file.attrs["checksum"] = checksum(arrays)
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["complete"] = True


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names and contents."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


class PatchFile:
    """A patch file, opened for reading.

    Attributes:
        path: the file.
        attributes: as in the schema.
        arrays: name -> read-only array, mapped from the file.

    Raises:
        PatchFileError: not there, not ours, of another schema, unfinished or cut short.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                self.attributes: dict[str, Any] = dict(file.attrs)
                self._check()
                self.arrays: dict[str, np.ndarray] = {name: map_array(path, file[name]) for name in file}
        except (OSError, KeyError, ValueError, RuntimeError, AttributeError) as error:
            if isinstance(error, PatchFileError):
                raise
            reason = "is not there" if not path.exists() else "cannot be read: it is cut short or no HDF5 file"
            raise PatchFileError(f"{path} {reason}; delete it and it is made again.") from error

    def _check(self) -> None:
        version = self.attributes.get("schema_version", "none")
        if version != SCHEMA_VERSION:
            raise PatchFileError(
                f"{self.path} has schema {version}, this code reads {SCHEMA_VERSION}; delete it and it is made again."
            )
        if not self.attributes.get("complete", False):
            raise PatchFileError(f"{self.path} is unfinished; delete it and it is made again.")

    def __len__(self) -> int:
        return len(self.arrays["row"])
