"""The plan of a prediction: regions, names of output files, and inputs that cannot be overwritten."""

import dataclasses
from pathlib import Path

import pytest

from common.errors import OutputError, ProductError, SettingError
from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.scenes.scene import Mask, Scene
from common.scenes.tile_list import open_scene
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.prediction import plan
from superres.prediction.options import PredictionOptions
from superres.prediction.plan import (
    Job,
    check_bands,
    check_job,
    check_output_is_no_input,
    check_size,
    names_of_others,
    output_files,
    prepare_job,
    prepare_prediction,
)
from superres.prediction.result import needed_networks
from tests.support.fake_stac import write_item


@pytest.fixture(scope="module")
def scene(fake_product: Path) -> Scene:
    return open_scene(fake_product)


def options_with(**changes: object) -> PredictionOptions:
    return PredictionOptions(("scene",), WeightsOptions(("weights",)), Path("out.tif"), **changes)


def trained_network(file: Path, gsd: int = 20) -> TrainedNetwork:
    return TrainedNetwork(str(file), file, "dsen2", gsd, "")


def test_one_scene_goes_to_the_file_or_into_the_folder(scene, tmp_path):
    assert output_files([scene], tmp_path / "out.tif") == [tmp_path / "out.tif"]
    assert output_files([scene], tmp_path) == [tmp_path / f"{scene.name}.tif"]


def test_several_scenes_need_a_folder_and_different_names(scene, tmp_path):
    with pytest.raises(SettingError, match=r"out.tif is not a folder; give an existing folder for 2 scenes\.$"):
        output_files([scene, scene], tmp_path / "out.tif")
    with pytest.raises(SettingError, match=f"two scenes have the name {scene.name}; give each scene once"):
        output_files([scene, scene], tmp_path)


def test_a_scene_of_another_task_has_another_name(scene, tmp_path):
    """A scene that cannot be opened is an error of its own task alone."""
    assert names_of_others([str(scene.path), str(tmp_path / "missing.SAFE")]) == [scene.name]
    with pytest.raises(SettingError, match=f"two scenes have the name {scene.name}; give each scene once"):
        output_files([scene], tmp_path, [scene.name])


def test_outputs_replace_no_input(scene, tmp_path):
    weights = tmp_path / "20.tif"
    check_output_is_no_input(tmp_path / "out.tif", scene, [weights])
    check_output_is_no_input(scene.path.parent / "out.tif", scene, [weights])
    (tmp_path / "link").symlink_to(scene.path)
    for output in (weights, scene.path, scene.path / "out.tif", tmp_path / "link" / "out.tif"):
        with pytest.raises(
            SettingError, match="is an input, or lies in the folder of the product; give another --output"
        ):
            check_output_is_no_input(output, scene, [weights])


def test_outputs_replace_no_mask(scene, tmp_path):
    masked = dataclasses.replace(scene, mask=Mask(str(tmp_path / "mask.tif"), 10))
    with pytest.raises(SettingError, match="is an input"):
        check_output_is_no_input(tmp_path / "mask.tif", masked)
    check_output_is_no_input(tmp_path / "out.tif", masked)
    masked = dataclasses.replace(scene, mask=Mask(str(tmp_path / "out.png"), 10))
    with pytest.raises(SettingError, match=r"out\.png is an input"):
        prepare_job(masked, tmp_path / "out.tif", options_with(overwrite=True, quicklook=True))


def test_the_folder_of_an_xml_is_that_of_the_product(fake_product):
    scene = open_scene(fake_product / "MTD_MSIL1C.xml")
    with pytest.raises(SettingError, match="is an input, or lies in the folder of the product"):
        check_output_is_no_input(fake_product / "out.tif", scene)


def test_all_bands_of_the_network_are_needed(scene):
    check_bands(scene, 60)
    without_60m = Scene(**{**vars(scene), "band_paths": {b: p for b, p in scene.band_paths.items() if b != "B09"}})
    check_bands(without_60m, 20)
    with pytest.raises(ProductError, match="has no B09; the 60 m bands are B01, B09"):
        check_bands(without_60m, 60)


@pytest.mark.parametrize(("gsd", "least"), [(20, 4), (60, 12)])
def test_a_scene_has_two_rows_and_columns_of_the_coarsest_band(scene, gsd, least):
    geotransform = (0, 10, 0, 0, 0, -10)
    check_size(scene, GeoReference("", geotransform, least, least), gsd)
    message = f"has {least} x {least - 1} px of 10 m; to sharpen {gsd} m bands, expected at least {least} x {least}"
    with pytest.raises(ProductError, match=message):
        check_size(scene, GeoReference("", geotransform, least, least - 1), gsd)


def test_a_job_holds_scene_region_and_files(scene, tmp_path):
    options = options_with(roi_pixels="12,30,52,90", quicklook=True)
    job = prepare_job(scene, tmp_path / "out.tiff", options)
    assert (job.scene, job.region, job.output) == (scene, Window(30, 12, 60, 40), tmp_path / "out.tiff")
    assert job.quicklook == tmp_path / "out.png"


def test_a_job_checks_its_files(scene, tmp_path):
    with pytest.raises(SettingError, match=r"out.png must end with .tif or .tiff, or be an existing folder"):
        prepare_job(scene, tmp_path / "out.png", options_with())
    (tmp_path / "old.png").touch()
    prepare_job(scene, tmp_path / "old.tif", options_with())
    with pytest.raises(OutputError, match=r"old.png exists"):
        prepare_job(scene, tmp_path / "old.tif", options_with(quicklook=True))


def test_a_job_is_checked_for_its_networks(scene, tmp_path, monkeypatch):
    networks = {60: trained_network(tmp_path / "60.tif", 60)}
    check_job(Job(scene, Window(0, 0, 6, 6), tmp_path / "out.tif"), networks, BANDS_60M, options_with())
    with pytest.raises(
        SettingError, match=f"region of {scene.name} is 6 x 5 px .* 60 m bands, expected at least 6 x 6"
    ):
        check_job(Job(scene, Window(0, 0, 6, 5), tmp_path / "out.tif"), networks, BANDS_60M, options_with())
    with pytest.raises(SettingError, match=r"60\.tif is an input"):
        check_job(Job(scene, Window(0, 0, 6, 6), tmp_path / "60.tif"), networks, BANDS_60M, options_with())
    sizes = {}
    monkeypatch.setattr(plan, "check_space", lambda path, pixel_bytes: sizes.update({path.name: pixel_bytes}))
    options = options_with(uncertainty=(tmp_path / "uncertainty.json",), stac=True, quicklook=True)
    check_job(Job(scene, Window(0, 0, 6, 10), tmp_path / "out.tif"), networks, ("B02", *BANDS_60M), options)
    assert sizes == {"out.tif": 360, "out-uncertainty.tif": 240, "out.json": 0, "out.png": 0}


@pytest.mark.parametrize("window_px", [0, -6, 5, 100])
def test_windows_are_multiples_of_a_60m_pixel(window_px):
    with pytest.raises(SettingError, match=f"--window must be a multiple of 6, .*; got {window_px}"):
        prepare_prediction(options_with(window_px=window_px))


@pytest.mark.parametrize(
    "bands, gsds",
    [
        (("B05", "B11"), [20]),
        (("B02", "B01"), [60]),
        (("B01", "B02", "B05"), [20, 60]),
        ((*BANDS_20M, *BANDS_60M), [20, 60]),
    ],
)
def test_only_the_networks_of_the_chosen_bands_are_needed(bands, gsds):
    networks = {gsd: trained_network(Path("w.h5"), gsd) for gsd in (20, 60)}
    assert needed_networks(bands, networks) == {gsd: networks[gsd] for gsd in gsds}


@pytest.mark.parametrize(
    "bands, message",
    [
        (("B05", "B11", "B05"), r"--bands names B05 twice; name each band once\."),
        (
            ("B05", "B01"),
            r"--bands B01: it has 60 m pixels, and there are no weights for 60 m; give them with --weights",
        ),
        (("B02", "B03"), r"--bands B02 B03 has only 10 m bands, which are copied; name a 20 m or 60 m band, too\."),
    ],
)
def test_bands_that_cannot_be_written(bands, message):
    with pytest.raises(SettingError, match=message):
        needed_networks(bands, {20: trained_network(Path("w.h5"))})


def test_only_files_beside_a_finished_result_are_replaced(scene, tmp_path):
    (tmp_path / "out.png").touch()
    with pytest.raises(
        OutputError, match=r"out\.png exists; replace it with --overwrite, keep it with --skip-existing"
    ):
        prepare_job(scene, tmp_path / "out.tif", options_with(skip_existing=True, quicklook=True))


def test_existing_files_are_skipped_or_replaced_but_not_both():
    with pytest.raises(SettingError, match="--skip-existing keeps results that --overwrite replaces; give one of them"):
        prepare_prediction(options_with(skip_existing=True, overwrite=True))


def test_an_item_beside_the_result_is_told_unless_it_is_the_scene(tmp_path, caplog):
    item = write_item(tmp_path, size=60)
    output = item.with_suffix(".tif")
    output.touch()
    options = options_with(overwrite=True)
    prepare_job(open_scene(item), output, options)
    assert not [message for message in caplog.messages if "stays and describes" in message]
    other = write_item(tmp_path / "other", size=60)
    prepare_job(open_scene(other), output, options)
    assert f"{item} stays and describes the result that is replaced; replace it too with --stac" in caplog.messages
