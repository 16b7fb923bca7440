"""Files of Zarr products in folders and zips: root, JSON, arrays, chunks; and damage."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from common.errors import ProductError
from common.scenes.zarr_files import as_mapping, is_zarr, open_zarr, shown, zarr_around
from tests.support.fake_eopf import band_array, chunk_file, edit_json, write_eopf, write_json, zip_folder
from tests.support.fake_layouts import tar_product, zip_product
from tests.support.fake_safe import write_patch_folder, write_safe
from tests.support.permissions import without_permission

B02 = "measurements/reflectance/r10m/b02"
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


@FORMATS
def test_folder_and_zip_hold_the_same(tmp_path: Path, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=24)
    with open_zarr(product) as files:
        assert (files.folder_name, files.gdal_prefix) == (product.name, f"{product}/")
        attributes, array = files.attributes(), files.array(B02)
        names = set(files.list_names(B02))
    assert (array.shape, array.chunks, array.fill_value, array.is_sharded) == ((24, 24), (24, 24), 0, False)
    assert array.dtype == ("<u2" if zarr_format == 2 else "uint16")
    assert array.attributes["scale_factor"] == 0.0001
    for inside in ("", "a/b.zarr/"):
        archive = zip_folder(write_eopf(tmp_path / f"zipped{len(inside)}", zarr_format=zarr_format, size=24), inside)
        with open_zarr(archive) as files:
            assert (files.attributes(), files.array(B02)) == (attributes, array)
            assert (set(files.list_names(B02)), files.zarr_format) == (names, zarr_format)
            assert files.gdal_prefix == f"/vsizip/{{{archive}}}/{inside}"
            assert files.folder_name == ("b.zarr" if inside else product.name)


@FORMATS
def test_missing_arrays_and_attributes_are_empty(tmp_path: Path, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=24)
    with open_zarr(product) as files:
        assert files.array("measurements/none") is None
        assert files.attributes("measurements") == {}


@FORMATS
def test_missing_chunks_are_counted(tmp_path: Path, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=(60, 90), chunk_m=240)
    with open_zarr(product) as files:
        info = files.array(B02)
        assert info.chunk_counts == (3, 4)
        assert files.count_missing_chunks(B02, info) == 0
        chunk_file(product, "B02", 1, 2).unlink()
        chunk_file(product, "B02", 0, 0).rename(chunk_file(product, "B02", 0, 0).with_name("9.9"))
        assert files.count_missing_chunks(B02, info) == 2


@FORMATS
def test_chunks_that_may_not_be_read_are_not_missing(tmp_path: Path, zarr_format: int) -> None:
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=24)
    with open_zarr(product) as files:
        info = files.array(B02)
        with (
            without_permission(chunk_file(product, "B02", 0, 0)),
            pytest.raises(ProductError, match=r"b02.* cannot be read.*; check its permissions"),
        ):
            files.count_missing_chunks(B02, info)


def test_chunk_that_is_a_broken_link_is_not_missing(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=24)
    chunk = chunk_file(product, "B02", 0, 0)
    chunk.unlink()
    chunk.symlink_to("elsewhere")
    with (
        open_zarr(product) as files,
        pytest.raises(ProductError, match=r"is a link to \S+/elsewhere, which does not exist"),
    ):
        files.count_missing_chunks(B02, files.array(B02))


def test_what_is_zarr(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=24)
    assert is_zarr(product)
    assert is_zarr(product.rename(tmp_path / "renamed"))
    assert is_zarr(zip_folder(tmp_path / "renamed"))
    assert is_zarr(tmp_path / "none.zarr")
    for other in (write_safe(tmp_path, size=12), write_safe(tmp_path / "z", size=12, zipped=True), tmp_path):
        assert not is_zarr(other)
    assert not is_zarr(write_patch_folder(tmp_path, size=12))
    (tmp_path / "text.xml").write_text("no zip")
    assert not is_zarr(tmp_path / "text.xml")


@pytest.mark.parametrize("content", ["{", "[1, 2]", "[" * 100_000, "\0", '"text"'])
def test_damaged_json(tmp_path: Path, content: str) -> None:
    product = write_eopf(tmp_path, size=24)
    (product / ".zattrs").write_text(content)
    with (
        open_zarr(product) as files,
        pytest.raises(ProductError, match=r"^\.zattrs of .* (is no readable JSON|holds no)"),
    ):
        files.attributes()


def test_json_that_is_too_large(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=24)
    os.truncate(product / ".zattrs", 2**40)  # takes no space on the disk
    with (
        open_zarr(product) as files,
        pytest.raises(ProductError, match=r"\.zattrs cannot be .* larger than 16 MiB"),
    ):
        files.attributes()


@pytest.mark.parametrize("sizes", [[0, 24], [24], [24, -1], [24, 24.0], [24, True], "24", None, [[24], 24]])
@pytest.mark.parametrize("key", ["shape", "chunks"])
def test_sizes_that_are_no_sizes(tmp_path: Path, key: str, sizes: object) -> None:
    product = write_eopf(tmp_path, size=24)
    edit_json(band_array(product, "B02") / ".zarray", **{key: sizes})
    with (
        open_zarr(product) as files,
        pytest.raises(ProductError, match=r"array .*b02 has the shape .* expected positive"),
    ):
        files.array(B02)


def test_folders_and_zips_without_a_root_group(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with (
        pytest.raises(ProductError, match=r"a\.zarr has no \.zgroup and no zarr\.json; give"),
        open_zarr(tmp_path / "a.zarr"),
    ):
        pass
    with zipfile.ZipFile(tmp_path / "b.zarr.zip", "w") as archive:
        archive.writestr("text", "")
    with pytest.raises(ProductError, match=r"b\.zarr\.zip has no \.zgroup"), open_zarr(tmp_path / "b.zarr.zip"):
        pass
    content = write_eopf(tmp_path, size=24, zipped=True).read_bytes()
    (tmp_path / "c.zarr.zip").write_bytes(content[: len(content) // 2])
    with (
        pytest.raises(ProductError, match=r"c\.zarr\.zip is a zip that is cut short"),
        open_zarr(tmp_path / "c.zarr.zip"),
    ):
        pass


def test_damaged_json_in_a_zip(tmp_path: Path) -> None:
    archive = write_eopf(tmp_path, size=24, zipped=True)
    content = bytearray(archive.read_bytes())
    position = content.index(b"stac_discovery")
    content[position] ^= 1
    archive.write_bytes(content)
    with open_zarr(archive) as files, pytest.raises(ProductError, match=r"^\.zattrs of .* cannot be read \(Bad CRC-32"):
        files.attributes()


def test_sharded_arrays_are_recognised(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, zarr_format=3, size=24)
    path = band_array(product, "B02") / "zarr.json"
    metadata = json.loads(path.read_text())
    sharding = {"name": "sharding_indexed", "configuration": {"chunk_shape": [12, 12], "codecs": metadata["codecs"]}}
    write_json(path, metadata | {"codecs": [sharding]})
    with open_zarr(product) as files:
        assert files.array(B02).is_sharded


def test_values_in_messages_are_short() -> None:
    assert shown([1, 2]) == "[1, 2]"
    assert len(shown("x" * 1000)) == 63
    assert as_mapping({"a": 1}) == {"a": 1}
    assert as_mapping([1]) == as_mapping(None) == {}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_archives_of_other_kinds(tmp_path: Path, zarr_format: int) -> None:
    """GDAL reads format 2 from a zip of Windows; zarr-python does not, and neither reads a tar."""
    product = write_eopf(tmp_path, size=24, zarr_format=zarr_format)
    windows = zip_product(product, tmp_path / "windows.zip", "a\\", "\\")
    if zarr_format == 2:
        with open_zarr(windows) as files:
            assert (files.folder_name, files.zarr_format) == (product.name, 2)
            assert (
                files.count_missing_chunks(
                    "measurements/reflectance/r10m/b02", files.array("measurements/reflectance/r10m/b02")
                )
                == 0
            )
    else:
        with pytest.raises(ProductError, match=r"holds names such as a\\.*; unpack it"), open_zarr(windows):
            pass
    assert is_zarr(windows)
    tar = tar_product(product, tmp_path / "a.tar")
    with (
        pytest.raises(ProductError, match=r"is a tar of a Zarr product, .* unpack it, and give the folder"),
        open_zarr(tar),
    ):
        pass
    twice = zip_product(product, tmp_path / "twice.zip")
    with zipfile.ZipFile(twice, "a") as content:
        content.writestr("other.zarr/.zgroup" if zarr_format == 2 else "other.zarr/zarr.json", "{}")
    with pytest.raises(ProductError, match=r"twice\.zip holds 2 Zarr products \(.*\); unpack it"), open_zarr(twice):
        pass


def test_path_into_a_zarr_leads_to_the_product(tmp_path: Path) -> None:
    product = write_eopf(tmp_path, size=24)
    assert zarr_around(product / "measurements/reflectance/r10m") == product
    assert zarr_around(product / ".zattrs") == product
    assert zarr_around(product) == product
    assert zarr_around(tmp_path) == tmp_path
