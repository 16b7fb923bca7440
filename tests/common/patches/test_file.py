"""Patch files: round trip, and refused if they are damaged, unfinished or of another kind."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import OutputError, PatchFileError
from common.files.hdf5 import checksum_arrays
from common.patches.file import PatchFile, check_content, check_older_file, write_patch_file
from tests.support.damaged_patches import make_older, offset_of, require_flips_found
from tests.support.flips import flip_bit

ATTRIBUTES = {"scene": "T32TNS", "offsets": [-1000.0, 0.0], "seed": 3}
shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=9)
array_strategy = st.sampled_from([np.uint16, np.int32, np.float32]).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


def some_arrays(patches: int = 50) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(1, 9999, (patches, 8, 8, 4), np.uint16)
    return {"input_10m": images, "row": np.arange(patches, dtype=np.int32)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A whole patch file."""
    write_patch_file(tmp_path / "scene-20m.h5", some_arrays(), ATTRIBUTES)
    return tmp_path / "scene-20m.h5"


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["input_10m", "target", "row", "block"]), array_strategy, min_size=1))
def test_arrays_survive_a_file(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("round") / "a.h5"
    write_patch_file(path, arrays, ATTRIBUTES)
    file = PatchFile(path)
    assert file.arrays.keys() == arrays.keys()
    with h5py.File(path) as plain:
        for name, array in arrays.items():
            assert file.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(file.arrays[name], array)
            np.testing.assert_array_equal(plain[name][...], array)


def test_attributes_survive_a_file(path):
    file = PatchFile(path)
    assert len(file) == 50
    assert (file.attributes["scene"], file.attributes["seed"]) == ("T32TNS", 3)
    assert list(file.attributes["offsets"]) == [-1000, 0]
    assert file.attributes["complete"]
    assert file.attributes["schema_version"] == 2
    assert file.attributes["checksum"] == checksum_arrays(some_arrays())


def test_the_checksum_does_not_depend_on_the_order_of_the_arrays(path, tmp_path):
    write_patch_file(tmp_path / "reversed.h5", dict(reversed(some_arrays().items())), ATTRIBUTES)
    assert PatchFile(tmp_path / "reversed.h5").attributes["checksum"] == PatchFile(path).attributes["checksum"]


@pytest.mark.parametrize("version", [0, 3, None])
def test_another_schema_is_refused(path, version):
    with h5py.File(path, "r+") as file:
        del file.attrs["schema_version"]
        if version is not None:
            file.attrs["schema_version"] = version
    stored = "none" if version is None else version
    with pytest.raises(
        PatchFileError, match=f"has schema {stored}, this code reads 2; move it away and superres-train"
    ):
        PatchFile(path)


@pytest.mark.parametrize("value", [False, None])
def test_an_unfinished_file_is_refused(path, value):
    with h5py.File(path, "r+") as file:
        del file.attrs["complete"]
        if value is not None:
            file.attrs["complete"] = value
    with pytest.raises(PatchFileError, match="is unfinished; move it away and superres-train makes it again"):
        PatchFile(path)


@pytest.mark.parametrize("share", [0, 0.001, 0.02, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(
        PatchFileError, match=r"is cut short or damaged, .*; move it away and superres-train makes it again"
    ):
        PatchFile(path)


def test_a_file_without_its_last_byte_is_refused(path):
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PatchFileError, match="cut short"):
        PatchFile(path)


def test_other_files_and_folders_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("row,col\n" * 1000)
    with pytest.raises(PatchFileError, match="or is not a patch file of superres-train"):
        PatchFile(tmp_path / "text.h5")
    with pytest.raises(PatchFileError, match="is a folder; give the HDF5 file itself"):
        PatchFile(tmp_path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(PatchFileError, match=r"none.h5 does not exist; superres-train makes it"):
        PatchFile(tmp_path / "none.h5")


def test_chunked_arrays_are_refused(path):
    make_older(path)
    with h5py.File(path, "r+") as file:
        file.create_dataset("target", data=np.ones((4, 4)), chunks=(2, 2))
    with pytest.raises(PatchFileError, match="damaged"):
        PatchFile(path)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*a\.h5: .*; check space and permissions there"):
        write_patch_file(tmp_path / "none" / "a.h5", some_arrays(), ATTRIBUTES)


def test_a_file_of_schema_1_is_read_and_compared_with_its_sha_256(path):
    make_older(path)
    file = PatchFile(path)
    np.testing.assert_array_equal(file.arrays["input_10m"], some_arrays()["input_10m"])
    check_older_file(file)
    flip_bit(path, offset_of(path, "input_10m") + 1000, 0)
    PatchFile(path).arrays["input_10m"][:]
    with pytest.raises(PatchFileError, match=r"scene-20m\.h5 is damaged: its arrays are not .*; move it away and"):
        check_older_file(PatchFile(path))


def test_files_of_this_schema_are_not_read_whole(path):
    flip_bit(path, offset_of(path, "input_10m"), 0)
    check_older_file(PatchFile(path))


def test_a_flipped_bit_of_an_image_is_found_when_the_image_is_read(path):
    flip_bit(path, offset_of(path, "input_10m") + 17 * 8 * 8 * 4 * 2 + 5, 3)
    file = PatchFile(path)
    assert len(file.arrays["input_10m"][18:]) == 32
    message = r"scene-20m\.h5 is damaged: input_10m of patch 17 of T32TNS is not as it was written; move it away and"
    with pytest.raises(PatchFileError, match=message):
        file.arrays["input_10m"][17]


def read_all(path):
    """Return all that a reader sees of a patch file."""
    file = PatchFile(path)
    return file.attributes | {name: array[:] for name, array in file.arrays.items()}


def test_every_flipped_bit_is_found_or_changes_nothing(path):
    """Bits of the whole file: images, locations, attributes, checksums, and HDF5's own structures."""
    require_flips_found(path, lambda: read_all(path), PatchFileError)


def whole_arrays() -> dict[str, np.ndarray]:
    """Small arrays that fit the schema."""
    images = {name: np.ones((3, 4, 4, 2), np.uint16) for name in ("input_10m", "input_20m", "target")}
    return images | {name: np.arange(3) for name in ("row", "col", "block")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"input_20m": None}, "lacks input_20m; move it away and superres-train makes it again"),
        ({"target": np.ones((2, 4, 4, 2), np.uint16)}, r"holds target of shape \(2, 4, 4, 2\) and type uint16"),
        ({"target": np.ones((3, 4, 4, 2), np.float32)}, r"holds target .* type float32, .*; move it away"),
        ({"input_60m": np.ones((3, 4, 4), np.uint16)}, r"holds input_60m of shape \(3, 4, 4\)"),
        ({"col": np.arange(4)}, r"holds col of shape \(4,\)"),
    ],
)
def test_content_is_checked_against_the_schema(tmp_path, change, message):
    arrays = {name: array for name, array in (whole_arrays() | change).items() if array is not None}
    write_patch_file(tmp_path / "a.h5", arrays, ATTRIBUTES | {"bands_10m": "B02"})
    file = PatchFile(tmp_path / "a.h5")
    if message is None:
        check_content(file)
        return
    with pytest.raises(PatchFileError, match=message):
        check_content(file)


def test_missing_attributes_are_refused(tmp_path):
    write_patch_file(tmp_path / "a.h5", whole_arrays(), ATTRIBUTES)
    with pytest.raises(PatchFileError, match=r"a\.h5 lacks bands_10m"):
        check_content(PatchFile(tmp_path / "a.h5"))


FULL_DISK = """
import json, resource, sys
from pathlib import Path
from common.errors import OutputError
from common.patches.file import write_patch_file
from tests.common.patches.test_file import ATTRIBUTES, some_arrays

folder, outcome = Path(sys.argv[1]), {}
for limit in (0, 100, 3000, 20_000, 26_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))  # Python ignores SIGXFSZ
    try:
        write_patch_file(folder / "a.h5", some_arrays(), ATTRIBUTES)
        outcome[limit] = "written"
    except OutputError as error:
        outcome[limit] = f"{error} {[path.name for path in folder.iterdir()]}"
print(json.dumps(outcome))
"""


def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path):
    """A limit on the size of files gives a program the same errors as a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    outcome = json.loads(done.stdout)
    assert len(outcome) == 5
    for message in outcome.values():
        assert message.startswith(f"cannot write {tmp_path / 'a.h5'}: ")
        assert message.endswith("; check space and permissions there. []")
