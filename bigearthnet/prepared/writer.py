"""Write a prepared file: make it with room for all images, let many processes fill its slots, finish it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from bigearthnet.archive.groups import GROUP_BANDS, group_dtype
from bigearthnet.prepared.file import PREPARED_FILE, prepared_checksum
from bigearthnet.prepared.slots import DONE, Slot, Slots
from common.errors import OutputError
from common.files.atomic import cannot_write, require_space
from common.files.hdf5 import CHECKSUMS, complete, open_hdf5
from common.files.read_errors import describe_refusal
from common.runs.provenance import code_revision, utc_now

_PAGE_BYTES = 4096  # arrays start at multiples of it


def create_file(
    path: Path,
    shapes: Mapping[str, tuple[int, int, int]],
    labels: np.ndarray,
    class_names: Sequence[str],
    names: Sequence[str],
    splits: Sequence[str],
    attributes: Mapping[str, Any],
) -> None:
    """Make a file with all its labels and room for its images. `Slots.write` fills it and `finish_file` completes it.

    Args:
        path: the file, which is replaced if it exists.
        shapes: group -> (rows, cols, bands), as `group_shapes` returns them.
        labels: (N, C) of 0 and 1.
        class_names: C names, of the labels' columns.
        names: N names of patches.
        splits: N splits: train, val or test.
        attributes: further attributes of the file; `plan` marks it as ours.

    Raises:
        OutputError: the folder is missing or read-only, or the disk has no room for the whole file.
    """
    sizes = {
        name: len(names) * int(np.prod(shape)) * np.dtype(group_dtype(name)).itemsize for name, shape in shapes.items()
    }
    require_space(path, sum(sizes.values()) + 8 * labels.size + 200 * len(names) + 2**20)
    try:
        with open_hdf5(path, "w", alignment_threshold=_PAGE_BYTES, alignment_interval=_PAGE_BYTES) as file:
            for name, shape in shapes.items():
                reserve(file, name, (len(names), *shape), group_dtype(name))
            file.create_group(CHECKSUMS)
            for name in shapes:
                reserve(file, f"{CHECKSUMS}/{name}", (len(names),), "uint64")
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
    """Make room for a contiguous array that is filled later. Parts that are never written read as zeros."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
    h5py.h5d.create(file.id, name.encode(), kind, h5py.h5s.create_simple(shape), properties)


def find_slots(path: Path) -> Slots:
    """Return the positions of the arrays of a file that is being filled."""
    with open_hdf5(path) as file:

        def find(name: str) -> Slot:
            return Slot(file[name].id.get_offset(), file[name].shape[1:], file[name].dtype.name)

        groups = [name for name in GROUP_BANDS if name in file]
        return Slots(
            path,
            {name: find(name) for name in groups},
            {name: find(f"{CHECKSUMS}/{name}") for name in groups},
            find(DONE),
            path.stat().st_ino,
        )


def finish_file(path: Path, left_out: Mapping[str, int]) -> None:
    """Store which patches were left out (reason -> number), and mark the file as complete.

    Raises:
        OutputError: the disk is full.
    """
    try:
        with open_hdf5(path, "r+") as file:
            file.attrs["left_out"] = json.dumps(left_out)
            file.attrs["checksum"] = prepared_checksum(file)
            complete(file, PREPARED_FILE)
    except OSError as error:
        raise cannot_write(path, error) from error


def is_prepared_file(path: Path) -> bool:
    """Return whether this is a file of bigearthnet-prepare, of any schema.

    Raises:
        OutputError: the system refuses to read it.
    """
    try:
        with open_hdf5(path) as file:
            return PREPARED_FILE.mark in file.attrs
    except OSError as error:
        if refusal := describe_refusal(error):
            raise OutputError(f"{path} {refusal}.") from error
        return False


class FillState(NamedTuple):
    """The state of a file that is being filled.

    Attributes:
        plan: digest of the plan that it was begun with.
        is_older: whether an earlier version of this code began it, without the checksums of this schema.
        done: (N,) bool, which patches are written.
    """

    plan: str
    is_older: bool
    done: np.ndarray


def read_fill_state(path: Path) -> FillState:
    """Read the state of a file that is being filled.

    Raises:
        OutputError: it is not a prepared file, cannot be read, or is too damaged to be continued.
    """
    try:
        with open_hdf5(path) as file:
            is_older = file.attrs["schema_version"] != PREPARED_FILE.schema_version
            return FillState(str(file.attrs["plan"]), is_older, file[DONE][()].astype(bool))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        reason = describe_refusal(error) or (
            "cannot be continued: it is cut short, or is not a file of bigearthnet-prepare; move it away, or give "
            "another --output"
        )
        raise OutputError(f"{path} {reason}.") from error
