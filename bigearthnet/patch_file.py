"""The HDF5 file that `bigearthnet-prepare` makes: writer and reader.

Schema, version 1 (N patches, sorted by name; C classes):

    s2_10m       (N, 120, 120, 4)  uint16 DN    B02, B03, B04, B08
    s2_20m       (N, 60, 60, 6)    uint16 DN    B05, B06, B07, B8A, B11, B12; 120 px where brought to 10 m beforehand
    s2_60m       (N, 20, 20, 2)    uint16 DN    B01, B09; 120 px where brought to 10 m beforehand
    s1           (N, 120, 120, 2)  float32 dB   VV, VH; only where Sentinel-1 was given
    labels       (N, C)            uint8        multi-hot, its columns named by class_names
    class_names  (C,)              string       43 or 19
    name         (N,)              string       of the Sentinel-2 patch
    split        (N,)              string       train, val or test
    checksums    (N,)              uint64       of the patch's images together (`bigearthnet/slots.py`)
    done         (N,)              uint8        1: read; 0: could not be read and was left out (images are zeros)

    attributes   schema_version, complete, created_utc, code_revision, command, plan (SHA-256 of what decides the
                 content), superres (groups brought to 10 m beforehand), bands_<group>, left_out (JSON: reason ->
                 patches), checksum (SHA-256 over names, splits, labels and checksums)

Arrays are contiguous and uncompressed, rather than one patch a chunk: a patch is one piece on disk either way, but here
its place follows from its number. So processes and ranks write side by side without a lock, an interrupted run
continues, and a reader maps the file and gathers random patches at memory speed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bigearthnet.slots import DONE, SUMS, Slot, Slots
from common.errors import OutputError, PatchFileError
from common.files import cannot_write, require_space
from common.hdf5 import map_array
from common.run import code_revision, utc_now
from common.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M

SCHEMA_VERSION = 1
SPLITS = ("train", "val", "test")
GROUP_BANDS: Mapping[str, tuple[str, ...]] = {
    "s2_10m": BANDS_10M,
    "s2_20m": BANDS_20M,
    "s2_60m": BANDS_60M,
    "s1": ("VV", "VH"),
}
NATIVE_PX: Mapping[str, int] = {"s2_10m": 120, "s2_20m": 60, "s2_60m": 20, "s1": 120}
PATCH_PX = 120  # at 10 m
AGAIN = "delete it and run bigearthnet-prepare again"

_PAGE = 4096  # arrays start at multiples of it


def group_shapes(has_s1: bool, superres: Sequence[str] = ()) -> dict[str, tuple[int, int, int]]:
    """Group -> (rows, cols, bands) of one patch; the groups in `superres` have 120 px."""
    return {
        name: (*2 * (PATCH_PX if name in superres else NATIVE_PX[name],), len(bands))
        for name, bands in GROUP_BANDS.items()
        if has_s1 or name != "s1"
    }


def group_dtype(name: str) -> str:
    """Type of a group's images."""
    return "float32" if name == "s1" else "uint16"


def create_file(
    path: Path,
    shapes: Mapping[str, tuple[int, int, int]],
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    splits: Sequence[str],
    attributes: Mapping[str, Any],
) -> None:
    """Make a file with all of its labels and room for its images; `Slots.write` fills it, `finish_file` ends it.

    Args:
        shapes: group -> (rows, cols, bands), as `group_shapes` gives them.
        labels: (N, C) of 0 and 1.
        class_names, names, splits: C, N and N texts.

    Raises:
        OutputError: the folder is missing or read-only, or the disk has no room for the whole file.
    """
    sizes = {
        name: len(names) * int(np.prod(shape)) * np.dtype(group_dtype(name)).itemsize for name, shape in shapes.items()
    }
    require_space(path, sum(sizes.values()) + 8 * labels.size + 200 * len(names) + 2**20)
    try:
        with h5py.File(path, "w", alignment_threshold=_PAGE, alignment_interval=_PAGE) as file:
            for name, shape in shapes.items():
                reserve(file, name, (len(names), *shape), group_dtype(name))
            reserve(file, SUMS, (len(names),), "uint64")
            reserve(file, DONE, (len(names),), "uint8")
            file["labels"] = labels.astype(np.uint8)
            for name, texts in (("class_names", class_names), ("name", names), ("split", splits)):
                file[name] = np.array(texts, dtype="S")
            file.attrs.update(attributes)
            file.attrs.update({f"bands_{name}": ",".join(GROUP_BANDS[name]) for name in shapes})
            file.attrs.update(
                schema_version=SCHEMA_VERSION, complete=False, created_utc=utc_now(), code_revision=code_revision()
            )
    except OSError as error:
        raise cannot_write(path, error) from error


def reserve(file: h5py.File, name: str, shape: tuple[int, ...], dtype: str) -> None:
    """Make room for a contiguous array that is filled later; what is never written reads as zeros."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(shape), properties)


def find_slots(path: Path) -> Slots:
    """Where the arrays of a file that is being filled lie."""
    with h5py.File(path, "r") as file:
        places = {
            name: Slot(file[name].id.get_offset(), file[name].shape[1:], file[name].dtype.name)
            for name in (*GROUP_BANDS, SUMS, DONE)
            if name in file
        }
    sums, done = places.pop(SUMS), places.pop(DONE)
    return Slots(path, places, sums, done)


def finish_file(path: Path, left_out: Mapping[str, int]) -> None:
    """Write down what was left out, and declare the file complete.

    Raises:
        OutputError: the disk is full.
    """
    try:
        with h5py.File(path, "r+") as file:
            file.attrs["left_out"] = json.dumps(left_out)
            file.attrs["checksum"] = checksum(file)
            file.attrs["complete"] = True
    except OSError as error:
        raise cannot_write(path, error) from error


def checksum(file: h5py.File) -> str:
    """SHA-256 over what a patch is, and over the checksums of its images."""
    digest = hashlib.sha256()
    for name in ("class_names", "name", "split", "labels", DONE, SUMS):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(file[name][()]).data.cast("B"))
    return digest.hexdigest()


def write_patches(
    path: Path,
    images: Mapping[str, np.ndarray],
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    splits: Sequence[str],
) -> None:
    """Write a small prepared file from arrays: images of each group (N, rows, cols, bands). For tests and benchmarks.

    Raises:
        ValueError: an array has another shape or type than the schema.
    """
    superres = [name for name, array in images.items() if array.shape[1] != NATIVE_PX[name]]
    create_file(
        path,
        group_shapes("s1" in images, superres),
        labels,
        class_names,
        names,
        splits,
        {"command": "", "plan": "", "superres": ",".join(superres)},
    )
    slots = find_slots(path)
    with open(path, "r+b", buffering=0) as file:
        slots.write(file.fileno(), 0, images)
    finish_file(path, {})


class BigEarthNetFile:
    """A prepared file, opened for reading; patches that could not be read when it was made are not there.

    Attributes:
        path: the file.
        attributes: as in the schema.
        class_names: C names, in the order of the labels' columns.
        names: (N,) str, of the Sentinel-2 patches.
        splits: (N,) str: `train`, `val` or `test`.
        labels: (N, C) uint8.
        has_s1: does it hold Sentinel-1?
        shapes: array (`s2_10m`, `s2_20m`, `s2_60m`, `s1`, `labels`) -> shape of one patch, without N.
        dtypes: the same -> NumPy type.

    Raises:
        PatchFileError: not there, not ours, of another schema, unfinished or cut short.
    """

    def __init__(self, path: Path | str):
        self.path = Path(path)
        try:
            with h5py.File(self.path, "r") as file:
                self.attributes: dict[str, Any] = dict(file.attrs)
                self._check()
                self._load(file)
        except (OSError, LookupError, ValueError, RuntimeError, AttributeError, TypeError) as error:
            if isinstance(error, PatchFileError):
                raise
            if not self.path.exists():
                raise PatchFileError(f"{self.path} is not there; make it with bigearthnet-prepare.") from error
            if self.path.is_dir():
                raise PatchFileError(
                    f"{self.path} is a folder; give the HDF5 file that bigearthnet-prepare made."
                ) from error
            raise PatchFileError(
                f"{self.path} cannot be read: it is cut short or no file of bigearthnet-prepare; make it again, or "
                f"give another."
            ) from error

    def _check(self) -> None:
        if "scale_factor" in self.attributes:
            raise PatchFileError(f"{self.path} holds patches of super-resolution; give a file of bigearthnet-prepare.")
        version = self.attributes.get("schema_version", "none")
        if version != SCHEMA_VERSION:
            raise PatchFileError(f"{self.path} has schema {version}, this code reads {SCHEMA_VERSION}; {AGAIN}.")
        if not self.attributes.get("complete", False) or "checksum" not in self.attributes:
            raise PatchFileError(f"{self.path} is unfinished; {AGAIN}.")

    def _load(self, file: h5py.File) -> None:
        rows = np.flatnonzero(file[DONE][()])
        self._rows = None if len(rows) == len(file[DONE]) else rows  # None: all, and no number has to be translated
        self._arrays = {name: map_array(self.path, file[name]) for name in GROUP_BANDS if name in file or name != "s1"}
        self.labels: np.ndarray = file["labels"][()][rows]
        self.class_names: tuple[str, ...] = tuple(file["class_names"][()].astype(str).tolist())
        self.names: np.ndarray = file["name"][()].astype(str)[rows]
        self.splits: np.ndarray = file["split"][()].astype(str)[rows]
        kept = {**self._arrays, "labels": self.labels}
        self.shapes: dict[str, tuple[int, ...]] = {name: array.shape[1:] for name, array in kept.items()}
        self.dtypes: dict[str, np.dtype] = {name: array.dtype for name, array in kept.items()}

    @property
    def has_s1(self) -> bool:
        return "s1" in self._arrays

    def __len__(self) -> int:
        return len(self.names)

    def read(self, rows: np.ndarray, arrays: Sequence[str]) -> dict[str, np.ndarray]:
        """Gather patches.

        Args:
            rows: (B,) int, 0 .. len - 1, in any order.
            arrays: names out of `shapes`.

        Returns:
            Name -> (B, ...) as stored: DN uint16, dB float32, labels uint8.
        """
        stored = rows if self._rows is None else self._rows[rows]
        return {name: self.labels[rows] if name == "labels" else self._arrays[name][stored] for name in arrays}


def is_ours(path: Path) -> bool:
    """Is this a file of bigearthnet-prepare, of whatever schema?"""
    try:
        with h5py.File(path, "r") as file:
            return "plan" in file.attrs
    except OSError:
        return False


def read_plan(path: Path) -> tuple[str, np.ndarray]:
    """Of a file that was begun: its plan, and (N,) bool, which patches are written.

    Raises:
        OutputError: it is not ours, or so damaged that it cannot be continued.
    """
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs["plan"]), file[DONE][()].astype(bool)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise OutputError(f"{path} cannot be continued: it is cut short or not ours; delete it.") from error
