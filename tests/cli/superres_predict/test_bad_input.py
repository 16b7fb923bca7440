"""Bad input to `superres/predict.py`: one line says what to do, and no file changes."""

import warnings

import keras
import numpy as np
import pytest

from common.networks.engines import OPENVINO
from common.pixels.sentinel2 import BANDS_60M
from common.runs.folder import CONFIG, WEIGHTS, write_config
from superres import predict
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, Network
from superres.training.config import SuperresConfig
from tests.support.fake_safe import textured_pixels, write_patch_folder, write_safe

SIZE = 60


@pytest.mark.parametrize(
    "option, reason",
    [
        (("--roi-pixels", "50,0,70,20"), "is not inside the scene, which is 0,0,60,60; cut the region."),
        (("--roi-pixels", "20,30,10,40"), "is empty or upside down"),
        (
            ("--roi-pixels", "0,0,1,40"),
            "is 40 x 1 px of 10 m; to sharpen 20 m bands, expected at least 2 x 2: give a larger one.",
        ),
        (("--roi-lonlat", "11,47,12,48"), "is outside the scene, which covers 10.33"),
        (("--roi-lonlat", "10.35,47.84,10.34,47.85"), "is empty or upside down"),
        (("--window", "100"), "--window must be a multiple of 6"),
        (("--roi-lonlat", "10.35"), "expected four numbers"),
        (("--bands", "B05", "B01"), "--bands B01: it has 60 m pixels, and there are no weights for 60 m; give them"),
        (("--mask", "no.tif"), "--mask no.tif is no file; give a raster, or SCL"),
        (("--share", "1/2"), "out.tif is not a folder; give an existing folder for all tasks of --share"),
        (("--mask", "SCL"), "has no file of the scene classification, as L2A products have; give a raster"),
    ],
)
def test_regions_windows_and_masks(error_line, weights_dir, product, tmp_path, option, reason):
    assert reason in error_line(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif", *option)


@pytest.mark.parametrize(
    "words, reason",
    [
        (["--bands", "B10"], "argument --bands: invalid choice: 'B10' (choose from 'B02', 'B03'"),
        (["--bands", "B05", "--copy-10m"], "argument --copy-10m: not allowed with argument --bands"),
        (["--bands"], "argument --bands: expected at least one argument"),
        (["--share", "3/2"], "argument --share: expected K/N with K from 1 to N, such as 2/10; got 3/2"),
        (["--share", "0/2"], "argument --share: expected K/N"),
        (["--share", "2"], "argument --share: expected K/N"),
    ],
)
def test_values_that_no_option_can_have(words, reason, capsys):
    with pytest.raises(SystemExit) as stopped:
        predict.main(["scene", "--output", "out.tif", *words])
    assert stopped.value.code == 2
    assert reason.replace("'", "") in capsys.readouterr().err.replace("'", "")  # Python 3.12 quotes choices no longer


def test_shares_hold_each_scene_once(tmp_path):
    scenes = []
    for share in ("1/3", "2/3", "3/3"):
        words = ["A", "B", "C", "D", "--weights", "dsen2-l1c-20m", "--output", str(tmp_path), "--share", share]
        options = predict.read_options(predict.build_parser().parse_args(words))
        assert sorted(options.scenes + options.other_scenes) == ["A", "B", "C", "D"]
        scenes.append(options.scenes)
    assert scenes == [("A", "D"), ("B",), ("C",)]


def test_two_shares_do_not_write_one_file(error_line, weights_dir, product, tmp_path):
    line = error_line(product, product, "--run-dir", weights_dir / "run20", "--output", tmp_path, "--share", "1/2")
    assert line.startswith(f"SettingError: two scenes have the name {product.stem}; give each scene once")


def test_a_region_must_hold_a_pixel_of_the_coarsest_band(error_line, weights_dir, product, tmp_path):
    line = error_line(
        product, "--run-dir", weights_dir / "run60", "--output", tmp_path / "out.tif", "--roi-pixels", "0,0,5,40"
    )
    assert "is 40 x 5 px of 10 m; to sharpen 60 m bands, expected at least 6 x 6" in line


def test_weights_for_another_gsd(error_line, weights_dir, product, tmp_path):
    output = ("--output", tmp_path / "out.tif")
    assert "run20 is for 20 m, and --gsd asks for 60 m" in error_line(
        product, "--run-dir", weights_dir / "run20", "--gsd", 60, *output
    )
    assert "there are no weights for 60 m; give them with --weights (dsen2-l1c-20m" in error_line(
        product, "--run-dir", weights_dir / "run20", "--gsd", 20, 60, *output
    )
    assert "20.weights.h5 have the same weights; give one of them" in error_line(
        product, "--run-dir", weights_dir / "run20", "--weights", weights_dir / "20.weights.h5", *output
    )
    assert "there are no weights for 20 m and 60 m" in error_line(product, *output)


def test_weights_that_do_not_exist_or_hold_no_network(error_line, weights_dir, product, tmp_path):
    output = ("--output", tmp_path / "out.tif")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no weights")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / CONFIG).write_bytes((weights_dir / "run20" / CONFIG).read_bytes())
    assert "has no config.json; give the folder that a training run wrote" in error_line(
        product, "--run-dir", tmp_path / "empty", *output
    )
    assert f"there are no weights {tmp_path}/run/{WEIGHTS}" in error_line(
        product, "--run-dir", tmp_path / "run", *output
    )
    assert "text.h5 does not hold weights of dsen2_20m" in error_line(
        product, "--weights", tmp_path / "text.h5", *output
    )
    assert "there are no weights dsen2-l1c-10m; give" in error_line(product, "--weights", "dsen2-l1c-10m", *output)


def test_weights_and_predictions_that_are_not_finite(error_line, weights_dir, product, tmp_path):
    model = build_network("dsen2", 20)
    for file, value in (("nan", np.nan), ("huge", 1e38)):
        model.load_weights(weights_dir / "20.weights.h5")
        model.get_layer("first").kernel.assign(np.full(model.get_layer("first").kernel.shape, value))
        model.save_weights(tmp_path / f"{file}.weights.h5")
    output = ("--output", tmp_path / "out.tif")
    assert "nan.weights.h5 holds values that are not finite" in error_line(
        product, "--weights", tmp_path / "nan.weights.h5", *output
    )
    assert "the network for 20 m gives values that are not finite at row 0, column 0 of " in error_line(
        product, "--weights", tmp_path / "huge.weights.h5", *output, "--stac"
    )  # neither a GeoTIFF nor an item


def test_weights_of_a_network_with_other_bands(error_line, monkeypatch, product, tmp_path):
    inputs = keras.Input((None, None, 7))
    keras.Model(inputs, keras.layers.Conv2D(3, 3)(inputs)).save_weights(tmp_path / "other.weights.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line = error_line(product, "--weights", tmp_path / "other.weights.h5", "--output", tmp_path / "out.tif")
    assert "other.weights.h5 does not hold weights of dsen2_20m" in line


def test_outputs_that_cannot_be_written(error_line, weights_dir, product, tmp_path):
    run20 = ("--run-dir", weights_dir / "run20")
    (tmp_path / "there.tif").write_text("old")
    (tmp_path / "picture.png").write_text("old")
    (tmp_path / "item.json").write_text("old")
    assert "there.tif exists; replace it with --overwrite" in error_line(
        product, *run20, "--output", tmp_path / "there.tif"
    )
    assert "picture.png exists; replace it" in error_line(
        product, *run20, "--output", tmp_path / "picture.tif", "--quicklook"
    )
    assert "item.json exists; replace it" in error_line(product, *run20, "--output", tmp_path / "item.tif", "--stac")
    assert f"the folder {tmp_path}/missing does not exist; create it" in error_line(
        product, *run20, "--output", tmp_path / "missing" / "out.tif"
    )
    assert "there.tif is not a folder; give an existing folder for 2 scenes" in error_line(
        product, product, *run20, "--output", tmp_path / "there.tif"
    )
    assert f"two scenes have the name {product.stem}; give each scene once" in error_line(
        product, product, *run20, "--output", tmp_path
    )
    assert "out.png must end with .tif or .tiff" in error_line(
        product, *run20, "--output", tmp_path / "out.png", "--quicklook"
    )


@pytest.mark.parametrize("name", ["", "out.tif"])
def test_a_run_folder_is_no_place_for_results(error_line, weights_dir, product, tmp_path, name):
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run", SuperresConfig(tiles="tiles.txt"))
    line = error_line(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "run" / name)
    assert (
        line
        == f"OutputError: {tmp_path}/run is a run folder, which holds files of its run only; give another --output."
    )


def test_inputs_are_not_overwritten(error_line, weights_dir, tmp_path):
    patch = write_patch_folder(tmp_path)
    (run20 := tmp_path / "run").mkdir()
    for name in (CONFIG, WEIGHTS):
        (run20 / name).write_bytes((weights_dir / "run20" / name).read_bytes())
    for output in (patch / f"{patch.name}_B05.tif", patch / "new.tif"):
        line = error_line(patch, "--run-dir", run20, "--output", output, "--overwrite")
        assert "is an input, or lies in the folder of the product; give another --output." in line


def test_a_scene_that_is_too_small(error_line, weights_dir, tmp_path):
    product = write_safe(tmp_path, size=6, pixels=textured_pixels(np.random.default_rng(0), 6))
    line = error_line(product, "--run-dir", weights_dir / "run60", "--output", tmp_path / "out.tif")
    assert "has 6 x 6 px of 10 m; to sharpen 60 m bands, expected at least 12 x 12: leave it out." in line


def test_a_product_without_60m_bands(error_line, weights_dir, tmp_path):
    pixels = {
        band: image for band, image in textured_pixels(np.random.default_rng(0), SIZE).items() if band not in BANDS_60M
    }
    product = write_safe(tmp_path, size=SIZE, pixels=pixels)
    line = error_line(product, "--run-dir", weights_dir / "run60", "--output", tmp_path / "out.tif")
    assert "has no B01, B09; the 60 m bands are B01, B09" in line


def test_a_band_that_is_damaged(error_line, weights_dir, tmp_path):
    """Only decoding its pixels shows the damage, while the GeoTIFF is being written."""
    product = write_safe(tmp_path, size=SIZE, pixels=textured_pixels(np.random.default_rng(0), SIZE))
    (path,) = product.rglob("*_B11.jp2")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : -2] = bytes(len(content) - 2 - len(content) // 2)
    path.write_bytes(content)
    assert "B11.jp2 is " in error_line(product, "--run-dir", weights_dir / "run20", "--output", tmp_path / "out.tif")


def test_a_network_that_the_engine_cannot_convert(error_line, monkeypatch, product, tmp_path):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")

    def body(inputs, bands, dtype):
        image = keras.layers.Conv2D(bands, 3, padding="same", name="last")(inputs[-1])
        factor = keras.ops.linalg.det(keras.ops.ones((3, 3)) + 0 * keras.ops.max(image))
        return image * factor

    monkeypatch.setitem(NETWORKS, "fuse", Network(body, reach=1))
    build_network("fuse", 20).save_weights(tmp_path / "w.weights.h5")
    arguments = ("--weights", tmp_path / "w.weights.h5", "--model", "fuse", "--output", tmp_path / "out.tif")
    line = error_line(product, *arguments, "--precision", "float32", "--engine", OPENVINO)
    assert "the network fuse_20m (No conversion rule found for operations: MatrixDeterminant)" in line
    assert line.endswith("leave out --engine openvino.")


def test_outputs_and_calibrations_are_looked_at_before_the_weights(error_line, product, tmp_path):
    """Weights need TensorFlow, whose import takes seconds. These weights do not exist either."""
    output = tmp_path / "out.tif"
    words = (product, "--weights", "nowhere", "--output", output)
    assert "missing.json cannot be read" in error_line(*words, "--uncertainty", tmp_path / "missing.json")
    output.write_text("mine")
    assert "out.tif exists; replace it with --overwrite" in error_line(*words)
    assert "there are no weights nowhere" in error_line(*words, "--overwrite")
