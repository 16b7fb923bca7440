"""Files, warnings and reports of `superres/predict.py`."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pystac
import pytest
from osgeo import gdal

from common.files.atomic import HOST
from common.networks.precision import fastest_precision
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from common.rasters.bands import read_bands
from common.runs.folder import WEIGHTS
from common.scenes.tile_list import open_scene
from superres.networks import weights
from superres.networks.published import PUBLISHED
from tests.support.fake_safe import UPPER_LEFT, textured_pixels, with_nodata, write_patch_folder, write_safe

SIZE = 60


def band_names(path: Path) -> list[str]:
    """The descriptions of the bands of a GeoTIFF."""
    dataset = gdal.Open(str(path))
    return [dataset.GetRasterBand(index).GetDescription() for index in range(1, dataset.RasterCount + 1)]


def pixels_of(path: Path) -> np.ndarray:
    """The pixels of a GeoTIFF: (rows, cols, bands)."""
    return gdal.Open(str(path)).ReadAsArray().transpose(1, 2, 0)


def test_everything_at_once(run, weights_dir, product, tmp_path, capfd):
    """Both GSDs, the 10 m bands, a region with odd corners, a COG, its quicklook and its STAC item."""
    output = tmp_path / "out.tif"
    code, _ = run(
        product,
        "--run-dir",
        weights_dir / "run60",
        "--run-dir",
        weights_dir / "run20",
        "--copy-10m",
        "--cog",
        "--quicklook",
        "--stac",
        "--consistent",
        "--roi-pixels",
        "5,9,52,58",
        "--output",
        output,
        "--window",
        30,
    )
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.png", "out.tif"]
    assert band_names(output) == [*BANDS_10M, *BANDS_20M, *BANDS_60M]
    dataset = gdal.Open(str(output))
    assert dataset.GetGeoTransform() == (UPPER_LEFT[0] + 50, 10, 0, UPPER_LEFT[1] - 90, 0, -10)
    assert (dataset.RasterYSize, dataset.RasterXSize) == (49, 47)
    assert dataset.GetRasterBand(5).GetOffset() == pytest.approx(-0.1)
    assert dataset.GetRasterBand(5).GetScale() == pytest.approx(0.0001)
    tags = dataset.GetMetadata()
    assert tags["source_product"] == product.stem
    assert tags["level"] == "L2A"
    assert tags["network_20m"] == "dsen2"
    assert len(tags["weights_60m_sha256"]) == 64
    assert tags["precision"] == fastest_precision()
    assert tags["consistent"] == "yes"
    assert {"code_revision", "command", "created_utc", "processing_baseline"} <= set(tags)
    np.testing.assert_array_equal(pixels_of(output)[..., :4], read_bands(open_scene(product), BANDS_10M)[9:58, 5:52])
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"
    item = pystac.Item.from_file(tmp_path / "out.json")
    assert {name: asset.media_type for name, asset in item.assets.items()} == {
        "image": pystac.MediaType.COG,
        "thumbnail": pystac.MediaType.PNG,
    }
    assert [band["name"] for band in item.assets["image"].extra_fields["eo:bands"]] == band_names(output)
    assert tags["weights_60m_sha256"] in item.properties["processing:lineage"]
    assert "corrected so that degrading them returns the input" in item.properties["processing:lineage"]


def test_only_the_chosen_bands_are_written_and_only_their_networks_run(run, weights_dir, product, tmp_path):
    output = tmp_path / "out.tif"
    weights = ("--run-dir", weights_dir / "run20", "--run-dir", weights_dir / "run60")
    code, log = run(product, *weights, "--bands", "B11", "B02", "B05", "--output", output, level="INFO")
    assert code == 0
    assert "run60 is not used: no band of --bands has 60 m pixels" in log
    assert band_names(output) == ["B11", "B02", "B05"]
    assert not [tag for tag in gdal.Open(str(output)).GetMetadata() if "60m" in tag]
    np.testing.assert_array_equal(pixels_of(output)[..., 1], read_bands(open_scene(product), BANDS_10M)[..., 0])


@pytest.mark.parametrize("gsd", [20, 60])
def test_run_folder_and_weights_file_give_the_same_result(run, weights_dir, product, tmp_path, gsd):
    for name, source in (
        ("a", ("--run-dir", weights_dir / f"run{gsd}")),
        ("b", ("--weights", weights_dir / f"{gsd}.weights.h5")),
        ("c", ("--weights", weights_dir / f"run{gsd}" / WEIGHTS, "--gsd", gsd)),
    ):
        assert run(product, *source, "--output", tmp_path / f"{name}.tif")[0] == 0
        assert band_names(tmp_path / f"{name}.tif") == list({20: BANDS_20M, 60: BANDS_60M}[gsd])
        np.testing.assert_array_equal(pixels_of(tmp_path / f"{name}.tif"), pixels_of(tmp_path / "a.tif"))


def test_zip_xml_and_folder_are_the_same_product(run, weights_dir, product, tmp_path):
    pixels = textured_pixels(np.random.default_rng(0), SIZE)
    zipped = write_safe(tmp_path, level="L2A", baseline="04.00", size=SIZE, pixels=pixels, zipped=True)
    for name, source in (("zip", zipped), ("xml", product / "MTD_MSIL2A.xml"), ("safe", product)):
        assert run(source, "--run-dir", weights_dir / "run20", "--output", tmp_path / f"{name}.tif")[0] == 0
    np.testing.assert_array_equal(pixels_of(tmp_path / "zip.tif"), pixels_of(tmp_path / "safe.tif"))
    np.testing.assert_array_equal(pixels_of(tmp_path / "xml.tif"), pixels_of(tmp_path / "safe.tif"))


def test_patch_folder(run, weights_dir, tmp_path):
    patch = write_patch_folder(tmp_path)
    code, _ = run(
        patch, "--run-dir", weights_dir / "run20", "--run-dir", weights_dir / "run60", "--output", tmp_path / "out.tif"
    )
    assert code == 0
    assert pixels_of(tmp_path / "out.tif").shape == (120, 120, 8)


def test_region_by_degrees(run, weights_dir, product, tmp_path):
    code, _ = run(
        product,
        "--run-dir",
        weights_dir / "run20",
        "--output",
        tmp_path / "out.tif",
        "--roi-lonlat",
        "10.3400,47.8420,10.3425,47.8440",
    )
    assert code == 0
    info = gdal.Info(str(tmp_path / "out.tif"), format="json")["wgs84Extent"]["coordinates"][0]
    longitudes, latitudes = zip(*info, strict=True)
    assert min(longitudes) <= 10.3400 and max(longitudes) >= 10.3425
    assert min(latitudes) <= 47.8420 and max(latitudes) >= 47.8440
    assert max(pixels_of(tmp_path / "out.tif").shape[:2]) < 35


def test_several_scenes(run, weights_dir, product, tmp_path, capfd):
    other = write_safe(tmp_path, tile="T32TPS", size=SIZE, pixels=textured_pixels(np.random.default_rng(1), SIZE))
    code, _ = run(product, other, "--run-dir", weights_dir / "run20", "--output", tmp_path)
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == sorted([f"{product.stem}.tif", f"{other.stem}.tif"])


def test_a_batch_goes_on_with_the_scenes_that_are_missing(run, weights_dir, product, tmp_path, capfd):
    other = write_safe(tmp_path, tile="T32TPS", size=SIZE, pixels=textured_pixels(np.random.default_rng(1), SIZE))
    options = ("--run-dir", weights_dir / "run20", "--output", tmp_path)
    first, second = tmp_path / f"{product.stem}.tif", tmp_path / f"{other.stem}.tif"
    assert run(product, *options)[0] == 0
    before = first.read_bytes()
    code, stderr = run(product, other, *options, "--skip-existing", level="INFO")
    assert code == 0
    assert f"{first} exists and is skipped" in stderr
    assert "1 of 2 results exist; 1 are to be written" in stderr
    assert first.read_bytes() == before
    assert band_names(second) == list(BANDS_20M)
    second_before = second.stat().st_mtime_ns
    code, stderr = run(product, other, *options, "--skip-existing", level="INFO")
    assert (code, second.stat().st_mtime_ns) == (0, second_before)
    assert "2 of 2 results exist; 0 are to be written" in stderr
    code, stderr = run(product, "--run-dir", weights_dir / "run60", "--output", tmp_path, "--skip-existing")
    assert code == 1
    assert f"{first} exists and was made with other settings: bands B05, B06" in stderr


def test_overwrite(run, weights_dir, product, tmp_path):
    """It also removes the files that GIS programs wrote beside the old file, and those of a killed run. An item stays."""
    process = subprocess.Popen(["true"])
    process.wait()
    old = ("out.tif", "out.tif.aux.xml", "out.tif.ovr", f".{HOST}.{process.pid}.partial.out.tif")
    for name in old:
        (tmp_path / name).write_text("old")
    (tmp_path / "out.json").write_text("old")
    code, stderr = run(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif", "--overwrite")
    assert code == 0
    assert "out.json stays and describes the result that is replaced; replace it too with --stac" in stderr
    assert band_names(tmp_path / "out.tif") == list(BANDS_20M)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "out.tif"]


@pytest.mark.usefixtures("line_after_each_piece")
def test_the_report_says_how_far_the_result_was_from_the_input(run, weights_dir, product, tmp_path):
    _, stderr = run(
        product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif", "--consistent", level="INFO"
    )
    assert ": 1 of 1 windows, " in stderr
    assert "out.tif: the 20 m bands, degraded, differ from the input by " in stderr
    assert "DN before the correction and by " in stderr
    empty = write_safe(
        tmp_path,
        size=SIZE,
        pixels={b: 0 * image for b, image in textured_pixels(np.random.default_rng(0), SIZE).items()},
    )
    _, stderr = run(
        empty, "--run-dir", weights_dir / "run20", "--output", tmp_path / "empty.tif", "--consistent", level="INFO"
    )
    assert "were not corrected: no pixel has only valid pixels around it" in stderr


def test_published_weights_of_another_level_warn(run, weights_dir, product, tmp_path, monkeypatch):
    content = hashlib.sha256((weights_dir / "20.weights.h5").read_bytes()).hexdigest()
    known = PUBLISHED["dsen2-l1c-20m"]._replace(sha256=content)
    monkeypatch.setitem(PUBLISHED, "dsen2-l1c-20m", known)
    monkeypatch.setattr(weights, "fetch_published", lambda name: weights_dir / "20.weights.h5")
    arguments = ("--weights", "dsen2-l1c-20m", "--output", tmp_path / "out.tif", "--overwrite")
    code, stderr = run(product, *arguments)
    assert code == 0
    assert "dsen2-l1c-20m was trained on L1C and the scenes are L2A" in stderr
    l1c = write_safe(tmp_path, size=SIZE, pixels=textured_pixels(np.random.default_rng(0), SIZE))
    assert run(l1c, *arguments) == (0, "")


def test_20m_bands_need_no_60m_bands(run, weights_dir, tmp_path):
    pixels = {
        band: image for band, image in textured_pixels(np.random.default_rng(0), SIZE).items() if band not in BANDS_60M
    }
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    assert run(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif")[0] == 0


def test_nodata_and_saturated_pixels_stay(run, weights_dir, tmp_path):
    pixels = with_nodata(textured_pixels(np.random.default_rng(0), SIZE), 0, 36, SIZE, 24)
    pixels["B12"][3, 4] = 65535
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    assert run(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif")[0] == 0
    stored = pixels_of(tmp_path / "out.tif")
    assert (stored[:, 36:] == 0).all()
    assert (stored[:, :36] > 0).all()
    assert set(map(tuple, np.argwhere(stored == 65535)[:, :2])) == {(6, 8), (6, 9), (7, 8), (7, 9)}


def test_masked_pixels_are_nodata_and_do_not_change_their_neighbours(run, weights_dir, tmp_path):
    """Pixels with wild DN give the same result as pixels without data, if they are masked."""
    pixels = textured_pixels(np.random.default_rng(0), SIZE)
    wild = {
        band: np.where(image == 0, 20000, image).astype(np.uint16)
        for band, image in with_nodata(pixels, 12, 24, 6, 12).items()
    }
    classes = np.full((SIZE // 2, SIZE // 2), 4, np.uint8)
    classes[6:9, 12:18] = 1
    results = {}
    for name, images, mask in (("masked", wild, "SCL"), ("nodata", with_nodata(pixels, 12, 24, 6, 12), None)):
        product = write_safe(tmp_path / name, level="L2A", size=SIZE, pixels=images, classification=classes)
        arguments = ("--run-dir", weights_dir / "run20", "--copy-10m", "--output", tmp_path / f"{name}.tif")
        assert run(product, *arguments, *(("--mask", mask) if mask else ()))[0] == 0
        results[name] = pixels_of(tmp_path / f"{name}.tif")
    np.testing.assert_array_equal(results["masked"], results["nodata"])
    assert (results["masked"][12:18, 24:36] == 0).all()
    assert (results["masked"] == 0).sum() == 6 * 12 * results["masked"].shape[2]


def test_the_engine_that_ran_is_in_the_tags_and_the_item(run, weights_dir, product, tmp_path, monkeypatch):
    """OpenVINO gives the same DN as TensorFlow but for rounding. Where it is missing, one line says so, and TensorFlow runs."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    results = {}
    for name, *options in (("tensorflow",), ("openvino", "--engine", "openvino"), ("missing", "--engine", "openvino")):
        if name == "missing":
            monkeypatch.setitem(sys.modules, "openvino", None)
        output = tmp_path / f"{name}.tif"
        arguments = ("--run-dir", weights_dir / "run20", "--precision", "float32", "--stac", "--output", output)
        code, stderr = run(product, *arguments, *options)
        assert code == 0
        assert ("OpenVINO is not installed" in stderr) == (name == "missing")
        engine, version = gdal.Open(str(output)).GetMetadataItem("engine").split(" ")
        assert engine == ("openvino" if name == "openvino" else "tensorflow")
        assert (
            json.loads(output.with_suffix(".json").read_text())["properties"]["processing:software"][engine] == version
        )
        results[name] = pixels_of(output).astype(int)
    assert np.abs(results["openvino"] - results["tensorflow"]).max() <= 1
    np.testing.assert_array_equal(results["missing"], results["tensorflow"])
