"""The files of a prediction: tables of patches and of squares, and the raster."""

import csv
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from bigearthnet.prediction.output import write_patch_table, write_raster, write_square_table
from bigearthnet.prediction.trained import TrainedClassifier
from common.rasters.grids import GeoReference

NAMES = ("Pastures", "Inland waters")
UTM_32N = 'PROJCS["WGS 84 / UTM zone 32N",AUTHORITY["EPSG","32632"]]'
GRID = GeoReference("", (600000.0, 1200, 0, 5300040.0, 0, -1200), 2, 3)


@pytest.fixture
def trained() -> TrainedClassifier:
    return TrainedClassifier(
        Path("run"), "small", "s2", "bilinear", "float32", False, 0.0, NAMES, {}, thresholds=np.array([0.25, 0.5])
    )


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_patches_have_the_classes_from_their_thresholds_on(tmp_path: Path, trained: TrainedClassifier) -> None:
    probabilities = np.array([[0.25, 0.5], [0.3, 0.49], [0.24, 0.123456789]], np.float32)
    write_patch_table(tmp_path / "table.csv", trained, ["a", "b", "c"], probabilities)
    lines = read(tmp_path / "table.csv")
    assert list(lines[0]) == ["name", "classes", *NAMES]
    assert [(line["name"], line["classes"]) for line in lines] == [
        ("a", "Pastures; Inland waters"),
        ("b", "Pastures"),
        ("c", ""),
    ]
    assert lines[2]["Inland waters"] == "0.123457"


def test_squares_without_nodata_and_their_corners(tmp_path: Path, trained: TrainedClassifier) -> None:
    probabilities = np.full((2, 3, 2), np.nan, np.float32)
    probabilities[0, 1] = (0.5, 0.25)
    probabilities[1, 2] = (0, 1)
    assert write_square_table(tmp_path / "table.csv", trained, GRID, probabilities) == 2
    lines = read(tmp_path / "table.csv")
    assert list(lines[0]) == ["row", "col", "x", "y", "classes", *NAMES]
    assert [tuple(line.values()) for line in lines] == [
        ("0", "1", "601200.0", "5300040.0", "Pastures", "0.500000", "0.250000"),
        ("1", "2", "602400.0", "5298840.0", "Inland waters", "0.000000", "1.000000"),
    ]


def test_raster_has_a_band_for_each_class_and_says_what_made_it(
    tmp_path: Path, trained: TrainedClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    probabilities = np.random.default_rng(0).random((2, 3, 2)).astype(np.float32)
    probabilities[1, 2] = np.nan
    write_raster(tmp_path / "out.tif", trained, "scene", GRID, probabilities)
    raster = gdal.Open(str(tmp_path / "out.tif"))
    np.testing.assert_array_equal(raster.ReadAsArray(), probabilities.transpose(2, 0, 1))
    assert [raster.GetRasterBand(number).GetDescription() for number in (1, 2)] == list(NAMES)
    tags = raster.GetMetadata()
    assert (tags["SCENE"], tags["NETWORK"]) == ("scene", "small-s2")
    assert {"CODE_REVISION", "CREATED_UTC", "COMMAND"} <= set(tags)
    assert "ONEDNN_MAX_CPU_ISA=AVX2" in tags["ENVIRONMENT"]
