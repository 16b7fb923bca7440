"""The commands `bigearthnet-evaluate` and `bigearthnet-predict` on a run that took a second."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from bigearthnet import evaluate, predict, train
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.networks.catalogue import NETWORKS
from bigearthnet.prediction.probabilities import predict_images
from bigearthnet.prediction.trained import read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from common.metrics.multilabel import classification_metrics
from common.rasters.grids import georeference
from common.runs import folder as run
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import write_safe
from tests.support.made_patches import CLASSES, split_names, tiny_network, write_made

LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "small", tiny_network)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `made.h5`, and the runs `s2` and `rgb` on it. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    write_made(folder / "made.h5", split_names(8, 5, 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", tiny_network)
        for bands in ("s2", "rgb"):
            assert (
                train.main(
                    [
                        "--data",
                        str(folder / "made.h5"),
                        "--run-dir",
                        str(folder / bands),
                        "--bands",
                        bands,
                        "--model",
                        "small",
                        "--epochs",
                        "1",
                        "--batch-size",
                        "4",
                    ]
                )
                == 0
            )
    return folder


def words(folder: Path, output: Path, *runs: str, data: str = "made.h5") -> list[str]:
    return ["--data", str(folder / data), "--run-dir", *(str(folder / name) for name in runs), "--output", str(output)]


def fails(main, capfd: pytest.CaptureFixture, message: str, arguments: list) -> None:
    """Assert that a command fails with one line."""
    capfd.readouterr()
    code = main([str(argument) for argument in arguments])
    stderr = capfd.readouterr().err
    assert code == 1, stderr
    (line,) = [line for line in stderr.splitlines() if not LOG_LINE.match(line)]
    assert re.fullmatch(message, line), line


@pytest.mark.parametrize("command, name", [(evaluate, "evaluate"), (predict, "predict")])
def test_help(command, name: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    example = capsys.readouterr().out.split("example:\n")[1]
    assert command.build_parser().parse_args(example.split()[2:]).output  # a command line that parses


def test_tables_and_figures(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    assert evaluate.main(words(finished, tmp_path / "out", "s2", "rgb")) == 0
    printed = capfd.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"metrics.csv", "metrics.md", "f1.png", "ap.png", "precision_recall.png", "cooccurrence.png"} <= names
    assert any(name.startswith("mistakes-small-") for name in names)  # eight patches teach little
    assert "| small-s2 |" in printed and "## 9 test patches" in printed
    assert printed.split("\n\n")[2] in (tmp_path / "out" / "metrics.md").read_text()
    rows = read_metrics(tmp_path / "out" / "metrics.csv")
    assert {row.method for row in rows} == {"small-s2", "small-rgb"}
    assert [row for row in rows if row.method == "small-s2"] == read_metrics(finished / "s2" / run.METRICS)


def test_scores_are_those_of_the_stored_thresholds(finished: Path, tmp_path: Path) -> None:
    assert evaluate.main([*words(finished, tmp_path / "out", "s2"), "--split", "val"]) == 0
    trained, file = read_trained(finished / "s2"), BigEarthNetFile(finished / "made.h5")
    rows = np.flatnonzero(np.asarray(file.splits) == "val")
    patches = file.read(rows, ("s2_10m", "s2_20m", "s2_60m"))
    found = predict_images(trained.build(), patches, batch_size=4)
    expected = classification_metrics(file.labels[rows], found, trained.thresholds, CLASSES)
    written = {row[2:4]: row.value for row in read_metrics(tmp_path / "out" / "metrics.csv")}
    for row in expected:
        assert written[row.name, row.metric] == pytest.approx(row.value, abs=1e-6)
    for name, threshold in zip(CLASSES, trained.thresholds, strict=True):
        assert written[name, "threshold"] == threshold


def test_bad_input(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    out = tmp_path / "out"
    other = write_made(copy / "other.h5", split_names(2, 2, 2), classes=CLASSES[::-1])
    fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+s2 was trained on 9 classes from 'Pastures' on, \S+other\.h5 "
        r"holds 9 classes from 'Twin of coniferous forest' on; .*",
        words(copy, out, "s2", data=other.name),
    )
    write_made(copy / "untested.h5", split_names(2, 2, 0))
    fails(
        evaluate.main,
        capfd,
        r"SettingError: \S+ has no patch of split test; .*",
        words(copy, out, "s2", data="untested.h5"),
    )
    fails(evaluate.main, capfd, r"RunFolderError: \S+none has no config\.json; .*", words(copy, out, "none"))
    fails(
        evaluate.main,
        capfd,
        r"SettingError: --output must not be a run folder; got \S+s2\.",
        [*words(copy, copy / "s2", "s2"), "--overwrite"],
    )
    (copy / "rgb" / run.THRESHOLDS).unlink()
    fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+rgb has no readable thresholds\.csv: its training is not over; .*",
        words(copy, out, "rgb"),
    )
    (copy / "s2" / run.WEIGHTS).write_bytes(b"nothing")
    fails(
        evaluate.main,
        capfd,
        r"WeightsError: \S+best\.weights\.h5 does not hold weights of small \(.*\); give weights of the same network, .*",
        words(copy, out, "s2"),
    )
    (copy / "rgb" / run.CONFIG).write_text("[]")
    fails(
        evaluate.main,
        capfd,
        r"RunFolderError: \S+ cannot be read \(it holds no settings\); .*",
        words(copy, out, "rgb"),
    )
    config = json.loads((copy / "s2" / run.CONFIG).read_text()) | {"application": "superres"}
    (copy / "s2" / run.CONFIG).write_text(json.dumps(config))
    fails(evaluate.main, capfd, r"RunFolderError: \S+s2 holds no run of bigearthnet-train; .*", words(copy, out, "s2"))
    assert not out.exists()


def test_nothing_is_overwritten(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    fails(evaluate.main, capfd, r"OutputError: \S+out is not empty; .*", words(finished, tmp_path / "out", "s2"))
    fails(
        predict.main,
        capfd,
        r"OutputError: \S+out is not empty; .*",
        [write_safe(tmp_path, level="L2A"), "--run-dir", finished / "s2", "--output", tmp_path / "out"],
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("bands", ["s2", "rgb"])
def test_map_of_a_product(finished: Path, tmp_path: Path, bands: str) -> None:
    """240 px at 10 m are 2 x 2 squares."""
    product = write_safe(tmp_path, level="L2A", baseline="04.00")
    assert predict.main([str(product), "--run-dir", str(finished / bands), "--output", str(tmp_path / "out")]) == 0
    raster = gdal.Open(str(tmp_path / "out" / "probabilities.tif"))
    assert (raster.RasterXSize, raster.RasterYSize, raster.RasterCount) == (2, 2, len(CLASSES))
    grid = georeference(open_scene(product), 10)
    assert raster.GetGeoTransform() == (grid.geotransform[0], 1200, 0, grid.geotransform[3], 0, -1200)
    assert [raster.GetRasterBand(number + 1).GetDescription() for number in range(len(CLASSES))] == list(CLASSES)
    with open(tmp_path / "out" / "probabilities.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    pixels = raster.ReadAsArray()
    assert len(lines) == np.isfinite(pixels[0]).sum() > 0
    trained = read_trained(finished / bands)
    for line in lines:
        values = pixels[:, int(line["row"]), int(line["col"])]
        np.testing.assert_allclose([float(line[name]) for name in CLASSES], values, atol=1e-6)
        assert float(line["x"]) == grid.geotransform[0] + 1200 * int(line["col"])
        assert float(line["y"]) == grid.geotransform[3] - 1200 * int(line["row"])
        found = [name for name, value, limit in zip(CLASSES, values, trained.thresholds, strict=True) if value >= limit]
        assert line["classes"] == "; ".join(found)


def test_bands_that_a_product_does_not_hold(finished: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    shutil.copytree(finished / "s2", tmp_path / "s1s2")
    config = json.loads((tmp_path / "s1s2" / run.CONFIG).read_text())
    config["settings"]["bands"] = "s1s2"
    config["image_shapes"]["s1"] = [120, 120, 2]
    (tmp_path / "s1s2" / run.CONFIG).write_text(json.dumps(config))
    message = r"SettingError: \S+s1s2 was trained with --bands s1s2, and S2A_\S+ holds no Sentinel-1; give a run of .*"
    fails(
        predict.main,
        capfd,
        message,
        [write_safe(tmp_path, level="L2A"), "--run-dir", tmp_path / "s1s2", "--output", tmp_path / "out"],
    )


@pytest.mark.real_data
def test_square_of_a_product_equals_the_patch_that_it_was_made_from(
    real_data: Path, finished: Path, tmp_path: Path
) -> None:
    """Products and patch folders give a network the same: here, real patches one by one and in their folder."""
    root = real_data / "bigearthnet" / "BigEarthNet-S2"
    arguments = ["--run-dir", str(finished / "s2"), "--output"]
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
