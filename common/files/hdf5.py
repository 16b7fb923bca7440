"""HDF5 files that appear whole or not at all, and arrays mapped from them."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from common.files.atomic import whole_file


@contextmanager
def whole_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to fill, built in memory and written to `path` when the block ends well.

    On a disk that fills up, HDF5 itself leaves files that it cannot close, and crashes the process at its end.

    Raises:
        OutputError: as `whole_file`.
    """
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        yield file
    with whole_file(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def map_array(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    """A dataset as a read-only array mapped from the file.

    Raises:
        ValueError: the dataset is not contiguous, or the file ends before it does.
    """
    offset = dataset.id.get_offset()
    if offset is None:
        raise ValueError(f"{dataset.name} is not contiguous")
    # As a plain array: indexing a np.memmap object costs several microseconds.
    return np.asarray(np.memmap(path, dtype=dataset.dtype, mode="r", offset=offset, shape=dataset.shape))
