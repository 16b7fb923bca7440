"""Patch files and prepared files with flipped bits, as bad memory, cables and disks make them, or of older schemas."""

from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.files.hdf5 import CHECKSUMS
from tests.support.flips import flip_bit

FLIPS = 100


def offset_of(path: Path, name: str) -> int:
    """Return the position of the first byte of an array in an HDF5 file."""
    with h5py.File(path) as file:
        return file[name].id.get_offset()


def make_older(path: Path) -> None:
    """Turn a patch file into one of schema 1, which has no checksums of images."""
    with h5py.File(path, "r+") as file:
        del file[CHECKSUMS], file.attrs["seal"]
        file.attrs["schema_version"] = 1


def require_flips_found(
    path: Path, read: Callable[[], Mapping[str, object]], error: type[Exception], flips: int = FLIPS, seed: int = 0
) -> int:
    """Flip random bits, one after the other: reading must raise the error, or return what the whole file returns.

    Half of the flips are anywhere, half outside of the images, which fill most of a file.

    Returns:
        Number of flips that change nothing.
    """
    rng, content, expected, harmless = np.random.default_rng(seed), path.read_bytes(), read(), 0
    small = np.flatnonzero(~image_bytes(path))
    for number in range(flips):
        byte = int(rng.choice(small) if number % 2 else rng.integers(len(content)))
        bit = int(rng.integers(8))
        path.write_bytes(content)
        flip_bit(path, byte, bit)
        try:
            got = read()
        except error as found:
            assert len(str(found).splitlines()) == 1
            continue
        harmless += 1
        assert got.keys() == expected.keys(), f"byte {byte}, bit {bit}"
        for name in got:
            same_type = np.asarray(got[name]).dtype == np.asarray(expected[name]).dtype
            if not same_type or not np.array_equal(got[name], expected[name]):
                pytest.fail(f"byte {byte}, bit {bit}: {name} has changed unseen")
    path.write_bytes(content)
    return harmless


def image_bytes(path: Path) -> np.ndarray:
    """Return for each byte of a file whether it belongs to an image."""
    found = np.zeros(path.stat().st_size, bool)
    with h5py.File(path) as file:
        for dataset in file.values():
            if isinstance(dataset, h5py.Dataset) and dataset.ndim == 4:
                found[dataset.id.get_offset() :][: dataset.nbytes] = True
    return found
