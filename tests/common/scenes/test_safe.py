"""Reading a product's metadata: every way to give a product, every baseline, and damaged products."""

import shutil
import zipfile
from pathlib import Path

import pytest

from common.errors import ProductError, ProductNotFoundError
from common.pixels.sentinel2 import BANDS
from common.scenes.safe import read_product
from tests.support.fake_safe import L2A_BANDS, write_safe


def product_xml(product: Path) -> Path:
    """The product XML of a fake product."""
    return next(product.glob("*.xml"))


def edit_xml(product: Path, old: str, new: str) -> None:
    """Replace a text that must be in the product XML."""
    path = product_xml(product)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_l1c_product(fake_product: Path) -> None:
    (scene,) = read_product(fake_product)
    assert scene.name == fake_product.stem
    assert scene.path == fake_product
    assert (scene.level, scene.tile, scene.satellite, scene.baseline) == ("L1C", "T32TNS", "S2A", "02.05")
    assert scene.sensing_time == "2020-07-01T10:10:31.024Z"
    assert (scene.quantification, scene.nodata, scene.saturated) == (10000, 0, 65535)
    assert scene.offsets == dict.fromkeys(BANDS, 0.0)
    assert set(scene.band_paths) == set(BANDS)
    assert all(path.endswith(f"_{band}.jp2") and Path(path).exists() for band, path in scene.band_paths.items())


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize(("baseline", "offset"), [("02.14", 0), ("04.00", -1000), ("05.11", -1000)])
def test_offset_comes_from_the_xml(tmp_path: Path, level: str, baseline: str, offset: int) -> None:
    (scene,) = read_product(write_safe(tmp_path, level=level, baseline=baseline, size=12))
    assert scene.offsets == dict.fromkeys(BANDS if level == "L1C" else L2A_BANDS, offset)


@pytest.mark.parametrize(("baseline", "offset"), [("02.05", -500), ("05.09", 0)])
def test_offset_does_not_follow_from_the_baseline(tmp_path: Path, baseline: str, offset: int) -> None:
    (scene,) = read_product(write_safe(tmp_path, baseline=baseline, offset=offset, size=12))
    assert set(scene.offsets.values()) == {offset}


@pytest.mark.parametrize("order", ["Spectral_Information", "fixed order"])
def test_offset_belongs_to_the_physical_band(tmp_path: Path, order: str) -> None:
    product = write_safe(tmp_path, baseline="04.00", size=12)
    edit_xml(product, 'band_id="8">-1000<', 'band_id="8">-700<')
    if order == "Spectral_Information":  # as if band_id 8 were B9, and 9 were B8A
        edit_xml(product, 'bandId="8" physicalBand="B8A"', 'bandId="8" physicalBand="B9"')
        edit_xml(product, 'bandId="9" physicalBand="B9"', 'bandId="9" physicalBand="B8A"')
    else:
        edit_xml(product, "Spectral_Information", "Something_Else")
    (scene,) = read_product(product)
    assert [band for band, offset in scene.offsets.items() if offset == -700] == [
        "B09" if order == "Spectral_Information" else "B8A"
    ]


@pytest.mark.parametrize("satellite", ["S2A", "S2B", "S2C", "S2D"])
def test_satellites(tmp_path: Path, satellite: str) -> None:
    assert read_product(write_safe(tmp_path, satellite=satellite, size=12))[0].satellite == satellite


def test_special_values_come_from_the_xml(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    edit_xml(product, ">65535<", ">32767<")
    assert read_product(product)[0].saturated == 32767


def test_quantification_comes_from_the_xml(tmp_path: Path) -> None:
    product = write_safe(tmp_path, level="L2A", size=12)
    edit_xml(product, ">10000</BOA_", ">1000</BOA_")
    assert read_product(product)[0].quantification == 1000


def test_l2a_reads_each_band_at_its_native_gsd(tmp_path: Path) -> None:
    (scene,) = read_product(write_safe(tmp_path, level="L2A", size=24, resampled=True))
    assert set(scene.band_paths) == set(L2A_BANDS)
    for band, path in scene.band_paths.items():
        assert path.endswith(f"_{band}_{BANDS[band].gsd}m.jp2")


def test_old_format_has_one_scene_a_granule(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HMA", "T53HLA"), baseline="02.04", size=12)
    scenes = read_product(product)
    assert [scene.tile for scene in scenes] == ["T53HLA", "T53HMA"]
    assert [scene.name for scene in scenes] == [f"{product.stem}_T53HLA", f"{product.stem}_T53HMA"]
    for scene in scenes:
        assert all(f"{scene.tile}_{band}.jp2" in path for band, path in scene.band_paths.items())


def test_xml_zip_granule_and_relative_path_mean_the_same(fake_product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene,) = read_product(fake_product)
    granule = next(fake_product.glob("GRANULE/*"))
    monkeypatch.chdir(granule)
    for path in (product_xml(fake_product), granule, ".", "../.."):
        (other,) = read_product(path)
        assert (other.name, other.offsets, set(other.band_paths)) == (scene.name, scene.offsets, set(scene.band_paths))


def test_zip_is_read_without_unpacking(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, size=12, zipped=True)
    (scene,) = read_product(archive)
    assert scene.name == archive.stem
    assert scene.band_paths["B02"].startswith(f"/vsizip/{{{archive}}}/")
    assert list(tmp_path.iterdir()) == [archive]


def test_granule_folder_picks_its_tile(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA", "T53HMA"), size=12)
    (scene,) = read_product(next(product.glob("GRANULE/*T53HMA*")))
    assert scene.tile == "T53HMA"


def test_renamed_folder_keeps_the_products_own_name(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    assert read_product(product.rename(tmp_path / "renamed.SAFE"))[0].name == product.stem


def test_name_from_the_xml_cannot_leave_a_folder(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    edit_xml(product, f"<PRODUCT_URI>{product.name}", "<PRODUCT_URI>../../evil.SAFE")
    assert read_product(product)[0].name == product.stem


def test_hidden_files_are_no_bands(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    band = next(product.rglob("*_B02.jp2"))
    (band.parent / f"._{band.name}").write_bytes(b"resource fork of an Apple file system")
    assert read_product(product)[0].band_paths["B02"] == str(band)


def test_metadata_alone_give_a_scene_without_bands(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    shutil.rmtree(product / "GRANULE")
    assert read_product(product)[0].band_paths == {}


def test_missing_product(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match=r"none\.SAFE does not exist; give a \.SAFE folder"):
        read_product(tmp_path / "none.SAFE")


def test_folder_that_is_no_product(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"has no MTD_MSIL1C\.xml or MTD_MSIL2A\.xml; give the \.SAFE folder itself"):
        read_product(tmp_path)


def test_folder_with_two_product_xml(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    shutil.copy(product_xml(product), product / "MTD_MSIL2A.xml")
    with pytest.raises(ProductError, match=r"holds 2 products \(MTD_MSIL1C\.xml, MTD_MSIL2A\.xml\); give one"):
        read_product(product)


@pytest.mark.parametrize("content", [b"", b"<n1:Level-1C", b"\0\1\2", b'<?xml version="1.0" encoding="nonsense"?><a/>'])
def test_unreadable_xml(tmp_path: Path, content: bytes) -> None:
    product = write_safe(tmp_path, size=12)
    product_xml(product).write_bytes(content)
    with pytest.raises(ProductError, match=r"MTD_MSIL1C\.xml of .* is no readable XML .*download it again"):
        read_product(product)


def test_xml_that_expands_without_end(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    product_xml(product).write_text(f'<!DOCTYPE a [<!ENTITY e0 "0123456789">{entities}]><a>&e9;</a>')
    with pytest.raises(ProductError, match="is no readable XML"):
        read_product(product)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PROCESSING_LEVEL", "LEVEL", "has no PROCESSING_LEVEL; the product is damaged"),
        (">Level-1C<", ">Level-1B<", "has PROCESSING_LEVEL 'Level-1B'; expected Level-1C or Level-2A"),
        ("PROCESSING_BASELINE", "BASELINE", "has no PROCESSING_BASELINE"),
        ("SPACECRAFT_NAME>Sentinel-2A", "SPACECRAFT_NAME>Landsat-8", "SPACECRAFT_NAME 'Landsat-8'; expected Sentinel"),
        ("granuleIdentifier", "identifier", "lists no granule"),
        (">10000</", ">ten</", "has QUANTIFICATION_VALUE 'ten', not a number"),
        (">10000</", ">0</", "has QUANTIFICATION_VALUE 0; expected a positive number"),
        (">10000</", ">nan</", "has QUANTIFICATION_VALUE 'nan', not a number"),
        ('band_id="3">-1000<', 'band_id="3"><', "has RADIO_ADD_OFFSET None, not a number"),
        ('band_id="3"', 'band_id="33"', "has no RADIO_ADD_OFFSET for B04"),
        ('physicalBand="B4"', 'physicalBand="B99"', "Spectral_Information: unknown Sentinel-2 band 'B99'"),
    ],
)
def test_damaged_metadata(tmp_path: Path, old: str, new: str, message: str) -> None:
    product = write_safe(tmp_path, baseline="04.00", size=12)
    edit_xml(product, old, new)
    with pytest.raises(ProductError, match=message):
        read_product(product)


def test_two_files_for_one_band(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    band = next(product.rglob("*_B02.jp2"))
    shutil.copy(band, band.with_name("copy_B02.jp2"))
    with pytest.raises(ProductError, match="has two files for B02 in L1C_T32TNS"):
        read_product(product)


def test_granule_folder_that_the_xml_does_not_list(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    (product / "GRANULE/L1C_T33UUB_A1_20200701T101031").mkdir()
    with pytest.raises(ProductError, match="does not list the granule"):
        read_product(product / "GRANULE/L1C_T33UUB_A1_20200701T101031")


@pytest.mark.parametrize("name", ["product.zip", "product.txt"])
def test_file_that_is_no_zip(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("not a zip")
    with pytest.raises(ProductError, match=r"no complete zip \(File is not a zip file\)"):
        read_product(tmp_path / name)


def test_truncated_zip(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, size=12, zipped=True)
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ProductError, match="no complete zip"):
        read_product(archive)


def test_damaged_zip_member(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, size=12, zipped=True)
    with zipfile.ZipFile(archive) as content:
        info = next(info for info in content.infolist() if info.filename.endswith(".xml"))
    damaged = bytearray(archive.read_bytes())
    damaged[info.header_offset + 200 : info.header_offset + 300] = bytes(100)
    archive.write_bytes(damaged)
    with pytest.raises(ProductError, match="cannot be read"):
        read_product(archive)


def test_zip_that_is_no_product(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ProductError, match=r"other\.zip has no MTD_MSIL1C\.xml"):
        read_product(tmp_path / "other.zip")


@pytest.mark.parametrize("name", ["../evil.jp2", "X.SAFE/../../evil.jp2", "/etc/evil", "..\\evil"])
def test_zip_with_a_name_outside_its_folder(tmp_path: Path, name: str) -> None:
    archive = write_safe(tmp_path, size=12, zipped=True)
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr(name, "x")
    with pytest.raises(ProductError, match=r"evil.* outside the product folder"):
        read_product(archive)


def test_zip_with_two_products(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, size=12, zipped=True)
    with zipfile.ZipFile(archive, "a") as content:
        content.writestr("Other.SAFE/MTD_MSIL1C.xml", "<a/>")
    with pytest.raises(ProductError, match="holds 2 products"):
        read_product(archive)


# What the XML of each real product says, read by eye. Offsets are the same for all bands of a product.
REAL_PRODUCTS = {
    "safe_metadata/l1c_N0204_old_format/S2A_OPER_PRD_*.SAFE": (
        "L1C", ["T53HLA", "T53HMA", "T53HNA", "T53HNV", "T53HPA", "T53HPV"], "02.04", "S2A", 0,
        "2016-09-05T00:57:12.026Z", 13,
    ),
    "safe_metadata/l1c_N0204_old_format/S2A_OPER_PRD_*.SAFE/S2A_OPER_MTD_SAFL1C_*.xml": (
        "L1C", ["T53HLA", "T53HMA", "T53HNA", "T53HNV", "T53HPA", "T53HPV"], "02.04", "S2A", 0,
        "2016-09-05T00:57:12.026Z", 13,
    ),
    "safe_metadata/l1c_N0205_zipped/*_T33UWP_*.zip": (
        "L1C", ["T33UWP"], "02.05", "S2A", 0, "2017-09-08T10:00:31.026Z", 13,
    ),
    "safe_metadata/l1c_N0205_zipped/*_T32TQT_*.zip": (
        "L1C", ["T32TQT"], "02.05", "S2A", 0, "2017-08-09T10:00:31.026Z", 13,
    ),
    "safe_metadata/esa_S2B_MSIL2A_*_N0214_*.SAFE": (
        "L2A", ["T22HBD"], "02.14", "S2B", 0, "2021-01-22T13:32:29.024Z", 0,
    ),
    "safe_metadata/S2A_MSIL1C_*_N0301_*.SAFE": (
        "L1C", ["T46RER"], "03.01", "S2A", 0, "2021-09-08T04:27:01.024Z", 0,
    ),
    "safe_metadata/S2B_MSIL2A_*_N0400_*.SAFE": (
        "L2A", ["T33XWJ"], "04.00", "S2B", -1000, "2022-04-13T15:07:59.024Z", 0,
    ),
    "safe_metadata/S2A_MSIL2A_*_N0509_*57.SAFE": (
        "L2A", ["T01WCP"], "05.09", "S2A", -1000, "2023-06-25T23:46:21.024Z", 0,
    ),
    "safe_metadata/l1c_N0510_metadata_only": (
        "L1C", ["T30NWM"], "05.10", "S2A", -1000, "2024-01-01T10:24:31.024Z", 0,
    ),
    # The XML of the next three was edited from other products: their times and satellites belong to those.
    "tiles/*_T33UUB_*.SAFE": ("L1C", ["T33UUB"], "02.05", "S2A", 0, "2017-09-08T10:00:31.026Z", 13),
    "tiles/*_T49JGM_*.SAFE": ("L1C", ["T49JGM"], "02.05", "S2A", 0, "2017-09-08T10:00:31.026Z", 13),
    "tiles/*_T33UUP_*.SAFE": ("L2A", ["T33UUP"], "04.00", "S2B", -1000, "2022-04-13T15:07:59.024Z", 12),
}  # fmt: skip


@pytest.mark.real_data
@pytest.mark.parametrize("pattern", REAL_PRODUCTS)
def test_real_products(real_data: Path, pattern: str) -> None:
    level, tiles, baseline, satellite, offset, sensing_time, band_count = REAL_PRODUCTS[pattern]
    scenes = read_product(next(real_data.glob(pattern)))
    assert [scene.tile for scene in scenes] == tiles
    for scene in scenes:
        assert (scene.level, scene.baseline, scene.satellite) == (level, baseline, satellite)
        assert scene.offsets == dict.fromkeys(BANDS if level == "L1C" else L2A_BANDS, offset)
        assert (scene.quantification, scene.nodata, scene.saturated) == (10000, 0, 65535)
        assert scene.sensing_time == sensing_time
        assert len(scene.band_paths) == band_count


@pytest.mark.real_data
def test_real_product_name_comes_from_the_xml(real_data: Path) -> None:
    (scene,) = read_product(real_data / "safe_metadata/l1c_N0510_metadata_only")
    assert scene.name == "S2A_MSIL1C_20240101T102431_N0510_R065_T30NWM_20240101T122107"
