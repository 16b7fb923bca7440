"""Write a prepared file: reserve it, fill its slots from many processes, finish it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS, NATIVE_PX, group_dtype, group_shapes
from bigearthnet.prepared.file import PREPARED_FILE, prepared_checksum
from bigearthnet.prepared.slots import DONE, SUMS, Slot, Slots
from common.errors import OutputError
from common.files.atomic import cannot_write, require_space
from common.runs.provenance import code_revision, utc_now

_PAGE = 4096  # arrays start at multiples of it


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
                schema_version=PREPARED_FILE.schema_version,
                complete=False,
                created_utc=utc_now(),
                code_revision=code_revision(),
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
            file.attrs["checksum"] = prepared_checksum(file)
            file.attrs["complete"] = True
    except OSError as error:
        raise cannot_write(path, error) from error


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


def is_ours(path: Path) -> bool:
    """Is this a file of bigearthnet-prepare, of whatever schema?"""
    try:
        with h5py.File(path, "r") as file:
            return PREPARED_FILE.mark in file.attrs
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
