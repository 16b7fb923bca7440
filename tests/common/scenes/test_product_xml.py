"""Metadata of a product XML: every level and baseline, and XML that is damaged."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS
from common.scenes.product_files import find_products
from common.scenes.product_xml import Metadata, tile_of
from tests.support.fake_safe import L2A_BANDS, edit_product_xml, write_safe


def parse(product: Path) -> Metadata:
    (files,) = find_products(product)
    return Metadata.parse(files, product)


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A product of level L1C, baseline 04.00, without images."""
    return write_safe(tmp_path, baseline="04.00", pixels={})


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        ("L1C_T33UUB_A011559_20170908T100655", "T33UUB"),
        ("S2A_OPER_MSI_L1C_TL_SGS__20160905T104010_A006291_T53HLA_N02.04", "T53HLA"),
        ("S2A_OPER_MSI_L1C_TL_SGS__20160905T104010_A006291_T53HLA", "T53HLA"),
        ("L1C_T33UUBX_A011559", None),
        ("GRANULE", None),
    ],
)
def test_tile_of_a_granule(name: str, tile: str | None) -> None:
    assert tile_of(name) == tile


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize(("baseline", "offset"), [("02.14", 0), ("04.00", -1000), ("05.11", -1000)])
def test_offset_comes_from_the_xml(tmp_path: Path, level: str, baseline: str, offset: int) -> None:
    metadata = parse(write_safe(tmp_path, level=level, baseline=baseline, pixels={}))
    assert metadata.level() == level
    assert metadata.offsets(level) == dict.fromkeys(BANDS if level == "L1C" else L2A_BANDS, offset)


@pytest.mark.parametrize(("baseline", "offset"), [("02.05", -500), ("05.09", 0)])
def test_offset_does_not_follow_from_the_baseline(tmp_path: Path, baseline: str, offset: int) -> None:
    metadata = parse(write_safe(tmp_path, baseline=baseline, offset=offset, pixels={}))
    assert set(metadata.offsets("L1C").values()) == {offset}


@pytest.mark.parametrize("order", ["Spectral_Information", "fixed order"])
def test_offset_belongs_to_the_physical_band(product: Path, order: str) -> None:
    edit_product_xml(product, 'band_id="8">-1000<', 'band_id="8">-700<')
    if order == "Spectral_Information":  # as if band_id 8 were B9, and 9 were B8A
        edit_product_xml(product, 'bandId="8" physicalBand="B8A"', 'bandId="8" physicalBand="B9"')
        edit_product_xml(product, 'bandId="9" physicalBand="B9"', 'bandId="9" physicalBand="B8A"')
    else:
        edit_product_xml(product, "Spectral_Information", "Something_Else")
    assert [band for band, offset in parse(product).offsets("L1C").items() if offset == -700] == [
        "B09" if order == "Spectral_Information" else "B8A"
    ]


@pytest.mark.parametrize("satellite", ["S2A", "S2B", "S2C", "S2D"])
def test_satellites(tmp_path: Path, satellite: str) -> None:
    assert parse(write_safe(tmp_path, satellite=satellite, pixels={})).satellite() == satellite


def test_special_values(product: Path) -> None:
    edit_product_xml(product, ">65535<", ">32767<")
    metadata = parse(product)
    assert metadata.special_value("SATURATED", 65535) == 32767
    assert metadata.special_value("NODATA", 5) == 0
    assert metadata.special_value("CLOUD", 5) == 5


@pytest.mark.parametrize("tag", ["BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"])
def test_quantification(tmp_path: Path, tag: str) -> None:
    product = write_safe(tmp_path, level="L2A", pixels={})
    edit_product_xml(product, "BOA_QUANTIFICATION_VALUE", tag)
    edit_product_xml(product, ">10000</", ">1000</")
    assert parse(product).quantification("L2A") == 1000


def test_granules_of_the_old_format(tmp_path: Path) -> None:
    metadata = parse(write_safe(tmp_path, old_tiles=("T53HMA", "T53HLA"), pixels={}))
    assert [(tile, tile in granule) for granule, tile in metadata.granules().items()] == [
        ("T53HMA", True),
        ("T53HLA", True),
    ]


def test_name_from_the_xml_cannot_leave_a_folder(product: Path) -> None:
    assert parse(product).product_name() == product.stem
    edit_product_xml(product, f"<PRODUCT_URI>{product.name}", "<PRODUCT_URI>../../evil.SAFE")
    assert parse(product).product_name() == ""


@pytest.mark.parametrize("content", [b"", b"<n1:Level-1C", b"\0\1\2", b'<?xml version="1.0" encoding="nonsense"?><a/>'])
def test_unreadable_xml(product: Path, content: bytes) -> None:
    (product / "MTD_MSIL1C.xml").write_bytes(content)
    with pytest.raises(ProductError, match=r"MTD_MSIL1C\.xml of .* is no readable XML .*download it again"):
        parse(product)


def test_xml_that_expands_without_end(product: Path) -> None:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    (product / "MTD_MSIL1C.xml").write_text(f'<!DOCTYPE a [<!ENTITY e0 "0123456789">{entities}]><a>&e9;</a>')
    with pytest.raises(ProductError, match="is no readable XML"):
        parse(product)


@pytest.mark.parametrize(
    ("old", "new", "question", "message"),
    [
        ("PROCESSING_LEVEL", "LEVEL", Metadata.level, "has no PROCESSING_LEVEL; the product is damaged"),
        (
            ">Level-1C<",
            ">Level-1B<",
            Metadata.level,
            "has PROCESSING_LEVEL 'Level-1B'; expected Level-1C or Level-2A",
        ),
        (
            "PROCESSING_BASELINE",
            "BASELINE",
            lambda metadata: metadata.text("PROCESSING_BASELINE"),
            "has no PROCESSING_BASELINE",
        ),
        (
            "SPACECRAFT_NAME>Sentinel-2A",
            "SPACECRAFT_NAME>Landsat-8",
            Metadata.satellite,
            "SPACECRAFT_NAME 'Landsat-8'; expected Sentinel",
        ),
        ("granuleIdentifier", "identifier", Metadata.granules, "lists no granule"),
        (
            ">10000</",
            ">ten</",
            lambda metadata: metadata.quantification("L1C"),
            "has QUANTIFICATION_VALUE 'ten', not a number",
        ),
        (
            ">10000</",
            ">0</",
            lambda metadata: metadata.quantification("L1C"),
            "has QUANTIFICATION_VALUE 0; expected a positive number",
        ),
        (
            ">10000</",
            ">nan</",
            lambda metadata: metadata.quantification("L1C"),
            "has QUANTIFICATION_VALUE 'nan', not a number",
        ),
        (
            'band_id="3">-1000<',
            'band_id="3"><',
            lambda metadata: metadata.offsets("L1C"),
            "has RADIO_ADD_OFFSET None, not a number",
        ),
        (
            'band_id="3"',
            'band_id="33"',
            lambda metadata: metadata.offsets("L1C"),
            "has no RADIO_ADD_OFFSET for B04",
        ),
        (
            'physicalBand="B4"',
            'physicalBand="B99"',
            lambda metadata: metadata.offsets("L1C"),
            "Spectral_Information: unknown Sentinel-2 band 'B99'",
        ),
        (
            ">65535<",
            ">65536<",
            lambda metadata: metadata.special_value("SATURATED", 0),
            "has SPECIAL_VALUE_INDEX 65536; expected 0 to 65535",
        ),
    ],
)
def test_damaged_metadata(product: Path, old: str, new: str, question: Callable, message: str) -> None:
    edit_product_xml(product, old, new)
    with pytest.raises(ProductError, match=rf"MTD_MSIL1C\.xml of .*{message}"):
        question(parse(product))


def test_damaged_xml_in_a_zip(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, pixels={}, zipped=True)
    with zipfile.ZipFile(archive) as content:
        info = next(info for info in content.infolist() if info.filename.endswith(".xml"))
    damaged = bytearray(archive.read_bytes())
    damaged[info.header_offset + 200 : info.header_offset + 300] = bytes(100)
    archive.write_bytes(damaged)
    with pytest.raises(ProductError, match="cannot be read"):
        parse(archive)


def test_encrypted_zip(tmp_path: Path) -> None:
    archive = write_safe(tmp_path, pixels={}, zipped=True)
    content = archive.read_bytes()
    # The lowest bit of the flags in both headers of a member says that it is encrypted.
    content = content.replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1").replace(
        b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"
    )
    archive.write_bytes(content)
    with pytest.raises(ProductError, match="is encrypted; unpack it with its password"):
        parse(archive)
