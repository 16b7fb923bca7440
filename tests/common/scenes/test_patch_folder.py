"""BigEarthNet patch folders: their metadata, the names of the real archive, and damaged folders."""

from pathlib import Path

import pytest

from common.errors import ProductError, ProductNotFoundError
from common.scenes.patch_folder import is_patch_folder, read_patch_folder
from tests.support.fake_safe import L2A_BANDS, write_patch_folder


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_patch_folder(tmp_path_factory.mktemp("patch"))


def test_metadata_of_a_patch(patch: Path) -> None:
    scene = read_patch_folder(patch)
    assert scene.name == patch.name
    assert (scene.level, scene.tile, scene.satellite, scene.baseline) == ("L2A", "", "S2A", "")
    assert scene.quantification == 10000
    assert scene.offsets == dict.fromkeys(L2A_BANDS, 0.0)
    assert scene.band_paths == {band: str(patch / f"{patch.name}_{band}.tif") for band in L2A_BANDS}


@pytest.mark.parametrize(
    ("name", "time", "tile"),
    [
        ("S2A_MSIL2A_20180413T95032_90_7", "2018-04-13T09:50:32Z", ""),
        ("S2B_MSIL2A_20170906T101020_74_19", "2017-09-06T10:10:20Z", ""),
        ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57", "2017-06-13T10:10:31Z", "T33UUP"),
    ],
)
def test_names_of_both_versions(tmp_path: Path, name: str, time: str, tile: str) -> None:
    scene = read_patch_folder(write_patch_folder(tmp_path, name))
    assert (scene.sensing_time, scene.tile, scene.satellite) == (time, tile, name[:3])


def test_patch_folders_are_recognized(patch: Path, fake_product: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_patch_folder(patch)
    assert not is_patch_folder(fake_product)
    assert not is_patch_folder(patch / "none")
    monkeypatch.chdir(patch)
    assert is_patch_folder(".")
    assert read_patch_folder(".").name == patch.name


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match="is no folder; give a BigEarthNet patch folder"):
        read_patch_folder(tmp_path / "S2A_MSIL2A_20180413T95032_90_7")


def test_missing_band(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path)
    for band in ("B02", "B8A"):
        (patch / f"{patch.name}_{band}.tif").unlink()
    assert is_patch_folder(patch)
    with pytest.raises(ProductNotFoundError, match=r"lacks \S+_B02\.tif, \S+_B8A\.tif; unpack"):
        read_patch_folder(patch)


def test_renamed_folder(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path).rename(tmp_path / "my_patch")
    with pytest.raises(ProductError, match="my_patch has no name of a BigEarthNet S2 patch"):
        read_patch_folder(patch)


@pytest.mark.real_data
def test_real_patches(real_data: Path) -> None:
    scenes = [read_patch_folder(path) for path in (real_data / "bigearthnet/BigEarthNet-S2").iterdir()]
    assert len(scenes) == 16
    times = {scene.sensing_time for scene in scenes}
    assert "2018-04-13T09:50:32Z" in times  # T95032 in the name
    assert all(len(time) == len("2018-04-13T09:50:32Z") for time in times)
