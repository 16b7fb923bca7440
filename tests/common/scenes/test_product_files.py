"""Files of a product in a folder or a zip: the same names and content, and zips that are damaged or harmful."""

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import ProductError
from common.scenes.product_files import open_files
from tests.support.fake_safe import write_safe


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A zipped product."""
    return write_safe(tmp_path, size=12, zipped=True)


def test_folder_and_xml_and_zip_give_the_same_files(fake_product: Path, tmp_path: Path) -> None:
    in_folder, by_xml = open_files(fake_product), open_files(fake_product / "MTD_MSIL1C.xml")
    zipped = shutil.make_archive(str(tmp_path / "any name"), "zip", fake_product.parent, fake_product.name)
    in_zip = open_files(Path(zipped))
    assert len([name for name in in_folder.names if name.endswith(".jp2")]) == 13
    assert by_xml.names == in_folder.names
    assert set(in_folder.names) < set(in_zip.names)
    for files in (in_folder, by_xml, in_zip):
        assert (files.xml_name, files.folder_name) == ("MTD_MSIL1C.xml", fake_product.name)
        for name in (in_folder.names[0], "MTD_MSIL1C.xml"):
            assert files.read(name) == (fake_product / name).read_bytes()


def test_gdal_prefix_leads_to_the_files(fake_product: Path) -> None:
    files = open_files(fake_product)
    assert all(Path(files.gdal_prefix + name).is_file() for name in files.names)


def test_zip_is_read_without_unpacking(archive: Path) -> None:
    files = open_files(archive)
    assert files.gdal_prefix == f"/vsizip/{{{archive}}}/{archive.stem}.SAFE/"
    files.read(files.names[0])
    assert list(archive.parent.iterdir()) == [archive]


def test_zip_without_a_product_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as content:
        content.writestr("MTD_MSIL2A.xml", "<a/>")
        content.writestr("GRANULE/a/IMG_DATA/a_B02.jp2", "pixels")
    files = open_files(tmp_path / "flat.zip")
    assert files.folder_name == "flat"
    assert files.gdal_prefix == f"/vsizip/{{{tmp_path / 'flat.zip'}}}/"
    assert files.read("GRANULE/a/IMG_DATA/a_B02.jp2") == b"pixels"


@pytest.mark.parametrize("name", ["S2A_OPER_MTD_SAFL1C_PDMC_2016.xml", "S2B_USER_MTD_SAFL2A_PDMC_2016.xml"])
def test_product_xml_of_the_old_format(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<a/>")
    (tmp_path / "INSPIRE.xml").write_text("<a/>")
    assert open_files(tmp_path).xml_name == open_files(tmp_path / name).xml_name == name


def test_folder_that_is_no_product(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"has no MTD_MSIL1C\.xml or MTD_MSIL2A\.xml; give the \.SAFE folder itself"):
        open_files(tmp_path)


def test_folder_with_two_product_xml(tmp_path: Path) -> None:
    for name in ("MTD_MSIL1C.xml", "MTD_MSIL2A.xml"):
        (tmp_path / name).write_text("<a/>")
    with pytest.raises(ProductError, match=r"holds 2 products \(MTD_MSIL1C\.xml, MTD_MSIL2A\.xml\); give one"):
        open_files(tmp_path)


@pytest.mark.parametrize("name", ["product.zip", "product.txt"])
def test_file_that_is_no_zip(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("not a zip")
    with pytest.raises(ProductError, match=r"no complete zip \(File is not a zip file\)"):
        open_files(tmp_path / name)


def test_truncated_zip(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ProductError, match="no complete zip"):
        open_files(archive)


def test_zip_that_is_no_product(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as content:
        content.writestr("readme.txt", "hello")
    with pytest.raises(ProductError, match=r"other\.zip has no MTD_MSIL1C\.xml"):
        open_files(tmp_path / "other.zip")


@pytest.mark.parametrize("name", ["../evil.jp2", "X.SAFE/../../evil.jp2", "/etc/evil", "..\\evil"])
def test_zip_with_a_name_outside_its_folder(archive: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr(name, "x")
    with pytest.raises(ProductError, match=r"evil.* outside the product folder"):
        open_files(archive)


def test_zip_with_two_products(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("Other.SAFE/MTD_MSIL1C.xml", "<a/>")
    with pytest.raises(ProductError, match="holds 2 products"):
        open_files(archive)


def test_xml_deep_inside_a_zip_is_no_second_product(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("Other.SAFE/AUX_DATA/MTD_MSIL1C.xml", "<a/>")
    assert open_files(archive).folder_name == f"{archive.stem}.SAFE"
