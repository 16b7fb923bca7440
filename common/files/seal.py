"""Seals of HDF5 files: checksums of all that a file holds, by which a reader finds a flipped bit.

The root attribute `seal` is JSON: the name of each dataset and group -> its description (dtype and shape) and the
XXH3-128 of its attributes and bytes. HDF5 itself compares no checksums of a file as h5py writes it.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from common.errors import DamagedFileError, S2Error
from common.files.read_errors import describe_refusal

SEAL = "seal"  # name of the attribute
ROOT = "/"

Item = h5py.Group | h5py.Dataset


def seal(file: h5py.File, skip: Collection[str] = ()) -> None:
    """Write the seal of a file. Nothing else may be written after it.

    Args:
        file: open for writing, complete.
        skip: names of datasets, such as `target`, whose bytes are not sealed. Their shapes and attributes are.
    """
    items = {name: file[name] for name in _names(file)}
    file.attrs[SEAL] = json.dumps({name: [_describe(item), _digest(item, skip)] for name, item in items.items()})


def require_seal(path: Path, file: h5py.File, remedy: str, skip: Collection[str] = ()) -> bool:
    """Compare a file with its seal.

    Args:
        path: for the message.
        file: open for reading.
        remedy: advice for the message, such as `restore it, or prepare it again`.
        skip: as for `seal`.

    Returns:
        False for a file without a seal, such as one of an older version or of another program.

    Raises:
        DamagedFileError: a part of the file is not as it was written, or cannot be read.
    """
    part = "a part of it"
    try:
        if SEAL not in file.attrs:
            return False
        part = "its seal"
        sealed = json.loads(file.attrs[SEAL])
        names = _names(file)
        for part in sorted(set(sealed).symmetric_difference(names)):
            raise _damage(path, part, remedy)
        for part in names:
            description, digest = sealed[part]
            item = file[part]
            # The description first: a damaged shape may ask for all the memory.
            if description != _describe(item) or digest != _digest(item, skip):
                raise _damage(path, part, remedy)
    except S2Error:
        raise
    except Exception as error:  # h5py raises many kinds for damaged files
        if refusal := describe_refusal(error):
            raise DamagedFileError(f"{path} {refusal}.") from error
        raise _damage(path, part, remedy) from error
    return True


def _names(file: h5py.File) -> list[str]:
    """Return the names of the root and of all datasets and groups, each object once."""
    names = [ROOT]
    file.visit(names.append)
    return names


def _describe(item: Item) -> str:
    return f"{item.dtype.str} {item.shape}" if isinstance(item, h5py.Dataset) else "group"


def _digest(item: Item, skip: Collection[str]) -> str:
    """Return the XXH3-128 over the names and values of attributes, and over the bytes of a dataset."""
    digest = xxhash.xxh3_128()
    for name in sorted(set(item.attrs) - {SEAL}):
        value = item.attrs[name]
        digest.update(repr((name, np.asarray(value).dtype.str, np.shape(value))).encode())
        digest.update(_as_bytes(value))
    if isinstance(item, h5py.Dataset) and item.name.removeprefix(ROOT) not in skip:
        digest.update(_as_bytes(item[...]))
    return digest.hexdigest()


def _as_bytes(value: Any) -> bytes | np.ndarray:
    array = np.asarray(value)
    if array.dtype.hasobject:  # text of any length
        return repr(array.tolist()).encode(errors="surrogateescape")
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _damage(path: Path, part: str, remedy: str) -> DamagedFileError:
    text = "its attributes" if part == ROOT else "".join(filter(str.isprintable, part))
    return DamagedFileError(f"{path} is damaged: {text} is not as it was written; {remedy}.")
