"""`superres/predict.py` with several members, and with --uncertainty."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from common.runs.folder import CONFIG, WEIGHTS
from superres.uncertainty import calibration
from tests.support.calibrations import write_made
from tests.support.fake_safe import textured_pixels, write_safe


def calibration_of(path: Path, gsd: int, runs: Sequence[Path]) -> Path:
    """Write a made calibration of the weights in some run folders."""
    return write_made(path, gsd, [hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest() for run in runs])


def pixels_of(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray().astype(int)


def test_the_expected_error_of_each_sharpened_band(run, weights_dir, product, tmp_path, capfd):
    """Both GSDs and the 10 m bands, in a COG; --skip-existing and --overwrite see both files."""
    runs = {gsd: weights_dir / f"run{gsd}" for gsd in (20, 60)}
    files = [calibration_of(tmp_path / f"{gsd}.json", gsd, [folder]) for gsd, folder in runs.items()]
    output, errors = tmp_path / "out.tif", tmp_path / "out-uncertainty.tif"
    words = [product, "--run-dir", *runs.values(), "--copy-10m", "--cog", "--output", output, "--uncertainty", *files]
    code = run(*words, "--window", 30)[0]
    assert code == 0
    dataset = gdal.Open(str(errors))
    bands = [dataset.GetRasterBand(number) for number in range(1, dataset.RasterCount + 1)]
    assert [band.GetDescription() for band in bands] == [*BANDS_20M, *BANDS_60M]
    assert {(band.GetNoDataValue(), band.GetOffset(), band.GetScale()) for band in bands} == {(0, 0, 0.0001)}
    result = gdal.Open(str(output))
    assert (dataset.GetGeoTransform(), dataset.GetProjection()) == (result.GetGeoTransform(), result.GetProjection())
    assert dataset.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
    tags = dataset.GetMetadata()
    assert tags["calibration_60m_scenes"] == "made scene" and tags["bound_95"].startswith(
        "expected error times B05 2.5"
    )
    assert tags["weights_20m_sha256"] == result.GetMetadata()["weights_20m_sha256"]
    assert "content" not in result.GetMetadata()
    assert pixels_of(errors).min() >= 1 and pixels_of(errors).std() > 1
    times = [path.stat().st_mtime_ns for path in (output, errors)]
    code, log = run(*words, "--skip-existing", level="INFO")
    assert code == 0 and "1 of 1 results exist" in log
    assert [path.stat().st_mtime_ns for path in (output, errors)] == times
    output.unlink()
    code, log = run(*words)
    assert (code, "out-uncertainty.tif exists; replace it with --overwrite" in log, output.exists()) == (1, True, False)
    assert run(*words, "--overwrite")[0] == 0 and output.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20.json", "60.json", errors.name, output.name]


def test_the_mean_of_members_is_the_result(run, weights_dir, second_run, product, tmp_path):
    """Their spread enters the expected errors."""
    runs = [weights_dir / "run20", second_run]
    for name, members in (("a", runs[:1]), ("b", runs[1:]), ("mean", runs)):
        file = calibration_of(tmp_path / f"{name}.json", 20, members)
        words = ("--run-dir", *members, "--uncertainty", file, "--precision", "float32")
        assert run(product, *words, "--output", tmp_path / f"{name}.tif")[0] == 0
    first, second, mean = (pixels_of(tmp_path / f"{name}.tif") for name in ("a", "b", "mean"))
    unclipped = (np.minimum(first, second) > 1) & (np.maximum(first, second) < 65534)
    assert np.abs(mean - (first + second) / 2)[unclipped].max() <= 1
    assert np.abs(first - second).mean() > 1
    assert (pixels_of(tmp_path / "mean-uncertainty.tif") != pixels_of(tmp_path / "a-uncertainty.tif")).any()
    tags = gdal.Open(str(tmp_path / "mean.tif")).GetMetadata()
    assert tags["weights_20m"] == f"{runs[0]}, {runs[1]}"
    assert len(tags["weights_20m_sha256"].split(", ")) == 2


@pytest.fixture(scope="module")
def larger_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product that is large enough to be its own calibration at 60 m."""
    pixels = textured_pixels(np.random.default_rng(1), 240)
    return write_safe(tmp_path_factory.mktemp("larger"), size=240, pixels=pixels)


def test_a_scene_is_its_own_calibration(
    run, error_line, weights_dir, second_run, larger_product, tmp_path, monkeypatch
):
    """Members and a network alone; regions of a scene have one calibration, which the tags hold; a second command skips."""
    output, errors = tmp_path / "out.tif", tmp_path / "out-uncertainty.tif"
    members = ("--run-dir", weights_dir / "run20", second_run, weights_dir / "run60")
    words = [larger_product, *members, "--roi-pixels", "6,6,66,66", "--output", output, "--stac"]
    code, log = run(*words, "--uncertainty", level="INFO")
    assert code == 0
    assert "20 m: expected errors calibrated on the scene itself, 14400 pixels" in log
    assert "60 m: expected errors calibrated on the scene itself, 1296 pixels" in log
    assert pixels_of(errors).shape == (8, 60, 60) and pixels_of(errors).min() >= 1
    assets = json.loads(output.with_suffix(".json").read_text())["assets"]
    assert assets["uncertainty"]["href"] == f"./{errors.name}"
    tags = gdal.Open(str(errors)).GetMetadata()
    assert tags["calibrated_on"] == "the scene itself, at reduced scale"
    assert tags["calibration_60m_scenes"] == larger_product.stem
    for gsd in (20, 60):
        (tmp_path / f"{gsd}.json").write_text(tags[f"calibration_{gsd}m"])
    pixels, time = pixels_of(errors), errors.stat().st_mtime_ns
    code, log = run(*words, "--uncertainty", "--skip-existing", level="INFO")
    assert (code, "1 of 1 results exist" in log, errors.stat().st_mtime_ns) == (0, True, time)
    files = ("--uncertainty", tmp_path / "20.json", tmp_path / "60.json")
    line = error_line(*words, *files, "--skip-existing")
    assert (
        "made with other settings: calibrated_on the scene itself, at reduced scale, but this command has none" in line
    )
    assert run(*words, *files, "--overwrite")[0] == 0
    np.testing.assert_array_equal(pixels_of(errors), pixels)
    written = errors.stat().st_mtime_ns
    line = error_line(*words, "--uncertainty", "--skip-existing")
    assert "made with other settings: calibration_20m_sha256" in line
    monkeypatch.setattr(calibration, "LEAST_PIXELS", 2000)
    code, log = run(*words, "--uncertainty", "--overwrite")
    assert code == 1
    assert "60 m: a calibration needs at least 2000 pixels; got 1296. Give a calibration of other scenes" in log
    assert (errors.stat().st_mtime_ns, sorted(tmp_path.glob("*.tif"))) == (written, [errors, output])


def test_a_scene_behind_uncertainty_is_wrong_usage(run, weights_dir, product, capfd):
    """It is not taken for a calibration; nor is the scene said to be missing."""
    with pytest.raises(SystemExit) as exit_:
        run("--run-dir", weights_dir / "run20", "--output", "out.tif", "--uncertainty", product)
    assert exit_.value.code == 2
    message = f"argument --uncertainty: {product} is no calibration and has no uncertainty.json; give one"
    line = capfd.readouterr().err.splitlines()[-1]
    assert message in line
    assert line.endswith("wrote, or, if it is a scene, write it before --uncertainty")


def test_a_scene_that_is_too_small_to_be_its_own_calibration(error_line, weights_dir, product, tmp_path):
    line = error_line(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif", "--uncertainty")
    assert "has 30 x 30 px of 20 m, too few to calibrate expected errors on itself, which needs 1000 px; give" in line


def test_bad_calibrations(error_line, weights_dir, second_run, product, tmp_path):
    run20, output = weights_dir / "run20", tmp_path / "out.tif"
    good = calibration_of(tmp_path / "good.json", 20, [run20])
    words = (product, "--run-dir", run20, "--output", output, "--uncertainty")
    other = calibration_of(tmp_path / "other.json", 20, [second_run])
    assert "the calibration for 20 m is of other weights; measure one with superres-evaluate" in error_line(
        *words, other
    )
    coarse = calibration_of(tmp_path / "coarse.json", 60, [weights_dir / "run60"])
    assert "--uncertainty has no calibration for 20 m, but for 60 m; measure one" in error_line(*words, coarse)
    assert "missing.json cannot be read (No such file or directory); measure it with superres-evaluate" in error_line(
        *words, tmp_path / "missing.json"
    )
    record = json.loads(good.read_text())
    record["bands"] = {"B01": record["bands"]["B05"]}
    (tmp_path / "damaged.json").write_text(json.dumps(record))
    assert "damaged.json is no calibration that this version can read (it has not the levels" in error_line(
        *words, tmp_path / "damaged.json"
    )
    (tmp_path / "cut.json").write_bytes(good.read_bytes()[:-40])
    assert "cut.json is no calibration that this version can read" in error_line(*words, tmp_path / "cut.json")
    (tmp_path / "out-uncertainty.tif").write_text("old")
    assert "out-uncertainty.tif exists; replace it with --overwrite" in error_line(*words, good)


@pytest.mark.parametrize(
    ("was", "becomes", "described"),
    [('"bilinear"', '"bicubic"', "dsen2, 20 m, bicubic"), ('"levels": []', '"levels": ["L1C"]', "L1C)")],
)
def test_members_of_different_networks_or_levels(
    error_line, weights_dir, second_run, product, tmp_path, was, becomes, described
):
    runs = [tmp_path / "first", tmp_path / "second"]
    for folder, source in zip(runs, (weights_dir / "run20", second_run), strict=True):
        folder.mkdir()
        config = json.loads((source / CONFIG).read_text()) | {"levels": [] if folder == runs[1] else ["L2A"]}
        (folder / CONFIG).write_text(json.dumps(config))
        (folder / WEIGHTS).write_bytes((source / WEIGHTS).read_bytes())
    text = (runs[1] / CONFIG).read_text()
    assert was in text
    (runs[1] / CONFIG).write_text(text.replace(was, becomes))
    line = error_line(product, "--run-dir", *runs, "--output", tmp_path / "out.tif")
    assert "members of different networks or levels: " in line and described in line
