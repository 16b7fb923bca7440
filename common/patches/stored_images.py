"""Images in our HDF5 files, read by their position in the file and compared with a checksum each.

An image is read straight into the batch by one call of the system. All ranks of a node share one copy in the page cache.
Files are not mapped into memory: one that is cut short while it is mapped ends Python with a bus error. From the page
cache of a virtual machine, the three small images of a patch of 32 px take 20 us of processor time (mapped: 4 us), the four
of BigEarthNet 104 us (mapped: 50 us); the first read, with checksums, takes 7 us and 17 us more. The whole pipeline gives
8,600 patches of 32 px a second there (mapped: 11,000), in `benchmarks/loading.py`.
"""

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakSet

import h5py
import numpy as np
from xxhash import xxh3_64_intdigest

from common.errors import PatchFileError
from common.files.hdf5 import CHECKSUMS, FileKind
from common.files.read_errors import describe_refusal

MOST_OPEN = 256  # files at once; a process may usually open 1024


def image_checksums(images: np.ndarray) -> np.ndarray:
    """Return the XXH3-64 of the bytes of each image, (N,) uint64. `images` has shape (N, ...)."""
    contents = np.ascontiguousarray(images).reshape(len(images), -1).view(np.uint8)
    return np.fromiter((xxh3_64_intdigest(content) for content in contents), np.uint64, len(contents))


class StoredFile:
    """A file that is read by position. It stays the same file when another takes its name.

    It is open while this object lives. If too many files are open, the one that was read least recently is closed, and
    opened again when it is read.

    Args:
        path: the file.
        kind: for messages.
    """

    def __init__(self, path: Path, kind: FileKind):
        self.path, self.kind = path, kind
        self.last_use = 0
        self.descriptor: Descriptor | None = None
        self._inode: tuple[int, int] | None = None
        self.status()

    def open(self) -> "Descriptor":
        """Return a descriptor of the file, which stays open as long as it is referenced.

        Raises:
            PatchFileError: the file was closed meanwhile, and is missing or another file has its name.
        """
        self.last_use = next(_clock)
        return self.descriptor or self._open()

    def _open(self) -> "Descriptor":
        with _opening:
            while len(_open_files) >= MOST_OPEN:
                oldest = min(_open_files, key=lambda file: file.last_use)
                oldest.descriptor = None  # closes when no thread reads from it
                _open_files.discard(oldest)
            try:
                descriptor = Descriptor(self.path)
            except OSError as error:
                raise self.failure(error) from error
            status = os.fstat(descriptor.number)
            self._inode = self._inode or (status.st_dev, status.st_ino)
            if self._inode != (status.st_dev, status.st_ino):
                raise PatchFileError(f"{self.path} was replaced while it was read; run the same command again.")
            self.descriptor = descriptor
            _open_files.add(self)
            return descriptor

    def status(self) -> tuple[int, int]:
        """Return size and time of the last change. They tell whether somebody writes to the file."""
        descriptor = self.open()  # keeps the descriptor open
        status = os.fstat(descriptor.number)
        return status.st_size, status.st_mtime_ns

    def read_rest(self, descriptor: "Descriptor", part: memoryview, offset: int) -> None:
        """Fill `part` with the bytes of the file from `offset` on, however few a call of the system returns.

        Raises:
            PatchFileError: the file ends before.
            OSError: the system refuses to read.
        """
        while part:
            count = os.preadv(descriptor.number, (part,), offset)
            if not count:
                raise PatchFileError(f"{self.path} was cut short while it was read; {self.kind.remedy}.")
            part, offset = part[count:], offset + count

    def failure(self, error: OSError) -> PatchFileError:
        """Return the error to raise when the system cannot open or read the file."""
        return PatchFileError(f"{self.path} {describe_refusal(error) or 'was removed while it was read'}.")


class Descriptor:
    """A file descriptor that closes when nobody refers to it."""

    def __init__(self, path: Path):
        self.number = os.open(path, os.O_RDONLY)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if hasattr(self, "number"):
            close(self.number)


_open_files: "WeakSet[StoredFile]" = WeakSet()
_opening = threading.Lock()
_clock = itertools.count(1)


class StoredImages:
    """The images of one array in a file, (N, ...). Each is compared with its checksum when it is first read.

    Args:
        file: the file.
        dataset: the array, of the same file opened by h5py; it must be contiguous.
        title: returns the name of a patch for messages.

    Attributes:
        shape: (N, ...).
        dtype: NumPy type.

    Raises:
        ValueError: the dataset is not contiguous, or the file ends before it does.
    """

    def __init__(self, file: StoredFile, dataset: h5py.Dataset, title: Callable[[int], str]):
        self.shape, self.dtype = dataset.shape, dataset.dtype
        self._file, self._name, self._title = file, dataset.name.strip("/"), title
        self._rows, self._size = range(len(dataset)), dataset.nbytes // max(1, len(dataset))
        self._status = file.status()
        self._offset = dataset.id.get_offset()
        if self._offset is None:
            raise ValueError(f"{dataset.name} is not contiguous")
        if self._offset + dataset.nbytes > self._status[0]:
            raise ValueError(f"the file ends inside {dataset.name}")
        self._checksums: np.ndarray | None = None  # files of older versions have none
        self._is_checked = bytearray(b"\1" * len(dataset))
        if CHECKSUMS in dataset.file:
            self._checksums = dataset.file[CHECKSUMS][self._name][()]
            self._is_checked = bytearray(len(dataset))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Read images by an index of the first axis, as for an array: numbers, a slice, or one number."""
        if not isinstance(rows, np.ndarray) or rows.dtype == bool:
            rows = np.arange(len(self))[rows]
        images = np.empty((rows.size, *self.shape[1:]), self.dtype)
        self.read_into(images, np.arange(rows.size), rows.reshape(-1))
        return images.reshape((*rows.shape, *self.shape[1:]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all images. For `np.asarray`; raise ValueError for copy=False, because the array is always a new one."""
        if copy is False:
            raise ValueError("StoredImages are read into a new array; leave out copy=False.")
        return self[:].astype(dtype or self.dtype, copy=False)

    def read_into(self, images: np.ndarray, positions: np.ndarray, rows: np.ndarray) -> None:
        """Read images into a batch. Several threads may read at once.

        Args:
            images: (B, ...) of the array's dtype; the batch.
            positions: (M,) int, where in the batch to put the images.
            rows: (M,) int, numbers of the images.

        Raises:
            PatchFileError: an image is not as it was written, or the file cannot be read.
            IndexError: there is no such row.
        """
        if not len(rows):
            return
        self._forget_checks_of_changed_file()
        descriptor, batch, size = self._file.open(), memoryview(images).cast("B"), self._size
        try:
            for position, number in zip(positions.tolist(), rows.tolist(), strict=True):
                row, start = self._rows[number], position * size
                image, offset = batch[start : start + size], self._offset + row * size
                count = os.preadv(descriptor.number, (image,), offset)
                if count < size:
                    self._file.read_rest(descriptor, image[count:], offset + count)
                if not self._is_checked[row]:
                    self._check(row, image)
        except OSError as error:
            raise self._file.failure(error) from error

    def _forget_checks_of_changed_file(self) -> None:
        """Check each image again if somebody writes to the file, such as by copying another over it."""
        status = self._file.status()
        if status != self._status and self._checksums is not None:
            self._status, self._is_checked = status, bytearray(len(self))

    def _check(self, row: int, image: memoryview) -> None:
        if xxh3_64_intdigest(image) != self._checksums[row]:
            raise PatchFileError(
                f"{self._file.path} is damaged: {self._name} of {self._title(row)} is not as it was written; "
                f"{self._file.kind.remedy}."
            )
        self._is_checked[row] = 1
