"""Files count as the same by checksum, else by size and time; the path does not matter."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from common.errors import ProductError
from common.patches.source_files import changed_bands, record_sources
from common.pixels.sentinel2 import BANDS_10M
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_eopf import chunk_file, write_eopf
from tests.support.fake_safe import band_file, write_safe
from tests.support.manifests import damage, write_manifest
from tests.support.permissions import without_permission


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product whose files are some hours old."""
    folder = write_safe(tmp_path, size=12)
    for path in folder.rglob("*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder


def record(product: Path) -> str:
    return record_sources(open_scene(product), BANDS_10M)


def changes(before: str, product: Path) -> list[str]:
    return changed_bands(before, record(product))


def test_without_a_checksum_size_and_time_count(product: Path, tmp_path: Path) -> None:
    before = record(product)
    assert changes(before, product) == []
    os.utime(band_file(product, "B03"))
    band_file(product, "B08").write_bytes(band_file(product, "B08").read_bytes() + b"\0")
    os.utime(band_file(product, "B08"), (1_600_000_000, 1_600_000_000))
    assert changes(before, product) == ["B03", "B08"]


@pytest.mark.parametrize("record", ["", "{", "[]", "1", "{}", '{"B02": 1}', '{"B02": []}', b"\xff"])
def test_a_damaged_record_counts_as_other_files(product: Path, record: str) -> None:
    assert changes(record, product) == list(BANDS_10M)


def test_a_copy_that_keeps_the_times_is_the_same(product: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(product, tmp_path / "copy" / product.name)
    assert changes(record(product), copy) == []


@pytest.mark.parametrize("kind", ["manifest", "zip"])
def test_with_a_checksum_the_time_does_not_count(product: Path, tmp_path: Path, kind: str) -> None:
    write_manifest(product)
    before = record(product)
    if kind == "zip":
        product = Path(shutil.make_archive(str(tmp_path / "p"), "zip", product.parent, product.name))
        before = record(product)
    else:
        os.utime(band_file(product, "B02"))
    os.utime(product)
    assert changes(before, product) == []


def test_another_checksum_is_another_file(product: Path) -> None:
    write_manifest(product)
    before = record(product)
    damage(band_file(product, "B02"))
    write_manifest(product)
    assert changes(before, product) == ["B02"]


def test_a_manifest_that_is_older_than_the_files_does_not_count(product: Path) -> None:
    write_manifest(product)
    band_file(product, "B02").write_bytes(b"another size")
    before = record(product)
    os.utime(band_file(product, "B02"), (1, 1))
    assert changes(before, product) == ["B02"]


@pytest.mark.parametrize("zipped", [False, True])
def test_any_chunk_of_a_zarr_array_counts(tmp_path: Path, zipped: bool) -> None:
    product = write_eopf(tmp_path, size=60, chunk_m=240)
    chunk = chunk_file(product, "B02", 1, 2)

    def opened() -> Path:
        if not zipped:
            return product
        return Path(shutil.make_archive(str(tmp_path / product.name), "zip", product.parent, product.name))

    before = record(opened())
    assert changes(before, opened()) == []
    chunk.write_bytes(chunk.read_bytes() + b"\0")
    assert changes(before, opened()) == ["B02"]


def test_a_remote_file_counts_by_its_address_and_its_metadata(product: Path) -> None:
    """Addresses may hold a signature that changes with each request."""

    def remote(address: str) -> Scene:
        return dataclasses.replace(scene, band_paths={"B02": f"/vsicurl/http://localhost/{address}"})

    scene = open_scene(product)
    before = record_sources(remote("a.tif?signature=1"), ["B02"])
    assert changed_bands(before, record_sources(remote("a.tif?signature=2"), ["B02"])) == []
    assert changed_bands(before, record_sources(remote("b.tif"), ["B02"])) == ["B02"]
    os.utime(scene.path, (1, 1))
    assert changed_bands(before, record_sources(remote("a.tif"), ["B02"])) == ["B02"]


def test_files_that_are_missing_or_refused(product: Path) -> None:
    scene = open_scene(product)
    with (
        without_permission(product),
        pytest.raises(ProductError, match=r"B02\.jp2 cannot be read \(Permission denied\)"),
    ):
        record_sources(scene, BANDS_10M)
    band_file(product, "B02").unlink()
    with pytest.raises(ProductError, match=r"B02\.jp2 does not exist"):
        record_sources(scene, BANDS_10M)
