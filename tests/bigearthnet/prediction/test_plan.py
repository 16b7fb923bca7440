"""The checks before a prediction: patches or a scene, and whether the network can predict them."""

import logging
from pathlib import Path

import pytest

from bigearthnet.prediction.options import PredictionOptions
from bigearthnet.prediction.plan import PredictionPlan, check_scene, prepare_prediction
from common.errors import ProductError, ProductNotFoundError, RunFolderError, SettingError
from common.scenes.tile_list import open_scene
from tests.support.fake_eopf import write_eopf
from tests.support.fake_layouts import tar_product, zip_product
from tests.support.fake_safe import write_patch_folder, write_safe
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny")


def plan(folder: Path, source: Path, bands: str = "s2", batch_size: int = 64, **run: object) -> PredictionPlan:
    write_classifier(folder / "run", bands, **run)
    return prepare_prediction(PredictionOptions(source, folder / "run", folder / "out", batch_size=batch_size))


def test_patch_folders(tmp_path: Path) -> None:
    patch = write_patch_folder(tmp_path / "S2")
    for source in (patch, tmp_path / "S2"):
        planned = plan(tmp_path, source)
        assert [folder.name for folder in planned.patches] == [patch.name]
        assert planned.scene is planned.grid is None


def test_scene_by_folder_or_xml(tmp_path: Path) -> None:
    product = write_safe(tmp_path, level="L2A")
    renamed = product.rename(tmp_path / "product")
    for source in (renamed, next(renamed.glob("MTD_*.xml"))):
        planned = plan(tmp_path, source)
        assert (planned.grid.rows, planned.grid.cols, planned.patches) == (2, 2, ())
        assert planned.scene.level == "L2A"


def test_every_form_of_a_product(tmp_path: Path) -> None:
    """The forms that superres opens; one function opens them for both applications."""
    product = write_safe(tmp_path / "download", level="L2A")
    granule = next(product.glob("GRANULE/*"))
    (granule / "MTD_TL.xml").write_text("<a/>")
    archives = (zip_product(product, tmp_path / "a.zip", "a\\b\\", "\\"), tar_product(product, tmp_path / "a.tar"))
    forms = (tmp_path / "download", granule, granule / "MTD_TL.xml", *archives, Path(f"{archives[0]}:T32TNS"))
    write_classifier(tmp_path / "run", "s2")
    for source in forms:
        planned = prepare_prediction(PredictionOptions(source, tmp_path / "run", tmp_path / "out"))
        assert (planned.grid.rows, planned.grid.cols, planned.scene.name) == (2, 2, product.stem)


def test_eopf_product_is_no_folder_of_patches(tmp_path: Path) -> None:
    write_eopf(tmp_path / "a")
    write_eopf(tmp_path / "b").rename(tmp_path / "product")
    for source in (next((tmp_path / "a").iterdir()), tmp_path / "product"):
        planned = plan(tmp_path, source)
        assert (planned.grid.rows, planned.grid.cols, planned.patches) == (2, 2, ())


def test_a_file_as_the_folder_of_partners(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=r"--s1-root \S+/file is a file; give a folder that exists"):
        prepare_prediction(PredictionOptions(tmp_path, tmp_path, tmp_path / "out", s1_root=tmp_path / "file"))


def test_batch_size_below_one(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"--batch-size must be above 0; got 0\."):
        plan(tmp_path, tmp_path, batch_size=0)


def test_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match=r"none does not exist"):
        plan(tmp_path, tmp_path / "none")


def test_network_of_bands_brought_to_10_m(tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match=r"brought to 10 m beforehand \(s2_60m 120 x 120 x 2\); give a run trained"
    ):
        plan(tmp_path, write_patch_folder(tmp_path), superres=["s2_60m"])


def test_scene_smaller_than_a_square(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="less than a square of 120 px"):
        plan(tmp_path, write_safe(tmp_path, level="L2A", size=114))


def test_scene_has_no_sentinel_1(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"trained with --bands s1, and S2A_\S+ holds no Sentinel-1; give a run of"):
        plan(tmp_path, write_safe(tmp_path, level="L2A"), "s1")


@pytest.mark.parametrize("level, warns", [("L1C", True), ("L2A", False)])
def test_top_of_atmosphere_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, level: str, warns: bool
) -> None:
    scene = open_scene(write_safe(tmp_path, level=level))
    with caplog.at_level(logging.WARNING):
        check_scene(scene, write_classifier(tmp_path / "run", "rgb"))
    assert (f"{scene.name} is {level}, top of atmosphere" in caplog.text) == warns
    assert ("give the L2A product of the same acquisition" in caplog.text) == warns
