"""HDF5 files that appear whole or not at all, and the checks on opening one."""

import hashlib
import io
import math
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import h5py
import numpy as np

from common.errors import DamagedFileError, PatchFileError, S2Error
from common.files.atomic import whole_file
from common.files.limits import require_regular_file
from common.files.read_errors import describe_refusal
from common.files.seal import require_seal, seal

CHECKSUMS = "patch_xxh3"  # group that holds for each array of images a checksum of each image, under the same name

_HEAP = b"GCOL\1"  # signature and version
_HEAP_HEAD = struct.Struct("<8sQ")  # signature, version and zeros; size
_OBJECT_HEAD = struct.Struct("<H6xQ")  # number and counter of uses; size
_MOST_HEAP_BYTES = 2**30
_TEXT_TYPE = bytes.fromhex("10000000 10000000 01000000 00000800")  # 16 bytes in the file refer to bytes in a heap
_LISTS, _KINDS_OF_LISTS = 9, (0, 1)  # class of the type, in front of it, and what follows: a sequence, or a text
_TEXT = struct.Struct("<I12x")  # length; place in a heap
_SPACE_HEAD = struct.Struct("<BBB5x")  # version, number of axes, whether maxima follow
_MOST_TEXT_BYTES = 2**28
_MOST_TEXTS = 4096  # in one attribute
_BLOCK_BYTES = 2**20


class FileKind(NamedTuple):
    """One of our kinds of HDF5 file.

    Attributes:
        title: the kind in messages, such as `patch file`.
        program: the command that makes such files.
        mark: name of an attribute that every file of this kind has, and no file of another kind.
        schema_version: the schema that this code writes.
        remedy: advice to a user whose file is of another schema, unfinished or damaged.
        older_versions: further schemas that this code reads. Their files have no seal.
    """

    title: str
    program: str
    mark: str
    schema_version: int
    remedy: str
    older_versions: tuple[int, ...] = ()


def open_hdf5(path: Path, mode: str = "r", **options: Any) -> h5py.File:
    """Open an HDF5 file without HDF5's lock on it. Arguments as for `h5py.File`.

    Some network file systems have no locks, and a reader needs none: our files appear by a rename when they are whole. A
    prepared file that is being filled is not yet marked as complete.

    Raises:
        OSError: the file is missing, is no HDF5 file, is a device or a pipe, or is damaged.
    """
    if mode != "r":
        return h5py.File(path, mode, locking=False, **options)
    try:
        require_regular_file(path)
        file = h5py.File(path, mode, locking=False, **options)
        try:
            require_sound_texts(path, file)
        except BaseException:
            file.close()
            raise
    except (ValueError, RuntimeError) as error:
        raise OSError(str(error)) from error
    return file


def require_sound_texts(path: Path, file: h5py.File) -> None:
    """Raise ValueError if texts are damaged so that HDF5 1.14.6 would crash, read without an end, or ask for much memory.

    HDF5 keeps texts in heaps. Only bytes outside of arrays are searched.
    """
    arrays: list[tuple[int, int]] = []

    def collect(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and (offset := item.id.get_offset()) is not None:
            arrays.append((offset, offset + item.id.get_storage_size()))

    file.visititems(collect)
    position, size = 0, path.stat().st_size
    with path.open("rb") as raw:
        for start, end in (*sorted(arrays), (size, size)):
            for heap in _find(raw, _HEAP, position, min(start, size)):
                _require_whole_heap(raw, heap)
            for text_type in _find(raw, _TEXT_TYPE, position, min(start, size)):
                _require_kind_of_list(raw, text_type - 4)
                _require_short_texts(raw, text_type + len(_TEXT_TYPE), min(size, _MOST_TEXT_BYTES))
            position = max(position, end)


def _find(raw: BinaryIO, pattern: bytes, start: int, end: int) -> Iterator[int]:
    """Yield the positions of a pattern between two bytes of a file."""
    for block in range(start, end, _BLOCK_BYTES):
        raw.seek(block)
        content = raw.read(min(_BLOCK_BYTES, end - block) + len(pattern) - 1)
        found = content.find(pattern)
        while found >= 0:
            yield block + found
            found = content.find(pattern, found + 1)


def _require_kind_of_list(raw: BinaryIO, position: int) -> None:
    """Raise ValueError if a type is that of lists of a kind that does not exist. HDF5 file format, section IV.A.2.d."""
    raw.seek(position)
    version_and_class, kind = raw.read(2)
    if version_and_class % 16 == _LISTS and kind % 16 not in _KINDS_OF_LISTS:
        raise ValueError(f"the type at byte {position} is damaged")


def _require_short_texts(raw: BinaryIO, position: int, most_bytes: int) -> None:
    """Raise ValueError if the texts of an attribute state lengths that no text in this file has.

    HDF5 asks for that much memory before it finds that the text is shorter. It compares checksums of newer versions of data
    spaces, so only version 1 is searched. HDF5 file format, sections IV.A.2.b and m.

    Args:
        raw: the file.
        position: of the byte after the attribute's type. A data space and the lengths follow.
        most_bytes: most bytes of a text.
    """
    raw.seek(position)
    if raw.read(4) != bytes(4):  # else they fill the type up to a multiple of 8 bytes
        raw.seek(position)
    version, axes, has_maxima = _SPACE_HEAD.unpack(raw.read(_SPACE_HEAD.size).ljust(_SPACE_HEAD.size, b"\0"))
    if version != 1 or has_maxima > 1:
        return  # the type of a dataset, or a newer version
    rows = math.prod(struct.unpack(f"<{axes}Q", raw.read(8 * axes).ljust(8 * axes, b"\0")))
    raw.seek(8 * axes * has_maxima, os.SEEK_CUR)
    texts = raw.read(_TEXT.size * min(rows, _MOST_TEXTS))
    for (length,) in _TEXT.iter_unpack(texts[: len(texts) // _TEXT.size * _TEXT.size]):
        if length > most_bytes:
            raise ValueError(f"the text at byte {position} is damaged")


def _require_whole_heap(raw: BinaryIO, position: int) -> None:
    """Raise ValueError unless the objects of a heap follow each other up to its end. HDF5 file format, section III.E."""
    raw.seek(position)
    _, size = _HEAP_HEAD.unpack(raw.read(_HEAP_HEAD.size).ljust(_HEAP_HEAD.size, b"\0"))
    if not _HEAP_HEAD.size <= size <= _MOST_HEAP_BYTES:
        return  # HDF5 itself refuses it
    content = raw.read(size - _HEAP_HEAD.size)
    place = 0
    while place + _OBJECT_HEAD.size <= len(content):
        index, object_size = _OBJECT_HEAD.unpack_from(content, place)
        step = _OBJECT_HEAD.size + -(-object_size // 8) * 8 if index else object_size  # 0: free space to the end
        if not 0 < step <= len(content) - place:
            raise ValueError(f"the heap at byte {position} is damaged")
        place += step


@contextmanager
def whole_hdf5(path: Path, previous: Path | None = None) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill. It is built in memory and written to `path` when the block ends without an error.

    On a full disk HDF5 itself leaves a file that it cannot close, and crashes the process at its end.

    Args:
        path: of the file.
        previous: as for `whole_file`.

    Raises:
        OutputError: as `whole_file`.
    """
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        yield file
    with whole_file(path, previous) as temporary:
        temporary.write_bytes(image.getbuffer())


@contextmanager
def open_complete_hdf5(path: Path, kind: FileKind) -> Iterator[h5py.File]:
    """Yield a file of ours, open for reading, after the checks that every kind of file needs.

    An error inside the block means that the file is damaged: read from the file there, and nothing else.

    Raises:
        PatchFileError: the file is missing, of another kind or schema, unfinished or damaged, or cannot be read.
    """
    try:
        with open_hdf5(path) as file:
            check_attributes(path, file.attrs, kind)
            check_seal(path, file, kind)
            yield file
    except DamagedFileError as error:
        raise PatchFileError(str(error)) from error
    except S2Error:
        raise
    except (OSError, LookupError, ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise PatchFileError(describe_failure(path, error, kind)) from error


def check_attributes(path: Path, attributes: Mapping, kind: FileKind) -> None:
    """Raise PatchFileError unless the attributes are those of a complete file of this kind and schema."""
    if kind.mark not in attributes:
        raise PatchFileError(f"{path} is not a {kind.title} of {kind.program}; give another file.")
    version = attributes.get("schema_version", "none")
    if version not in (kind.schema_version, *kind.older_versions):
        raise PatchFileError(f"{path} has schema {version}, this code reads {kind.schema_version}; {kind.remedy}.")
    if not attributes.get("complete", False) or "checksum" not in attributes:
        raise PatchFileError(f"{path} is unfinished; {kind.remedy}.")


def check_seal(path: Path, file: h5py.File, kind: FileKind) -> None:
    """Compare everything but the images with the seal. Images have checksums of their own, for when they are read.

    Raises:
        DamagedFileError: a part of the file is not as it was written.
    """
    is_older = file.attrs["schema_version"] in kind.older_versions
    if not is_older and not require_seal(path, file, kind.remedy, image_names(file)):
        raise DamagedFileError(f"{path} is damaged: its seal is missing; {kind.remedy}.")


def complete(file: h5py.File, kind: FileKind) -> None:
    """Mark a file as complete, and seal everything but the images. Nothing else may be written after it."""
    file.attrs["schema_version"] = kind.schema_version
    file.attrs["complete"] = True
    seal(file, image_names(file))


def image_names(file: h5py.File) -> tuple[str, ...]:
    """Return the names of the arrays that have a checksum of each image."""
    return tuple(file.get(CHECKSUMS, ()))


def describe_failure(path: Path, error: Exception, kind: FileKind) -> str:
    """Return the message for a file that could not be read."""
    if refusal := describe_refusal(error):
        return f"{path} {refusal}."
    if not path.exists():
        return f"{path} does not exist; {kind.program} makes it."
    if path.is_dir():
        return f"{path} is a folder; give the HDF5 file itself."
    return f"{path} is cut short or damaged, or is not a {kind.title} of {kind.program}; {kind.remedy}."


def checksum_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 over names and contents of arrays, in the order of the mapping."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
