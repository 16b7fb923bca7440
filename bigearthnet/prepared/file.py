"""The prepared file, the HDF5 file that `bigearthnet-prepare` makes: its schema and its reader.

Schema, version 1 (N patches, sorted by name; C classes):

    s2_10m       (N, 120, 120, 4)  uint16 DN    B02, B03, B04, B08
    s2_20m       (N, 60, 60, 6)    uint16 DN    B05, B06, B07, B8A, B11, B12; 120 px if brought to 10 m beforehand
    s2_60m       (N, 20, 20, 2)    uint16 DN    B01, B09; 120 px if brought to 10 m beforehand
    s1           (N, 120, 120, 2)  float32 dB   VV, VH; only if Sentinel-1 was given
    labels       (N, C)            uint8        multi-hot, its columns named by class_names
    class_names  (C,)              string       43 or 19
    name         (N,)              string       of the Sentinel-2 patch
    split        (N,)              string       train, val or test
    checksums    (N,)              uint64       of the patch's images together (`bigearthnet/prepared/slots.py`)
    done         (N,)              uint8        1: read; 0: could not be read and was left out (images are zeros)

    attributes   schema_version, complete, created_utc, code_revision, command, plan (SHA-256 of the planned
                 content), superres (groups brought to 10 m beforehand), bands_<group>, left_out (JSON: reason ->
                 patches), checksum (SHA-256 over names, splits, labels and checksums)

Arrays are contiguous and uncompressed, not chunked, so that the position of a patch follows from its row. Processes and
ranks write side by side without a lock, and an interrupted run continues. A reader maps the file into memory and
gathers random patches at memory speed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS
from bigearthnet.prepared.slots import DONE, SUMS
from common.files.hdf5 import FileKind, checksum_arrays, map_array, open_complete_hdf5

PREPARED_FILE = FileKind(
    title="prepared file",
    program="bigearthnet-prepare",
    mark="plan",
    schema_version=1,
    remedy="run bigearthnet-prepare again, or give another file",
)


def prepared_checksum(file: h5py.File) -> str:
    """Return the SHA-256 over labels, names, splits and the checksums of the images of an open file."""
    return checksum_arrays({name: file[name][()] for name in ("class_names", "name", "split", "labels", DONE, SUMS)})


class BigEarthNetFile:
    """A prepared file, opened for reading. It shows only patches that could be read when the file was made.

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

    Raises:
        PatchFileError: as `open_complete_hdf5`.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        with open_complete_hdf5(self.path, PREPARED_FILE) as file:
            self.attributes: dict[str, Any] = dict(file.attrs)
            self._load(file)

    def _load(self, file: h5py.File) -> None:
        rows = np.flatnonzero(file[DONE][()])
        self._rows = None if len(rows) == len(file[DONE]) else rows  # None: all, so that rows need no translation
        self._arrays = {name: map_array(self.path, file[name]) for name in GROUP_BANDS if name in file or name != "s1"}
        self.labels: np.ndarray = file["labels"][()][rows]
        self.class_names: tuple[str, ...] = tuple(file["class_names"][()].astype(str).tolist())
        self.names: np.ndarray = file["name"][()].astype(str)[rows]
        self.splits: np.ndarray = file["split"][()].astype(str)[rows]
        arrays = {**self._arrays, "labels": self.labels}
        self.shapes: dict[str, tuple[int, ...]] = {name: array.shape[1:] for name, array in arrays.items()}
        self.dtypes: dict[str, np.dtype] = {name: array.dtype for name, array in arrays.items()}

    @property
    def has_s1(self) -> bool:
        return "s1" in self._arrays

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
        return {name: self.labels[rows] if name == "labels" else self._arrays[name][stored] for name in arrays}
