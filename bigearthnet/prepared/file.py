"""The prepared file, the HDF5 file that `bigearthnet-prepare` makes: its schema and its reader.

Schema, version 2 (N patches, sorted by name; C classes):

    s2_10m       (N, 120, 120, 4)  uint16 DN    B02, B03, B04, B08
    s2_20m       (N, 60, 60, 6)    uint16 DN    B05, B06, B07, B8A, B11, B12; 120 px if brought to 10 m beforehand
    s2_60m       (N, 20, 20, 2)    uint16 DN    B01, B09; 120 px if brought to 10 m beforehand
    s1           (N, 120, 120, 2)  float32 dB   VV, VH; only if Sentinel-1 was given
    labels       (N, C)            uint8        multi-hot, its columns named by class_names
    class_names  (C,)              string       43 or 19
    name         (N,)              string       of the Sentinel-2 patch
    split        (N,)              string       train, val or test
    patch_xxh3/  (N,)              uint64       XXH3-64 of each image of s2_10m, s2_20m, s2_60m and s1, under their names
    done         (N,)              uint8        1: read; 0: could not be read and was left out (images are zeros)

    attributes   schema_version, complete, created_utc, code_revision, command, plan (SHA-256 of the planned
                 content), superres (groups brought to 10 m beforehand), bands_<group>, left_out (JSON: reason ->
                 patches), checksum (SHA-256 over class_names, name, split, labels, done and patch_xxh3),
                 seal (of everything but the images, see `common/files/seal.py`)

Arrays are contiguous and uncompressed, not chunked, so that the position of a patch follows from its row. Processes and
ranks write side by side without a lock, and an interrupted run continues. A reader finds the images of a
patch by its row (`common/patches/stored_images.py`). Version 1 has no seal, and instead of patch_xxh3 one checksum a patch, of all its
images together, in `checksums`.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS
from bigearthnet.prepared.slots import DONE
from common.errors import PatchFileError
from common.files.hdf5 import CHECKSUMS, FileKind, checksum_arrays, open_complete_hdf5
from common.patches.staging import kind_of_copy
from common.patches.stored_images import StoredFile, StoredImages

logger = logging.getLogger(__name__)

OLDER_SUMS = "checksums"  # of files of schema 1

PREPARED_FILE = FileKind(
    title="prepared file",
    program="bigearthnet-prepare",
    mark="plan",
    schema_version=2,
    remedy="run bigearthnet-prepare again, or give another file",
    older_versions=(1,),
)


def prepared_checksum(file: h5py.File) -> str:
    """Return the SHA-256 over labels, names, splits and the checksums of the images of an open file."""
    sums = [f"{CHECKSUMS}/{name}" for name in file[CHECKSUMS]] if CHECKSUMS in file else [OLDER_SUMS]
    return checksum_arrays({name: file[name][()] for name in ("class_names", "name", "split", "labels", DONE, *sums)})


class BigEarthNetFile:
    """A prepared file, opened for reading. It shows only patches that could be read when the file was made.

    Args:
        path: the file.
        copy: a copy of it on a disk of this node, to read instead; see `common/patches/staging.py`.

    Attributes:
        path: the file.
        attributes: as in the schema.
        class_names: C names, in the order of the labels' columns.
        names: (N,) str, of the Sentinel-2 patches.
        splits: (N,) str: `train`, `val` or `test`.
        labels: (N, C) uint8.
        has_s1: whether it holds Sentinel-1.
        shapes: array (`s2_10m`, `s2_20m`, `s2_60m`, `s1`, `labels`) -> shape of one patch, without N.
        dtypes: the same arrays -> NumPy type.
        has_checksums: whether each image is checked when it is first read; not in files of schema 1.

    Raises:
        PatchFileError: as `open_complete_hdf5`.
    """

    def __init__(self, path: Path | str, copy: Path | None = None):
        self.path = Path(path)
        read_path, kind = (copy, kind_of_copy(PREPARED_FILE)) if copy else (self.path, PREPARED_FILE)
        with open_complete_hdf5(read_path, kind) as file:
            self.attributes: dict[str, Any] = dict(file.attrs)
            self.has_checksums = CHECKSUMS in file
            if not self.has_checksums and prepared_checksum(file) != file.attrs["checksum"]:
                raise PatchFileError(
                    f"{read_path} is damaged: its names or labels are not as they were written; {kind.remedy}."
                )
            self._load(file, StoredFile(read_path, kind))

    def _load(self, file: h5py.File, stored: StoredFile) -> None:
        rows = np.flatnonzero(file[DONE][()])
        self._rows = None if len(rows) == len(file[DONE]) else rows  # None: all, so that rows need no translation
        self.labels: np.ndarray = file["labels"][()][rows]
        self.class_names: tuple[str, ...] = tuple(file["class_names"][()].astype(str).tolist())
        self.names: np.ndarray = file["name"][()].astype(str)[rows]
        self.splits: np.ndarray = file["split"][()].astype(str)[rows]
        title = partial(find_name, self.names, rows)
        self._images = {
            name: StoredImages(stored, file[name], title) for name in GROUP_BANDS if name in file or name != "s1"
        }
        arrays = {**self._images, "labels": self.labels}
        self.shapes: dict[str, tuple[int, ...]] = {name: array.shape[1:] for name, array in arrays.items()}
        self.dtypes: dict[str, np.dtype] = {name: array.dtype for name, array in arrays.items()}

    @property
    def has_s1(self) -> bool:
        return "s1" in self._images

    def __len__(self) -> int:
        return len(self.names)

    def read(self, rows: np.ndarray, arrays: Sequence[str]) -> dict[str, np.ndarray]:
        """Read patches in any order.

        Args:
            rows: (B,) int, 0 .. len - 1, in any order.
            arrays: names of arrays, keys of `shapes`.

        Returns:
            Name -> (B, ...) as in the file: DN uint16, dB float32, labels uint8.
        """
        stored = rows if self._rows is None else self._rows[rows]
        return {name: self.labels[rows] if name == "labels" else self._images[name][stored] for name in arrays}


def log_checks(file: BigEarthNetFile) -> None:
    """Log it if the images of a file are read unchecked. Call on rank 0."""
    if not file.has_checksums:
        logger.info(
            "%s was made by an earlier version: its names and labels are checked, its images are not", file.path
        )


def find_name(names: np.ndarray, rows: np.ndarray, row: int) -> str:
    """Return the name of the patch in a row of the file. `rows`, in rising order, are the rows of all `names`."""
    return str(names[np.searchsorted(rows, row)])
