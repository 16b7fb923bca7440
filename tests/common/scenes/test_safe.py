"""SAFE products as scenes: every way to give a product, both formats, native bands, and real products."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import ProductError, ProductNotFoundError
from common.pixels.passbands import PASSBANDS, Passband
from common.pixels.sentinel2 import BANDS
from common.scenes.safe import read_product
from tests.support.fake_layouts import add_datastrip, tar_product, zip_product
from tests.support.fake_safe import L2A_BANDS, edit_product_xml, write_safe


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


def test_radiometry_comes_from_the_xml(tmp_path: Path) -> None:
    product = write_safe(tmp_path, level="L2A", baseline="05.09", satellite="S2C", size=12)
    edit_product_xml(product, ">10000</BOA_", ">1000</BOA_")
    edit_product_xml(product, ">65535<", ">32767<")
    edit_product_xml(product, 'band_id="3">-1000<', 'band_id="3">-900<')
    (scene,) = read_product(product)
    assert (scene.level, scene.satellite, scene.baseline) == ("L2A", "S2C", "05.09")
    assert (scene.quantification, scene.nodata, scene.saturated) == (1000, 0, 32767)
    assert scene.offsets == dict.fromkeys(L2A_BANDS, -1000.0) | {"B04": -900.0}


@pytest.mark.parametrize("satellite", ["S2A", "S2B", "S2C"])
def test_wavelengths_come_from_the_xml(tmp_path: Path, satellite: str) -> None:
    product = write_safe(tmp_path, satellite=satellite, size=12)
    known = PASSBANDS[satellite]
    edit_product_xml(product, f">{known['B05'].wavelength_nm}</CENTRAL>", ">701.5</CENTRAL>")
    edit_product_xml(product, f">{known['B06'].wavelength_nm}</CENTRAL>", ">0.74</CENTRAL>")
    (scene,) = read_product(product)
    expected = known | {"B05": Passband(701.5, known["B05"].fwhm_nm)}
    assert scene.passbands == {band: passband for band, passband in expected.items() if band != "B06"}
    assert {band: scene.passband(band) for band in BANDS} == expected


def test_xml_without_wavelengths(tmp_path: Path) -> None:
    product = write_safe(tmp_path, satellite="S2B", size=12)
    edit_product_xml(product, "Spectral_Information", "Something_Else")
    (scene,) = read_product(product)
    assert scene.passbands == {}
    assert scene.passband("B12") == PASSBANDS["S2B"]["B12"]


@pytest.mark.parametrize("baseline", ["05.09", "05.10", "05.11", "05.12", "99.33", "99.99"])
@pytest.mark.parametrize("satellite", ["S2A", "S2D"])
def test_baselines_of_today_and_of_processors_that_people_run(tmp_path: Path, baseline: str, satellite: str) -> None:
    (scene,) = read_product(write_safe(tmp_path, baseline=baseline, satellite=satellite, offset=-1000, size=12))
    assert (scene.baseline, scene.satellite, set(scene.offsets.values())) == (baseline, satellite, {-1000.0})


@pytest.mark.parametrize("tag", ["PROCESSING_BASELINE", "granuleIdentifier", "QUANTIFICATION_VALUE", "SPACECRAFT_NAME"])
def test_missing_metadata(tmp_path: Path, tag: str) -> None:
    product = write_safe(tmp_path, size=12)
    edit_product_xml(product, tag, "Something_Else")
    with pytest.raises(ProductError, match=r"MTD_MSIL1C\.xml of .* (has no|lists no) .*the product is damaged"):
        read_product(product)


def test_l2a_reads_each_band_at_its_native_gsd(tmp_path: Path) -> None:
    (scene,) = read_product(write_safe(tmp_path, level="L2A", size=24, resampled=True))
    assert set(scene.band_paths) == set(L2A_BANDS)
    for band, path in scene.band_paths.items():
        assert path.endswith(f"_{band}_{BANDS[band].gsd}m.jp2")


@pytest.mark.parametrize("zipped", [False, True])
def test_the_scene_classification_of_l2a(tmp_path: Path, zipped: bool) -> None:
    classes = np.zeros((12, 12), np.uint8)
    (scene,) = read_product(write_safe(tmp_path, level="L2A", size=24, classification=classes, zipped=zipped))
    assert scene.classification_path.startswith("/vsizip/") == zipped
    assert scene.classification_path.endswith("/IMG_DATA/R20m/T32TNS_20200701T101031_SCL_20m.jp2")
    assert set(scene.band_paths) == set(L2A_BANDS)


@pytest.mark.parametrize(
    ("name", "is_found"),
    [
        ("R20m/L2A_T32TNS_20170613T101031_SCL_20m.jp2", True),
        ("S2A_USER_SCL_L2A_TL_SGS__20160905T104010_A006291_T32TNS_20m.jp2", True),
        ("R60m/T32TNS_20200701T101031_SCL_60m.jp2", False),
        ("R20m/T32TNS_20200701T101031_WVP_20m.jp2", False),
    ],
)
def test_names_of_the_scene_classification(tmp_path: Path, name: str, is_found: bool) -> None:
    product = write_safe(tmp_path, level="L2A", size=24)
    path = product / "GRANULE" / "L2A_T32TNS_A006291_20200701T101031" / "IMG_DATA" / name
    path.touch()
    (scene,) = read_product(product)
    assert scene.classification_path == (str(path) if is_found else "")


def test_old_format_has_one_scene_a_granule(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HMA", "T53HLA"), baseline="02.04", size=12)
    scenes = read_product(product)
    assert [scene.tile for scene in scenes] == ["T53HLA", "T53HMA"]
    assert [scene.name for scene in scenes] == [f"{product.stem}_T53HLA", f"{product.stem}_T53HMA"]
    for scene in scenes:
        assert all(f"{scene.tile}_{band}.jp2" in path for band, path in scene.band_paths.items())


def test_xml_granule_and_relative_path_give_the_same_scene(fake_product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scene,) = read_product(fake_product)
    granule = next(fake_product.glob("GRANULE/*"))
    monkeypatch.chdir(granule)
    for path in (fake_product / "MTD_MSIL1C.xml", granule, ".", "../.."):
        (other,) = read_product(path)
        assert (other.name, other.offsets, set(other.band_paths)) == (scene.name, scene.offsets, set(scene.band_paths))


def test_granule_folder_picks_its_tile(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA", "T53HMA"), size=12)
    (scene,) = read_product(next(product.glob("GRANULE/*T53HMA*")))
    assert scene.tile == "T53HMA"


def test_renamed_folder_keeps_the_products_own_name(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    assert read_product(product.rename(tmp_path / "renamed.SAFE"))[0].name == product.stem


def test_hidden_files_are_ignored(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    band = next(product.rglob("*_B02.jp2"))
    (band.parent / f"._{band.name}").write_bytes(b"resource fork of an Apple file system")
    assert read_product(product)[0].band_paths["B02"] == str(band)


def test_product_without_images_gives_a_scene_without_bands(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    shutil.rmtree(product / "GRANULE")
    assert read_product(product)[0].band_paths == {}


def test_missing_product(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match=r"none\.SAFE does not exist; give a \.SAFE folder"):
        read_product(tmp_path / "none.SAFE")


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


@pytest.mark.parametrize(
    "names", ["{tile}_{time}_{band}.jp2", "{band}.jp2", "{tile}~{band}.JP2", "x-{lower}_{gsd}m.jp2"]
)
@pytest.mark.parametrize("folder", ["L1C", "L1C_T3~1"])
def test_renamed_granule_and_images(tmp_path: Path, folder: str, names: str) -> None:
    product = write_safe(tmp_path, size=12)
    granule = next(product.glob("GRANULE/*")).rename(product / "GRANULE" / folder)
    for image in granule.rglob("*.jp2"):
        tile, time, band = image.stem.split("_")
        gsd = BANDS[band].gsd
        image.rename(image.with_name(names.format(tile=tile, time=time, band=band, lower=band.lower(), gsd=gsd)))
    for path in (product, granule):
        (scene,) = read_product(path)
        assert (scene.tile, scene.path) == ("T32TNS", product)
        assert {band for band, image in scene.band_paths.items() if band.lower() in Path(image).name.lower()} == set(
            BANDS
        )


def test_images_without_the_names_of_bands(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    for number, image in enumerate(sorted(product.rglob("*.jp2"))):
        image.rename(image.with_name(f"T32TN~{number}.JP2"))
    with pytest.raises(
        ProductError, match=r"images whose names hold no band, such as T32TN~0\.JP2; expected .*B02\.jp2"
    ):
        read_product(product)


def test_renamed_granules_are_known_by_the_names_of_their_images(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA", "T53HMA"), size=12)
    for number, folder in enumerate(sorted(product.glob("GRANULE/*"))):
        folder.rename(folder.with_name(str(number)))
    for scene in read_product(product):
        assert len([path for path in scene.band_paths.values() if scene.tile in Path(path).name]) == 13


def test_images_of_another_tile_are_not_taken(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    granule = next(product.glob("GRANULE/*"))
    granule.rename(granule.with_name("L1C_T33UUB_A006291_20200701T101031"))
    assert read_product(product)[0].band_paths == {}


def test_two_folders_of_one_granule(tmp_path: Path) -> None:
    product = write_safe(tmp_path, size=12)
    granule = next(product.glob("GRANULE/*"))
    copy = shutil.copytree(granule, granule.with_name("L1C_T32TNS_A009999_20200711T101031"))
    with pytest.raises(ProductError, match=r"holds 2 granule folders of T32TNS \(.*A006291.*, .*A009999.*\); give one"):
        read_product(product)
    assert Path(read_product(copy)[0].band_paths["B02"]).is_relative_to(copy)


def test_one_tile_of_two_datastrips(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA",), size=12)
    add_datastrip(product)
    scenes = read_product(product)
    times = ["20200701T101031", "20200701T120000"]
    assert [scene.name for scene in scenes] == [f"{product.stem}_T53HLA_{time}" for time in times]
    for path in (product, zip_product(product, tmp_path / "a.zip"), tar_product(product, tmp_path / "a.tar")):
        for scene, time in zip(read_product(path), times, strict=True):
            assert (scene.tile, len(scene.band_paths)) == ("T53HLA", 13)
            assert time in scene.granule
    for granule in product.glob("GRANULE/*"):
        (scene,) = read_product(granule)
        assert scene.granule == granule.name
        assert scene in scenes


def test_two_datastrips_of_one_time(tmp_path: Path) -> None:
    product = write_safe(tmp_path, old_tiles=("T53HLA",), size=12)
    add_datastrip(product)
    edit_product_xml(product, "SGS__20200701T120000", "EPA__20200701T101031")
    names = [scene.name for scene in read_product(product)]
    assert len(set(names)) == 2
    assert all("_T53HLA_N02.05" in name for name in names)


def test_all_products_of_an_archive(tmp_path: Path) -> None:
    for tile in ("T33UUB", "T32TNS"):
        write_safe(tmp_path / "all", tile=tile, size=12)
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", tmp_path / "all")
    scenes = read_product(archive)
    assert [scene.tile for scene in scenes] == ["T32TNS", "T33UUB"]
    assert all(scene.name in path for scene in scenes for path in scene.band_paths.values())


# The content of the XML of each real product, read by eye. Offsets are the same for all bands of a product.
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


@pytest.mark.real_data
def test_real_wavelengths(real_data: Path) -> None:
    """All real XML agree with the table of their satellite, the oldest in all bands but B01, B02 and B08."""
    xml_files = [path for path in real_data.glob("*/**/*MTD_*.xml") if re.search("MTD_(MSI|SAF)L", path.name)]
    products = [path for path in xml_files if path.stat().st_size] + list(real_data.glob("safe_metadata/*/*.zip"))
    assert len(products) >= 11
    for product in products:
        scene = read_product(product)[0]
        assert set(scene.passbands) == set(BANDS)
        for band, known in PASSBANDS[scene.satellite].items():
            if scene.baseline >= "02.06":
                assert scene.passbands[band] == known
            elif band not in ("B01", "B02", "B08"):
                assert scene.passbands[band] == pytest.approx(known, abs=0.4)
        if scene.baseline < "02.06":
            assert scene.passband("B02") == Passband(496.6, 64.3)
            assert scene.passband("B08") == Passband(835.1, 104.8)
