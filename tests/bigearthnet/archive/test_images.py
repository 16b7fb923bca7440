"""All images of a patch: the right band in the right place, native or brought to 10 m; damaged patches are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from bigearthnet.archive.groups import GROUP_BANDS, S2_GROUPS, group_shapes
from bigearthnet.archive.images import PatchFolders, find_superres_groups, read_images
from common.errors import ProductError, ProductNotFoundError
from tests.support.fake_safe import expected_dn, write_patch_folder, write_s1_patch

S1 = "S1A_IW_GRDH_1SDV_20180415T160451_35VLG_90_7"
FINE_BANDS = [*GROUP_BANDS["s2_20m"], *GROUP_BANDS["s2_60m"]]


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> PatchFolders:
    """A patch with its partner. Do not change it."""
    folder = tmp_path_factory.mktemp("patch")
    s2 = write_patch_folder(folder)
    return PatchFolders(s2.name, str(s2), str(write_s1_patch(folder, S1, s2.name)))


@pytest.fixture
def copied(patch: PatchFolders, tmp_path: Path) -> PatchFolders:
    """A copy of the patch to damage."""
    folders = [shutil.copytree(folder, tmp_path / Path(folder).name) for folder in (patch.s2, patch.s1)]
    return PatchFolders(patch.name, *map(str, folders))


def write_superres(path: Path, bands: list[str], size: int = 120, kind: int = gdal.GDT_UInt16) -> str:
    """A GeoTIFF whose band i has DN 1000 i + column everywhere."""
    target = gdal.GetDriverByName("GTiff").Create(str(path), size, size, len(bands), kind, ["COMPRESS=DEFLATE"])
    for index, band in enumerate(bands):
        target.GetRasterBand(index + 1).SetDescription(band)
        target.GetRasterBand(index + 1).WriteArray(np.full((size, size), 1000 * index) + np.arange(size))
    return str(path)


def test_native_bands(patch: PatchFolders) -> None:
    images = read_images(PatchFolders(patch.name, patch.s2))
    assert {group: image.shape for group, image in images.items()} == group_shapes(False)
    for group, image in images.items():
        side = image.shape[0]
        assert image.dtype == np.uint16
        for index, band in enumerate(GROUP_BANDS[group]):
            np.testing.assert_array_equal(image[..., index], expected_dn(band, side, side))


def test_sentinel_1(patch: PatchFolders) -> None:
    images = read_images(patch)
    assert set(images) == {*S2_GROUPS, "s1"}
    assert (images["s1"].shape, images["s1"].dtype) == ((120, 120, 2), np.float32)
    for index, band in enumerate(("VV", "VH")):
        truth = gdal.Open(f"{patch.s1}/{S1}_{band}.tif").ReadAsArray()
        np.testing.assert_array_equal(images["s1"][..., index], truth)


def test_bands_at_10_m_replace_the_native_ones(patch: PatchFolders, tmp_path: Path) -> None:
    bands = ["B01 extra words", *FINE_BANDS[:-2], "B09"]  # another order than that of the groups
    path = write_superres(tmp_path / "fine.tif", bands)
    groups = find_superres_groups(path)
    assert groups == ("s2_20m", "s2_60m")
    images = read_images(PatchFolders(patch.name, patch.s2, superres=path), groups)
    assert {group: image.shape for group, image in images.items()} == group_shapes(False, groups)
    assert images["s2_20m"][0, 0].tolist() == [1000, 2000, 3000, 4000, 5000, 6000]
    assert images["s2_60m"][7, 5].tolist() == [5, 7005]
    np.testing.assert_array_equal(images["s2_10m"][..., 3], expected_dn("B08", 120, 120))


def test_groups_that_are_not_asked_for_stay_native(patch: PatchFolders, tmp_path: Path) -> None:
    path = write_superres(tmp_path / "fine.tif", FINE_BANDS)
    images = read_images(PatchFolders(patch.name, patch.s2, superres=path), ("s2_60m",))
    assert images["s2_60m"].shape == (120, 120, 2)
    np.testing.assert_array_equal(images["s2_20m"][..., 0], expected_dn("B05", 60, 60))


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (["B05", "B06"], "holds B05, B06 without the other bands of their GSD; run superres-predict for all of them"),
        (["B09"], "holds B09 without the other bands"),
        (["red", ""], "holds no 20 m or 60 m bands named B01 to B12 in its band descriptions, but red; give"),
        ([""], "in its band descriptions, but none; give results of superres-predict"),
        (list(GROUP_BANDS["s2_10m"]), "holds no 20 m or 60 m bands named B01 to B12"),
    ],
)
def test_geotiffs_without_whole_groups_are_refused(tmp_path: Path, bands: list[str], message: str) -> None:
    with pytest.raises(ProductError, match=message):
        find_superres_groups(write_superres(tmp_path / "fine.tif", bands))


@pytest.mark.parametrize(
    ("size", "kind", "found"),
    [(60, gdal.GDT_UInt16, "60 x 60 px of uint16"), (120, gdal.GDT_Float32, "120 x 120 px of float32")],
)
def test_geotiffs_of_another_size_or_type_are_refused(tmp_path: Path, size: int, kind: int, found: str) -> None:
    path = write_superres(tmp_path / "fine.tif", FINE_BANDS, size, kind)
    with pytest.raises(ProductError, match=f"fine.tif must have 120 x 120 px of uint16; got {found}; run superres-pr"):
        find_superres_groups(path)


def test_a_geotiff_that_lacks_bands_is_refused(patch: PatchFolders, tmp_path: Path) -> None:
    path = write_superres(tmp_path / "fine.tif", list(GROUP_BANDS["s2_20m"]))
    with pytest.raises(ProductError, match=r"fine.tif lacks B01, B09, it holds B05, B06, .*; run superres-predict"):
        read_images(PatchFolders(patch.name, patch.s2, superres=path), ("s2_20m", "s2_60m"))


def test_a_missing_geotiff_is_refused(patch: PatchFolders, tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"none.tif does not exist"):
        read_images(PatchFolders(patch.name, patch.s2, superres=str(tmp_path / "none.tif")), ("s2_20m",))


def test_a_missing_band_is_named(copied: PatchFolders) -> None:
    Path(copied.s2, f"{copied.name}_B8A.tif").unlink()
    with pytest.raises(ProductNotFoundError, match=rf"{copied.name}_B8A.tif is missing; unpack the archive again"):
        read_images(copied)


def test_a_band_of_another_gsd_is_refused(copied: PatchFolders) -> None:
    shutil.copy(f"{copied.s2}/{copied.name}_B05.tif", f"{copied.s2}/{copied.name}_B03.tif")
    with pytest.raises(ProductError, match=r"_B03.tif must have 120 x 120 px of uint16; got 60 x 60 px of uint16"):
        read_images(copied)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_sentinel_1_that_is_not_finite_is_refused(copied: PatchFolders, value: float) -> None:
    dataset = gdal.Open(f"{copied.s1}/{S1}_VH.tif", gdal.GA_Update)
    dataset.GetRasterBand(1).WriteArray(np.array([[value]], np.float32), 119, 119)
    del dataset
    with pytest.raises(ProductError, match=rf"{S1} holds values that are not finite; leave the patch out"):
        read_images(copied)
