"""Seals of HDF5 files: any part that changes is found and named, and a whole file passes."""

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import DamagedFileError
from common.files import seal
from common.files.seal import require_seal
from tests.support.flips import flips

REMEDY = "restore it, or train again"


def fill(file: h5py.File) -> None:
    """Write one of each kind of content."""
    file["weights/0"] = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    file["weights/1"] = np.float32(2.5)
    file["names"] = ["water", "forêt"]
    file["nothing"] = np.empty((0, 3), np.uint16)
    file["raw"] = np.frombuffer(b"abc", "V1")
    file.create_dataset("chunked", data=np.arange(100), chunks=(10,))
    file.create_group("empty")
    file.attrs.update(epoch=3, note="text", offsets=[-1000.0, 0.0], bands=["B02", "B03"], none=h5py.Empty("f"))
    file["weights"].attrs["of"] = "a network"
    file["weights/0"].attrs["unit"] = "none"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sealed file."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fill(file)
        seal.seal(file)
    return tmp_path / "a.h5"


def check(path: Path, **options: list[str]) -> bool:
    with h5py.File(path) as file:
        return require_seal(path, file, REMEDY, **options)


def test_a_whole_file_passes_and_one_without_a_seal_is_told_apart(path: Path) -> None:
    assert check(path) is True
    with h5py.File(path, "r+") as file:
        del file.attrs["seal"]
    assert check(path) is False


def overwrite(name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[name][...] = value

    return change


def replace(name: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (overwrite("weights/0", 1), "weights/0"),
        (overwrite("weights/1", 2.5000002), "weights/1"),
        (overwrite("names", ["water", "forest"]), "names"),
        (overwrite("chunked", 7), "chunked"),
        (replace("nothing", np.empty((0, 4), np.uint16)), "nothing"),
        (replace("raw", np.frombuffer(b"abd", "V1")), "raw"),
        (replace("weights/1", np.float64(2.5)), "weights/1"),
        (lambda file: file.move("weights/1", "weights/2"), "weights/1"),
        (lambda file: file.create_group("more"), "more"),
        (lambda file: file.pop("empty"), "empty"),
        (lambda file: file.attrs.update(epoch=4), "its attributes"),
        (lambda file: file.attrs.update(bands=["B02", "B04"]), "its attributes"),
        (lambda file: file.attrs.pop("none"), "its attributes"),
        (lambda file: file["weights"].attrs.update(of="another"), "weights"),
        (lambda file: file["weights/0"].attrs.update(unit="DN"), "weights/0"),
        (lambda file: file.attrs.update(seal="{}"), "its attributes"),
        (lambda file: file.attrs.update(seal="{"), "its seal"),
        (lambda file: file.attrs.update(seal=[1, 2]), "its seal"),
    ],
)
def test_a_change_is_found_and_its_part_named(path: Path, change: Callable, part: str) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DamagedFileError) as found:
        check(path)
    assert str(found.value) == f"{path} is damaged: {part} is not as it was written; {REMEDY}."


def test_the_bytes_of_skipped_datasets_are_not_sealed_but_their_shapes_are(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        fill(file)
        seal.seal(file, skip=["weights/0"])
    with h5py.File(path, "r+") as file:
        file["weights/0"][...] = 0
    assert check(path, skip=["weights/0"])
    with h5py.File(path, "r+") as file:
        replace("weights/0", np.zeros((4, 3, 5), np.float32))(file)
    with pytest.raises(DamagedFileError, match="weights/0 is not as it was written"):
        check(path, skip=["weights/0"])


def test_a_damaged_shape_does_not_ask_for_memory(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["weights/0"]
        file.create_dataset("weights/0", shape=(2**45,), dtype=np.float32)
    with pytest.raises(DamagedFileError, match="weights/0"):
        check(path)


def test_a_file_of_many_parts_is_sealed(tmp_path: Path) -> None:
    """Attributes of 64 KiB and more: HDF5 stores text of any length beside them."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for index in range(400):
            file[f"optimizer/{'a-long-name' * 10}/{index}"] = np.float32(index)
        seal.seal(file)
        assert len(file.attrs["seal"]) > 2**16
    assert check(tmp_path / "a.h5")


def content(file: h5py.File) -> dict[str, str]:
    """All that a file holds, as text, without the seal."""
    items = {"/": file}
    file.visititems(items.__setitem__)
    return {
        name: repr((item[...].tolist() if isinstance(item, h5py.Dataset) else "", sorted_attributes(item)))
        for name, item in items.items()
    }


def sorted_attributes(item: h5py.Group | h5py.Dataset) -> list:
    return sorted((name, np.asarray(value).tolist()) for name, value in item.attrs.items() if name != "seal")


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(path: Path) -> None:
    whole = path.read_bytes()
    with h5py.File(path) as file:
        expected = content(file)
    found = 0
    for damaged in flips(whole, 100, seed=0):
        try:
            with h5py.File(io.BytesIO(damaged)) as file:
                if require_seal(path, file, REMEDY):
                    assert content(file) == expected
        except DamagedFileError:
            found += 1
        except OSError:  # HDF5 cannot open it
            found += 1
    assert found
