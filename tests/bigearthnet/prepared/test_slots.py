"""Slots of a prepared file: many writers, no lock, and checksums that show damage."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from bigearthnet.prepared import slots as module
from bigearthnet.prepared.slots import Slot, Slots, write_all
from common.errors import OutputError

SHAPES = {"s2_10m": (4, 4, 2), "s2_60m": (2, 2, 2)}  # smaller than real ones; a whole number of 64-bit words
N = 6


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    """Slots of an empty file for six patches."""
    done, offset = Slot(16, (), "uint8"), 24
    images, sums = {}, {}
    for name, shape in SHAPES.items():
        sums[name] = Slot(offset, (), "uint64")
        offset += N * 8
        images[name] = Slot(offset, shape, "uint16")
        offset += N * images[name].size
    (tmp_path / "data").write_bytes(bytes(offset))
    return Slots(tmp_path / "data", images, sums, done, (tmp_path / "data").stat().st_ino)


def some_patches(count: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{name: rng.integers(1, 9999, shape, np.uint16) for name, shape in SHAPES.items()} for _ in range(count)]


def stored(slots: Slots, name: str) -> np.ndarray:
    """All patches of a group, as they are in the file."""
    slot = slots.images[name]
    return np.fromfile(slots.path, slot.dtype, N * slot.size // 2, offset=slot.offset).reshape(N, *slot.shape)


def held_rows(slots: Slots) -> list[int]:
    with open(slots.path, "rb") as file:
        return [row for row in range(N) if slots.holds(file.fileno(), row)]


def test_nothing_is_written_into_a_file_that_was_begun_again(slots: Slots) -> None:
    """Its arrays may stand elsewhere. A job that was suspended for long may find it so."""
    with slots.open() as file:
        slots.write(file, 0, some_patches(1))
    other = slots.path.with_name("other")
    other.write_bytes(bytes(slots.path.stat().st_size))
    other.replace(slots.path)
    with pytest.raises(OutputError, match="was replaced by another job"), slots.open() as file:
        slots.write(file, 0, some_patches(1))
    assert held_rows(slots) == []


def test_size_is_that_of_one_patch() -> None:
    assert Slot(0, (120, 120, 4), "uint16").size == 115_200
    assert Slot(0, (), "uint64").size == 8


def test_patches_are_written_to_their_rows(slots: Slots) -> None:
    patches = some_patches(3)
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 4, patches[:2])
        slots.write(file.fileno(), 1, patches[2:])
    assert held_rows(slots) == [1, 4, 5]
    for name in SHAPES:
        images = stored(slots, name)
        np.testing.assert_array_equal(images[[4, 5, 1]], [patch[name] for patch in patches])
        assert not images[[0, 2, 3]].any()


def test_patches_written_together_or_alone_make_the_same_file(slots: Slots) -> None:
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 0, some_patches(N))
        together = slots.path.read_bytes()
        file.truncate(0)
        for row in reversed(range(N)):
            slots.write(file.fileno(), row, some_patches(N)[row : row + 1])
    assert slots.path.read_bytes() == together


def test_images_need_not_be_contiguous(slots: Slots) -> None:
    (patch,) = some_patches(1)
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 0, [{name: np.asfortranarray(image) for name, image in patch.items()}])
    np.testing.assert_array_equal(stored(slots, "s2_10m")[0], patch["s2_10m"])
    assert held_rows(slots) == [0]


@pytest.mark.parametrize("change", [lambda image: image[1:], lambda image: image.astype(np.int16)])
def test_images_of_another_shape_or_type_are_refused(slots: Slots, change) -> None:
    first, second = some_patches(2)
    with open(slots.path, "r+b") as file, pytest.raises(ValueError, match=r"s2_60m must be \(2, 2, 2\) uint16; got"):
        slots.write(file.fileno(), 0, [first, {**second, "s2_60m": change(second["s2_60m"])}])
    assert held_rows(slots) == []


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("byte", [0, 7, 15])
def test_a_changed_byte_shows(slots: Slots, name: str, byte: int) -> None:
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 0, some_patches(N))
        file.seek(slots.images[name].offset + 2 * slots.images[name].size + byte)
        (value,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([value ^ 1]))
    assert held_rows(slots) == [0, 1, 3, 4, 5]


def test_a_mark_without_images_does_not_count(slots: Slots) -> None:
    """As after a crash of the machine, when only a part of the writes has reached the disk."""
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 0, some_patches(N))
        file.seek(slots.images["s2_10m"].offset + 3 * slots.images["s2_10m"].size)
        file.write(bytes(slots.images["s2_10m"].size))
    assert held_rows(slots) == [0, 1, 2, 4, 5]


@pytest.mark.parametrize("cut", [0, 1, 8, 15])
def test_a_file_cut_short_holds_only_the_patches_before_the_cut(slots: Slots, cut: int) -> None:
    """Zeros add nothing to a checksum, so an image of zeros shows whether the cut itself is found."""
    zeros = {name: np.zeros(shape, np.uint16) for name, shape in SHAPES.items()}
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 0, [zeros] * N)
        file.truncate(slots.images["s2_60m"].offset + 2 * slots.images["s2_60m"].size + cut)
    assert held_rows(slots) == [0, 1]


def test_checksums_are_those_of_the_image_bytes(slots: Slots) -> None:
    patches = some_patches(3)
    with open(slots.path, "r+b") as file:
        slots.write(file.fileno(), 2, patches)
    for name, slot in slots.sums.items():
        sums = np.fromfile(slots.path, np.uint64, N, offset=slot.offset).tolist()
        assert sums == [0, 0, *(xxh3_64_intdigest(patch[name].tobytes()) for patch in patches), 0]


@given(st.lists(st.binary(max_size=9), max_size=6), st.integers(1, 7), st.integers(1, 3))
def test_short_writes_are_continued(pieces: list[bytes], step: int, most_pieces: int) -> None:
    """A disk that takes some bytes at a time, from some pieces at a time."""
    written = bytearray(b"--")

    def write_some(file: int, buffers: list, offset: int) -> int:
        assert (file, offset, len(buffers) <= most_pieces) == (9, len(written), True)
        part = b"".join(buffers)[:step]
        written.extend(part)
        return len(part)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.os, "pwritev", write_some)
        patch.setattr(module, "_MAX_PIECES", most_pieces)
        write_all(9, pieces, 2)
    assert written == b"--" + b"".join(pieces)


def test_more_pieces_than_one_call_takes(tmp_path: Path) -> None:
    pieces = [bytes([number % 251]) for number in range(3000)]
    with open(tmp_path / "file", "wb") as file:
        write_all(file.fileno(), pieces, 5)
    assert (tmp_path / "file").read_bytes() == bytes(5) + b"".join(pieces)
