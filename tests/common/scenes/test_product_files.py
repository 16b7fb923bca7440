"""Files of a product in a folder or a zip: the same names and content, and zips that are damaged or harmful."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.errors import ProductError
from common.scenes.product_files import ProductFiles, find_products, is_product_folder, products_below
from tests.support.fake_layouts import tar_product, zip_product
from tests.support.fake_safe import write_patch_folder, write_s1_patch, write_safe, write_tif
from tests.support.permissions import without_permission


def open_files(path: Path) -> ProductFiles:
    (files,) = find_products(path)
    return files


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


def test_gdal_paths_lead_to_the_files(fake_product: Path) -> None:
    files = open_files(fake_product)
    assert all(Path(files.gdal_path(name)).is_file() for name in files.names)


def test_zip_is_read_without_unpacking(archive: Path) -> None:
    files = open_files(archive)
    assert files.gdal_path("MTD_MSIL1C.xml") == f"/vsizip/{{{archive}}}/{archive.stem}.SAFE/MTD_MSIL1C.xml"
    files.read(files.names[0])
    assert list(archive.parent.iterdir()) == [archive]


def test_zip_without_a_product_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "flat.zip", "w") as content:
        content.writestr("MTD_MSIL2A.xml", "<a/>")
        content.writestr("GRANULE/a/IMG_DATA/a_B02.jp2", "pixels")
    files = open_files(tmp_path / "flat.zip")
    assert files.folder_name == "flat"
    assert files.gdal_path("MTD_MSIL2A.xml") == f"/vsizip/{{{tmp_path / 'flat.zip'}}}/MTD_MSIL2A.xml"
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
    with pytest.raises(ProductError, match=r"is no product and no complete zip or tar; give the product as"):
        open_files(tmp_path / name)


def test_truncated_zip(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ProductError, match="is a zip that is cut short; download it again"):
        open_files(archive)


def test_zip_that_is_no_product(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as content:
        content.writestr("readme.txt", "hello")
    with pytest.raises(ProductError, match=r"other\.zip has no MTD_MSIL1C\.xml"):
        open_files(tmp_path / "other.zip")


@pytest.mark.parametrize(
    "name", ["../evil.jp2", "X.SAFE/../../evil.jp2", "/etc/evil", "..\\evil", "C:\\evil", "\\evil"]
)
def test_zip_with_a_name_outside_its_folder(archive: Path, name: str) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr(name, "x")
    with pytest.raises(ProductError, match=r"evil.* outside the product folder"):
        open_files(archive)


def test_zip_with_two_products(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("deeper/Other.SAFE/MTD_MSIL1C.xml", "<a/>")
        content.writestr("deeper/Other.SAFE/GRANULE/a/IMG_DATA/a_B02.jp2", "pixels")
    assert [files.folder_name for files in find_products(archive)] == [f"{archive.stem}.SAFE", "Other.SAFE"]


def test_xml_deep_inside_a_zip_is_no_second_product(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("Other.SAFE/AUX_DATA/MTD_MSIL1C.xml", "<a/>")
    assert open_files(archive).folder_name == f"{archive.stem}.SAFE"


@pytest.mark.parametrize("kind", ["zip in folders", "zip of Windows", "tar", "zip of macOS"])
def test_archives_of_every_kind_hold_the_same_product(tmp_path: Path, kind: str) -> None:
    product = write_safe(tmp_path, size=12)
    path = tmp_path / "archive"
    if kind == "tar":
        tar_product(product, path)
    else:
        zip_product(product, path, "a/b/" if "folders" in kind else "", "\\" if "Windows" in kind else "/")
    if kind == "zip of macOS":
        with zipfile.ZipFile(path, "a") as content:
            content.writestr(f"__MACOSX/{product.name}/._MTD_MSIL1C.xml", "resource fork")
    in_archive, in_folder = open_files(path), open_files(product)
    assert (in_archive.xml_name, in_archive.folder_name) == ("MTD_MSIL1C.xml", product.name)
    assert set(in_archive.names) == {"MTD_MSIL1C.xml", *in_folder.names}
    assert in_archive.read(in_folder.names[3]) == in_folder.read(in_folder.names[3])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product with the other files of real products. Do not change it."""
    product = write_safe(tmp_path_factory.mktemp("whole"), size=12)
    for name in ("manifest.safe", "INSPIRE.xml", "GRANULE/L1C_T32TNS_A006291_20200701T101031/MTD_TL.xml"):
        (product / name).write_text("<a/>")
    (product / "DATASTRIP/DS_1").mkdir(parents=True)
    (product / "results").mkdir()
    for name in ("result.tif", "results/result.tif"):
        write_tif(product / name, np.zeros((3, 3), np.uint8))
    return product


@pytest.mark.parametrize(
    "pattern",
    ["manifest.safe", "INSPIRE.xml", "GRANULE", "GRANULE/*", "GRANULE/*/MTD_TL.xml", "GRANULE/*/IMG_DATA",
     "GRANULE/*/*/*_B02.jp2", "DATASTRIP/DS_1"],
)  # fmt: skip
def test_path_into_a_product_leads_to_the_product(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    (path,) = whole.glob(pattern)
    granule = path.relative_to(whole).parts[1] if pattern.startswith("GRANULE/") else ""
    link = tmp_path / f"link{path.suffix}"
    link.symlink_to(path)
    monkeypatch.chdir(path.parent)
    for form in (path, link, Path(path.name)):
        files = open_files(form)
        assert (files.path, files.granule, len(files.names)) == (whole, granule, 13)


@pytest.mark.parametrize("name", ["result.tif", "results/result.tif"])
def test_result_in_a_product_folder_is_no_part_of_it(whole: Path, name: str) -> None:
    with pytest.raises(ProductError, match=r"result\.tif is one GeoTIFF without the metadata of a product"):
        open_files(whole / name)


def test_messages_say_what_to_give_instead(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    granule = shutil.move(next(product.glob("GRANULE/*")), tmp_path)
    with pytest.raises(ProductError, match=r"has no MTD_.* it is a granule without the product around it; give the pr"):
        open_files(Path(granule))
    zip_product(product, tmp_path / "inner.SAFE.zip")
    with pytest.raises(ProductError, match=r"it holds inner\.SAFE\.zip: give one of these files"):
        open_files(tmp_path)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as content:
        content.write(tmp_path / "inner.SAFE.zip", "inner.SAFE.zip")
    with pytest.raises(ProductError, match=r"has no MTD_.*, but inner\.SAFE\.zip; unpack it once, and give one"):
        open_files(tmp_path / "outer.zip")
    radar = write_s1_patch(tmp_path / "radar", "S1A_IW_GRDH_1SDV_20170617T064659_29UPU_48_5", "S2A")
    for path in (radar, radar.parent):
        with pytest.raises(ProductError, match=r"has no MTD_.*; it is of Sentinel-1; give a product or a patch folder"):
            open_files(path)
    (tmp_path / "item").mkdir()
    (tmp_path / "item" / "a.json").touch()
    with pytest.raises(ProductError, match=r"it holds a\.json: if this is a STAC item, give it"):
        open_files(tmp_path / "item")


def test_folder_of_patches(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path, size=12)
    with pytest.raises(
        ProductError, match=rf"it holds patch folders such as {patch.name}: give one of them, or a list"
    ):
        open_files(tmp_path)


def test_product_folder_without_its_xml(tmp_path: Path) -> None:
    (tmp_path / "X.SAFE").mkdir()
    with pytest.raises(
        ProductError, match=r"X\.SAFE has no MTD_.*; it is not whole: download or unpack the product again"
    ):
        open_files(tmp_path / "X.SAFE")


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    with without_permission(tmp_path):
        assert not is_product_folder(tmp_path)
        with pytest.raises(ProductError, match=r"cannot be read \(Permission denied\); check its permissions"):
            open_files(tmp_path)


def test_link_to_the_product_xml(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "MTD_MSIL1C.xml").symlink_to(whole / "MTD_MSIL1C.xml")
    assert open_files(tmp_path / "MTD_MSIL1C.xml").path == whole


def test_xml_that_expands_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("X.SAFE/MTD_MSIL1C.xml", bytes(2**24 + 1))
    with pytest.raises(ProductError, match=r"MTD_MSIL1C\.xml of .*bomb\.zip is larger than 16 MiB"):
        open_files(tmp_path / "bomb.zip").read("MTD_MSIL1C.xml")


def test_products_below_a_folder(tmp_path: Path) -> None:
    for name in ("a/X.SAFE", "a/Y.SAFE", "b/c/Z.SAFE", ".hidden/W.SAFE"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "MTD_MSIL1C.xml").write_text("<a/>")
    below = products_below(tmp_path, is_product_folder)
    assert [path.name for path in below] == ["X.SAFE", "Y.SAFE"]
    assert products_below(tmp_path / "b", is_product_folder) == [tmp_path / "b/c/Z.SAFE"]
    assert products_below(tmp_path / "a/X.SAFE", is_product_folder) == []
