"""Damaged files are found by the checksums that came with them; every file is read once."""

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import ProductError
from common.files.archives import open_archive
from common.files.checksums import known_files, require_intact
from tests.support.fake_layouts import zip_product
from tests.support.manifests import damage, write_manifest
from tests.support.permissions import without_permission

NAMES = ("GRANULE/a/IMG_DATA/B02.jp2", "GRANULE/a/IMG_DATA/B03.jp2")


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Two images of a product without a manifest."""
    paths = [tmp_path / "p.SAFE" / name for name in NAMES]
    paths[0].parent.mkdir(parents=True)
    for index, path in enumerate(paths):
        path.write_bytes(bytes([index]) * 5_000_000)  # more than a block
    return paths


def check(paths: list[Path] | list[str], rank: int = 0, size: int = 1) -> None:
    require_intact("scene", [str(path) for path in paths], rank, size)


def zip_of(folder: Path, method: int) -> Path:
    """Zip a folder, with its own name as the outermost."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", method) as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder.parent))
    return folder.with_suffix(".zip")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA3-256"])
def test_a_damaged_file_of_a_folder(images: list[Path], tmp_path: Path, algorithm: str) -> None:
    write_manifest(tmp_path / "p.SAFE", algorithm)
    check(images[:1])
    damage(images[1], count=1)
    message = (
        rf"B03\.jp2 has the {algorithm} [0-9a-f]+, but manifest\.safe gives [0-9a-f]+: it is damaged, or was changed; "
        rf"download it again, or move manifest\.safe away to read it as it is\.$"
    )
    with pytest.raises(ProductError, match=message):
        check(images)
    (tmp_path / "p.SAFE" / "manifest.safe").rename(tmp_path / "away")
    check(images)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_file_of_a_zip(images: list[Path], tmp_path: Path, method: int) -> None:
    archive = zip_of(tmp_path / "p.SAFE", method)
    inside = [f"/vsizip/{{{archive}}}/p.SAFE/{name}" for name in NAMES]
    with zipfile.ZipFile(archive) as opened:
        item = opened.getinfo(f"p.SAFE/{NAMES[1]}")
    damage(archive, item.header_offset + 30 + len(item.filename) + item.compress_size // 2, count=1)
    check(inside[:1])
    reason = r"Bad CRC-32" if method == zipfile.ZIP_STORED else ".*"
    with pytest.raises(ProductError, match=rf"B03\.jp2 is damaged \({reason}\); download it again\.$"):
        check(inside)


def test_a_damaged_file_of_a_zip_of_windows(images: list[Path], tmp_path: Path) -> None:
    archive = zip_product(tmp_path / "p.SAFE", tmp_path / "p.zip", separator="\\")
    inside = [f"/vsizip/{{{archive}}}/p.SAFE/{name}" for name in NAMES]
    damage(archive, archive.stat().st_size // 4, count=1)
    check(inside[1:])
    with pytest.raises(ProductError, match=r"B02\.jp2 is damaged \(Bad CRC-32 .*\); download it again"):
        check(inside)


def test_a_damaged_file_of_a_tar(images: list[Path], tmp_path: Path) -> None:
    write_manifest(tmp_path / "p.SAFE")
    tar = Path(shutil.make_archive(str(tmp_path / "p"), "tar", tmp_path, "p.SAFE"))
    with open_archive(tar) as archive:
        inside = [archive.gdal_path(f"p.SAFE/{name}") for name in NAMES]
        start = archive.members[f"p.SAFE/{NAMES[1]}"].offset_data
    assert [file.member for path in inside for file in known_files(path)] == [f"p.SAFE/{name}" for name in NAMES]
    damage(tar, start + 4_900_000, count=1)
    check(inside[:1])
    message = (
        r"^p\.SAFE/GRANULE/a/IMG_DATA/B03\.jp2 of \S+p\.tar has the MD5 \w+, but manifest\.safe gives \w+: it is damaged, "
        r"or was changed; download it again, or unpack it and move manifest\.safe away to read it as it is\.$"
    )
    with pytest.raises(ProductError, match=message):
        check(inside)


def test_an_array_in_a_zip_has_the_files_of_its_chunks(tmp_path: Path) -> None:
    archive = tmp_path / "p.zarr.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in ("b02/0.0", "b02/0.1", "b03/0.0", "b02x/0.0"):
            opened.writestr(f"p.zarr/{name}", f"pixels of {name}")
    array = f"/vsizip/{{{archive}}}/p.zarr/b02"
    assert [file.member for file in known_files(array)] == ["p.zarr/b02/0.0", "p.zarr/b02/0.1"]
    archive.write_bytes(archive.read_bytes().replace(b"pixels of b02/0.1", b"pixels of b02/0.7"))
    with pytest.raises(ProductError, match=r"b02 is damaged \(Bad CRC-32 for file 'p\.zarr/b02/0\.1'\)"):
        check([array])


def test_a_manifest_that_is_older_than_the_files_is_told_once(
    images: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in products that somebody has cut."""
    write_manifest(tmp_path / "p.SAFE")
    for path in images:
        path.write_bytes(b"cut out")
        require_intact(str(tmp_path), [str(path)])
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: image files have other sizes than manifest.safe gives, so they were changed after it was written; "
        f"of damage in them, only gaps of zeros can be found"
    ]


def test_without_checksums_nothing_is_read(images: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    assert [known_files(str(path)) for path in images] == [(), ()]
    check([*map(str, images), "/vsicurl/http://localhost/b.tif", str(images[0].parent / "none.jp2")])
    assert not caplog.text


def test_each_file_is_compared_once(images: list[Path], tmp_path: Path) -> None:
    write_manifest(tmp_path / "p.SAFE")
    check(images)
    damage(images[0])
    check(images)


@pytest.mark.parametrize("rank", [0, 1])
def test_ranks_share_the_files(images: list[Path], tmp_path: Path, rank: int) -> None:
    write_manifest(tmp_path / "p.SAFE")
    damage(images[1 - rank])
    check(images, rank, 2)  # the other rank finds the damage
    check(images)


def test_each_rank_compares_its_own_files_whatever_it_has_compared_before(images: list[Path], tmp_path: Path) -> None:
    """Rank 1 compares the second file, also if it has compared the first one before."""
    write_manifest(tmp_path / "p.SAFE")
    check(images[:1])
    damage(images[1])
    with pytest.raises(ProductError, match="has the MD5"):
        check(images, 1, 2)


def test_a_file_that_the_system_refuses_is_not_called_damaged(images: list[Path], tmp_path: Path) -> None:
    write_manifest(tmp_path / "p.SAFE")
    archive = zip_of(tmp_path / "p.SAFE", zipfile.ZIP_STORED)
    for file, path in ((images[0], str(images[0])), (archive, f"/vsizip/{{{archive}}}/p.SAFE/{NAMES[0]}")):
        known_files(path)  # the directory has been read
        with (
            without_permission(file),
            pytest.raises(ProductError, match=r"cannot be read \(Permission denied\); check"),
        ):
            check([path])
