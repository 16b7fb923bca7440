"""The command `bigearthnet-predict` on runs that took a second."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from bigearthnet import predict
from bigearthnet.prediction.trained import read_trained
from common.rasters.grids import georeference
from common.runs import folder as run
from common.scenes.tile_list import open_scene
from tests.support.commands import check_fails
from tests.support.fake_safe import write_safe
from tests.support.made_patches import CLASSES

pytestmark = pytest.mark.usefixtures("tiny_classifier")


def test_help(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        predict.main(["--help"])
    assert stopped.value.code == 0
    example = capsys.readouterr().out.split("example:\n")[1]
    assert predict.build_parser().parse_args(example.split()[2:]).output  # a command line that parses


@pytest.mark.parametrize("bands", ["s2", "rgb"])
def test_map_of_a_product(tiny_runs: Path, tmp_path: Path, bands: str) -> None:
    """240 px at 10 m are 2 x 2 squares."""
    product = write_safe(tmp_path, level="L2A", baseline="04.00")
    assert predict.main([str(product), "--run-dir", str(tiny_runs / bands), "--output", str(tmp_path / "out")]) == 0
    raster = gdal.Open(str(tmp_path / "out" / "probabilities.tif"))
    assert (raster.RasterXSize, raster.RasterYSize, raster.RasterCount) == (2, 2, len(CLASSES))
    grid = georeference(open_scene(product), 10)
    assert raster.GetGeoTransform() == (grid.geotransform[0], 1200, 0, grid.geotransform[3], 0, -1200)
    assert [raster.GetRasterBand(number + 1).GetDescription() for number in range(len(CLASSES))] == list(CLASSES)
    with open(tmp_path / "out" / "probabilities.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    pixels = raster.ReadAsArray()
    assert len(lines) == np.isfinite(pixels[0]).sum() > 0
    trained = read_trained(tiny_runs / bands)
    for line in lines:
        values = pixels[:, int(line["row"]), int(line["col"])]
        np.testing.assert_allclose([float(line[name]) for name in CLASSES], values, atol=1e-6)
        assert float(line["x"]) == grid.geotransform[0] + 1200 * int(line["col"])
        assert float(line["y"]) == grid.geotransform[3] - 1200 * int(line["row"])
        present = [
            name for name, value, limit in zip(CLASSES, values, trained.thresholds, strict=True) if value >= limit
        ]
        assert line["classes"] == "; ".join(present)


def test_bands_that_a_product_does_not_hold(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.copytree(tiny_runs / "s2", tmp_path / "s1s2")
    config = json.loads((tmp_path / "s1s2" / run.CONFIG).read_text())
    config["settings"]["bands"] = "s1s2"
    config["image_shapes"]["s1"] = [120, 120, 2]
    (tmp_path / "s1s2" / run.CONFIG).write_text(json.dumps(config))
    message = r"SettingError: \S+s1s2 was trained with --bands s1s2, and S2A_\S+ holds no Sentinel-1; give a run of .*"
    check_fails(
        predict.main,
        capfd,
        message,
        [write_safe(tmp_path, level="L2A"), "--run-dir", tmp_path / "s1s2", "--output", tmp_path / "out"],
    )


@pytest.mark.real_data
def test_a_patch_alone_is_predicted_as_in_its_folder(real_data: Path, tiny_runs: Path, tmp_path: Path) -> None:
    """Of 16 real patches, in batches of five."""
    root = real_data / "bigearthnet" / "BigEarthNet-S2"
    arguments = ["--run-dir", str(tiny_runs / "s2"), "--output"]
    assert predict.main([str(root), *arguments, str(tmp_path / "all"), "--batch-size", "5"]) == 0
    with open(tmp_path / "all" / "probabilities.csv", newline="") as file:
        together = {line["name"]: line for line in csv.DictReader(file)}
    assert len(together) == 16
    name = sorted(together)[3]
    assert predict.main([str(root / name), *arguments, str(tmp_path / "one")]) == 0
    with open(tmp_path / "one" / "probabilities.csv", newline="") as file:
        (alone,) = csv.DictReader(file)
    for key in CLASSES:
        assert float(alone[key]) == pytest.approx(float(together[name][key]), abs=1e-5)


def test_nothing_is_overwritten(tiny_runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("my own")
    arguments = [write_safe(tmp_path, level="L2A"), "--run-dir", tiny_runs / "s2", "--output", tmp_path / "out"]
    check_fails(predict.main, capfd, r"OutputError: \S+out is not empty; .*", arguments)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]
