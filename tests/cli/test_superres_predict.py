"""`superres/predict.py` as it is called: files, options, and one line for each kind of bad input."""

import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from osgeo import gdal

from common.files.atomic import is_partial
from common.networks.precision import fastest_precision
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from common.rasters.bands import read_bands
from common.runs.folder import CONFIG, WEIGHTS, write_config
from common.scenes.tile_list import open_scene
from superres import predict
from superres.networks import weights
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.published import PUBLISHED
from superres.training.config import SuperresConfig
from tests.support.checks import set_random_weights
from tests.support.fake_safe import UPPER_LEFT, textured_pixels, with_nodata, write_patch_folder, write_safe
from tests.support.tiny_training import tiny_network

ROOT = Path(__file__).parents[2]
SIZE = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights `20.weights.h5` and `60.weights.h5` of the tiny network, and run folders `run20` and `run60`. Do not change it."""
    path = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        for gsd in (20, 60):
            model = build_network("dsen2", gsd)
            set_random_weights(model, spread=0.05)
            model.save_weights(path / f"{gsd}.weights.h5")
            (path / f"run{gsd}").mkdir()
            model.save_weights(path / f"run{gsd}" / WEIGHTS)
            write_config(path / f"run{gsd}", SuperresConfig(tiles="tiles.txt", gsd=gsd))
    return path


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An L2A product with offset -1000."""
    pixels = textured_pixels(np.random.default_rng(0), SIZE)
    return write_safe(tmp_path_factory.mktemp("product"), level="L2A", baseline="04.00", size=SIZE, pixels=pixels)


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> Run:
    """Calls the command with the tiny network in place of DSen2: exit code, and what it wrote to stderr."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())

    def call(*arguments: object, level: str = "WARNING") -> tuple[int, str]:
        code = predict.main(["--log-level", level, *map(str, arguments)])
        return code, capfd.readouterr().err

    return call


@pytest.fixture
def fails(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Asserts that the command fails with one line and changes no file; returns the line."""

    def call(*arguments: object) -> str:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        code, stderr = run(*arguments)
        assert code == 1
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        (line,) = [line for line in stderr.splitlines() if "WARNING" not in line]
        return line

    return call


def names(path: Path) -> list[str]:
    dataset = gdal.Open(str(path))
    return [dataset.GetRasterBand(number + 1).GetDescription() for number in range(dataset.RasterCount)]


def pixels_of(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray().transpose(1, 2, 0)


# --- what it writes


def test_help_and_version():
    done = subprocess.run([sys.executable, "superres/predict.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--roi-lonlat" in done.stdout
    assert "python superres/predict.py S2A" in done.stdout.splitlines()[-1]


def test_everything_at_once(run, folder, product, tmp_path, capfd):
    """Both GSDs, the 10 m bands, a region at an odd offset, a COG and its picture."""
    output = tmp_path / "out.tif"
    code, _ = run(
        product,
        "--run-dir",
        folder / "run60",
        "--run-dir",
        folder / "run20",
        "--copy-10m",
        "--cog",
        "--quicklook",
        "--consistent",
        "--roi-pixels",
        "5,9,52,58",
        "--output",
        output,
        "--window",
        30,
    )
    assert code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "out.tif"]
    assert names(output) == [*BANDS_10M, *BANDS_20M, *BANDS_60M]
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


@pytest.mark.parametrize("gsd", [20, 60])
def test_run_folder_and_file_give_the_same(run, folder, product, tmp_path, gsd):
    for name, source in (
        ("a", ("--run-dir", folder / f"run{gsd}")),
        ("b", ("--weights", folder / f"{gsd}.weights.h5")),
        ("c", ("--weights", folder / f"run{gsd}" / WEIGHTS, "--gsd", gsd)),
    ):
        assert run(product, *source, "--output", tmp_path / f"{name}.tif")[0] == 0
        assert names(tmp_path / f"{name}.tif") == list({20: BANDS_20M, 60: BANDS_60M}[gsd])
        np.testing.assert_array_equal(pixels_of(tmp_path / f"{name}.tif"), pixels_of(tmp_path / "a.tif"))


def test_zip_xml_and_folder_are_the_same_product(run, folder, product, tmp_path):
    pixels = textured_pixels(np.random.default_rng(0), SIZE)
    zipped = write_safe(tmp_path, level="L2A", baseline="04.00", size=SIZE, pixels=pixels, zipped=True)
    for name, source in (("zip", zipped), ("xml", product / "MTD_MSIL2A.xml"), ("safe", product)):
        assert run(source, "--run-dir", folder / "run20", "--output", tmp_path / f"{name}.tif")[0] == 0
    np.testing.assert_array_equal(pixels_of(tmp_path / "zip.tif"), pixels_of(tmp_path / "safe.tif"))
    np.testing.assert_array_equal(pixels_of(tmp_path / "xml.tif"), pixels_of(tmp_path / "safe.tif"))


def test_patch_folder(run, folder, tmp_path):
    patch = write_patch_folder(tmp_path)
    code, _ = run(patch, "--run-dir", folder / "run20", "--run-dir", folder / "run60", "--output", tmp_path / "out.tif")
    assert code == 0
    assert pixels_of(tmp_path / "out.tif").shape == (120, 120, 8)


def test_region_by_degrees(run, folder, product, tmp_path):
    code, _ = run(
        product,
        "--run-dir",
        folder / "run20",
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


def test_several_scenes(run, folder, product, tmp_path, capfd):
    other = write_safe(tmp_path, tile="T32TPS", size=SIZE, pixels=textured_pixels(np.random.default_rng(1), SIZE))
    code, _ = run(product, other, "--run-dir", folder / "run20", "--output", tmp_path)
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == sorted([f"{product.stem}.tif", f"{other.stem}.tif"])


def test_overwrite(run, folder, product, tmp_path):
    """With it goes what GIS programs wrote beside the old file, and what a killed run left."""
    process = subprocess.Popen(["true"])
    process.wait()
    old = ("out.tif", "out.tif.aux.xml", "out.tif.ovr", f".{platform.node()}.{process.pid}.partial.out.tif")
    for name in old:
        (tmp_path / name).write_text("old")
    assert run(product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif", "--overwrite")[0] == 0
    assert names(tmp_path / "out.tif") == list(BANDS_20M)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


def test_the_report_tells_consistency(run, folder, product, tmp_path):
    _, stderr = run(
        product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif", "--consistent", level="INFO"
    )
    assert "out.tif: 20 m bands, degraded, missed the input by " in stderr
    assert "DN before the correction, by " in stderr
    empty = write_safe(
        tmp_path,
        size=SIZE,
        pixels={b: 0 * image for b, image in textured_pixels(np.random.default_rng(0), SIZE).items()},
    )
    _, stderr = run(
        empty, "--run-dir", folder / "run20", "--output", tmp_path / "empty.tif", "--consistent", level="INFO"
    )
    assert "have no pixel whose surroundings are valid: nothing was corrected" in stderr


def test_published_weights_on_the_other_level_warn(run, folder, product, tmp_path, monkeypatch):
    content = hashlib.sha256((folder / "20.weights.h5").read_bytes()).hexdigest()
    known = PUBLISHED["dsen2-l1c-20m"]._replace(sha256=content)
    monkeypatch.setitem(PUBLISHED, "dsen2-l1c-20m", known)
    monkeypatch.setattr(weights, "fetch_published", lambda name: folder / "20.weights.h5")
    arguments = ("--weights", "dsen2-l1c-20m", "--output", tmp_path / "out.tif", "--overwrite")
    code, stderr = run(product, *arguments)
    assert code == 0
    assert "dsen2-l1c-20m was trained on L1C and the scenes are L2A" in stderr
    l1c = write_safe(tmp_path, size=SIZE, pixels=textured_pixels(np.random.default_rng(0), SIZE))
    assert run(l1c, *arguments) == (0, "")


# --- bad input


@pytest.mark.parametrize(
    "option, reason",
    [
        (("--roi-pixels", "50,0,70,20"), "is not inside the scene, which is 0,0,60,60; cut the region."),
        (("--roi-pixels", "20,30,10,40"), "is empty or upside down"),
        (("--roi-pixels", "0,0,1,40"), "is 40 x 1 px of 10 m; expected at least 2 x 2"),
        (("--roi-lonlat", "11,47,12,48"), "is outside the scene, which covers 10.33"),
        (("--roi-lonlat", "10.35,47.84,10.34,47.85"), "is empty or upside down"),
        (("--window", "100"), "--window must be a multiple of 6"),
        (("--roi-pixels", ""), "expected four numbers"),
        (("--roi-lonlat", ""), "expected four numbers"),
    ],
)
def test_regions_and_windows(fails, folder, product, tmp_path, option, reason):
    assert reason in fails(product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif", *option)


def test_a_region_must_hold_a_pixel_of_the_coarsest_band(fails, folder, product, tmp_path):
    line = fails(product, "--run-dir", folder / "run60", "--output", tmp_path / "out.tif", "--roi-pixels", "0,0,5,40")
    assert "is 40 x 5 px of 10 m; expected at least 6 x 6" in line


def test_weights_for_another_gsd(fails, folder, product, tmp_path):
    output = ("--output", tmp_path / "out.tif")
    assert "run20 is for 20 m, and --gsd asks for 60 m" in fails(
        product, "--run-dir", folder / "run20", "--gsd", 60, *output
    )
    assert "there are no weights for 60 m; give them with --weights (dsen2-l1c-20m" in fails(
        product, "--run-dir", folder / "run20", "--gsd", 20, 60, *output
    )
    assert "20.weights.h5 are both for 20 m; give one" in fails(
        product, "--run-dir", folder / "run20", "--weights", folder / "20.weights.h5", *output
    )
    assert "there are no weights for 20 m and 60 m" in fails(product, *output)


def test_weights_that_are_none(fails, folder, product, tmp_path):
    output = ("--output", tmp_path / "out.tif")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no weights")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / CONFIG).write_bytes((folder / "run20" / CONFIG).read_bytes())
    assert "has no config.json; give the folder that a training run wrote" in fails(
        product, "--run-dir", tmp_path / "empty", *output
    )
    assert f"there are no weights {tmp_path}/run/{WEIGHTS}" in fails(product, "--run-dir", tmp_path / "run", *output)
    assert "text.h5 does not hold weights of dsen2_20m" in fails(product, "--weights", tmp_path / "text.h5", *output)
    assert "there are no weights dsen2-l1c-10m; give" in fails(product, "--weights", "dsen2-l1c-10m", *output)


def test_weights_that_are_no_numbers(fails, folder, product, tmp_path):
    model = build_network("dsen2", 20)
    for file, value in (("nan", np.nan), ("huge", 1e38)):
        model.load_weights(folder / "20.weights.h5")
        model.get_layer("first").kernel.assign(np.full(model.get_layer("first").kernel.shape, value))
        model.save_weights(tmp_path / f"{file}.weights.h5")
    output = ("--output", tmp_path / "out.tif")
    assert "nan.weights.h5 holds values that are not finite" in fails(
        product, "--weights", tmp_path / "nan.weights.h5", *output
    )
    assert "the network for 20 m gives values that are not finite at row 0, column 0 of " in fails(
        product, "--weights", tmp_path / "huge.weights.h5", *output
    )


def test_weights_of_a_network_with_other_bands(fails, monkeypatch, product, tmp_path):
    inputs = keras.Input((None, None, 7))
    keras.Model(inputs, keras.layers.Conv2D(3, 3)(inputs)).save_weights(tmp_path / "other.weights.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line = fails(product, "--weights", tmp_path / "other.weights.h5", "--output", tmp_path / "out.tif")
    assert "other.weights.h5 does not hold weights of dsen2_20m" in line


def test_outputs_that_cannot_be(fails, folder, product, tmp_path):
    run20 = ("--run-dir", folder / "run20")
    (tmp_path / "there.tif").write_text("old")
    (tmp_path / "picture.png").write_text("old")
    assert "there.tif exists; replace it with --overwrite" in fails(product, *run20, "--output", tmp_path / "there.tif")
    assert "picture.png exists; replace it" in fails(
        product, *run20, "--output", tmp_path / "picture.tif", "--quicklook"
    )
    assert f"the folder {tmp_path}/missing does not exist; create it" in fails(
        product, *run20, "--output", tmp_path / "missing" / "out.tif"
    )
    assert "there.tif is no folder; give one that exists for 2 scenes" in fails(
        product, product, *run20, "--output", tmp_path / "there.tif"
    )
    assert "a scene is given twice" in fails(product, product, *run20, "--output", tmp_path)
    assert "out.png must end with .tif or .tiff" in fails(
        product, *run20, "--output", tmp_path / "out.png", "--quicklook"
    )


def test_inputs_are_not_overwritten(fails, folder, tmp_path):
    patch = write_patch_folder(tmp_path)
    (run20 := tmp_path / "run").mkdir()
    for name in (CONFIG, WEIGHTS):
        (run20 / name).write_bytes((folder / "run20" / name).read_bytes())
    for output in (patch / f"{patch.name}_B05.tif", patch / "new.tif", run20 / WEIGHTS):
        line = fails(patch, "--run-dir", run20, "--output", output, "--overwrite")
        assert "is, or lies in, what is read" in line


def test_a_scene_of_one_coarse_pixel(fails, folder, tmp_path):
    product = write_safe(tmp_path, size=6, pixels=textured_pixels(np.random.default_rng(0), 6))
    line = fails(product, "--run-dir", folder / "run60", "--output", tmp_path / "out.tif")
    assert "has 6 x 6 px of 10 m; sharpening 60 m bands takes at least 2 of their pixels each way" in line


def test_a_product_without_60m_bands(fails, folder, tmp_path):
    pixels = {
        band: image for band, image in textured_pixels(np.random.default_rng(0), SIZE).items() if band not in BANDS_60M
    }
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    line = fails(product, "--run-dir", folder / "run60", "--output", tmp_path / "out.tif")
    assert "has no B01, B09; the 60 m bands are B01, B09" in line


def test_a_product_without_60m_bands_will_do_for_20m(run, folder, tmp_path):
    pixels = {
        band: image for band, image in textured_pixels(np.random.default_rng(0), SIZE).items() if band not in BANDS_60M
    }
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    assert run(product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif")[0] == 0


def test_a_band_that_is_damaged(fails, folder, tmp_path):
    """Its header is whole: it shows only when its pixels are decoded, and the file is being written."""
    product = write_safe(tmp_path, size=SIZE, pixels=textured_pixels(np.random.default_rng(0), SIZE))
    (path,) = product.rglob("*_B11.jp2")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : -2] = bytes(len(content) - 2 - len(content) // 2)
    path.write_bytes(content)
    assert "B11.jp2 is " in fails(product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif")


def test_holes_and_saturation_go_through(run, folder, tmp_path):
    pixels = with_nodata(textured_pixels(np.random.default_rng(0), SIZE), 0, 36, SIZE, 24)
    pixels["B12"][3, 4] = 65535
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    assert run(product, "--run-dir", folder / "run20", "--output", tmp_path / "out.tif")[0] == 0
    found = pixels_of(tmp_path / "out.tif")
    assert (found[:, 36:] == 0).all()
    assert (found[:, :36] > 0).all()
    assert set(map(tuple, np.argwhere(found == 65535)[:, :2])) == {(6, 8), (6, 9), (7, 8), (7, 9)}


INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from superres import predict
from superres.networks.catalogue import NETWORKS
from superres.prediction.sharpening import Sharpener
from tests.support.tiny_training import tiny_network
NETWORKS["dsen2"] = tiny_network()
sharpen = Sharpener.sharpen
def slowly(self, *arguments):
    Path(sys.argv[1]).touch()
    time.sleep(1)
    return sharpen(self, *arguments)
Sharpener.sharpen = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background inherits that it is ignored
sys.exit(predict.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(folder, product, tmp_path, number):
    mark = tmp_path / "started"
    (tmp_path / "out").mkdir()
    command = [
        sys.executable,
        "-c",
        INTERRUPTED,
        mark,
        product,
        "--run-dir",
        folder / "run20",
        "--window",
        "6",
        "--output",
        tmp_path / "out" / "out.tif",
        "--log-level",
        "WARNING",
    ]
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not mark.exists() and process.poll() is None:
        time.sleep(0.05)
    assert [path for path in (tmp_path / "out").iterdir() if not is_partial(path)] == []
    os.kill(process.pid, number)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert stderr.splitlines()[-1] == "S2Error: interrupted; finished files stay, run the same command again."
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_usage_is_exit_code_2():
    for arguments in (
        [],
        ["scene"],
        ["scene", "--output", "x.tif", "--roi-pixels", "0,0,6,6", "--roi-lonlat", "1,2,3,4"],
    ):
        with pytest.raises(SystemExit) as stopped:
            predict.main(arguments)
        assert stopped.value.code == 2
