"""Prediction by windows: equal to the whole scene if the margin is wide enough, and only then."""

from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import DownloadError, SettingError
from common.networks.engines import OPENVINO, openvino_obstacle
from common.patches.degraded_scene import degrade_scene
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import JOINT
from common.scenes.tile_list import open_scene
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, Network
from superres.networks.dsen2 import residual_network
from superres.networks.margin import margin_px
from superres.networks.units import DN_DIVISOR
from superres.networks.weights import find_weights, load_weights
from superres.prediction.windows import array_reader, compile_model, input_shape, predict_windows, require_agreement
from tests.support.checks import predict_by_windows, random_batch, set_random_weights
from tests.support.tiny_training import residual_reach

BLOCKS = 2
FACTOR = {20: 2, 60: 6}
SIZE = 72
# OpenVINO differs from TensorFlow by at most this share of the largest value.
ENGINES_DIFFER = 1e-5


@pytest.fixture(scope="module", params=[20, 60])
def gsd(request) -> int:
    return request.param


@pytest.fixture(scope="module")
def model(gsd: int) -> keras.Model:
    """DSen2 with two residual blocks of 8 features, and random weights for which far pixels matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", small_network())
        model = build_network("small", gsd)
    set_random_weights(model)
    for layer in model.layers:
        if "conv2" in layer.name:
            layer.kernel.assign(10 * layer.kernel)  # undo the residual scaling
    return model


def small_network() -> Network:
    return Network(partial(residual_network, blocks=BLOCKS, features=8), residual_reach(BLOCKS))


@pytest.fixture(scope="module")
def scene(gsd: int) -> dict[str, np.ndarray]:
    """Random inputs on an output grid of 72 x 60 px."""
    inputs, _ = random_batch(gsd, patches=1, size=SIZE)
    return {name: image[0, :, : image.shape[2] * 5 // 6] for name, image in inputs.items()}


@pytest.fixture(scope="module")
def whole(model: keras.Model, scene: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(model({name: image[None] for name, image in scene.items()}))[0]


@pytest.fixture
def margin(gsd: int, monkeypatch) -> int:
    monkeypatch.setitem(NETWORKS, "small", small_network())
    return margin_px("small", gsd)


@pytest.mark.parametrize("window_px", [12, 24, 42, 384])
def test_windows_equal_the_whole_scene(model, scene, whole, margin, window_px):
    prediction = predict_by_windows(model, scene, margin, window_px)
    np.testing.assert_allclose(prediction, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("window_px", [12, 24])
def test_a_margin_one_coarse_pixel_smaller_leaves_seams(model, scene, whole, margin, gsd, window_px):
    prediction = predict_by_windows(model, scene, margin - FACTOR[gsd], window_px)
    assert np.abs(prediction - whole).max() > 1e-3 * np.abs(whole).max()


def test_windows_come_row_by_row_and_cover_each_pixel_once(model, scene, margin):
    visits = np.zeros((SIZE, 60), int)
    last = (-1, -1)
    for window, prediction in predict_windows(compile_model(model), array_reader(scene), SIZE, 60, margin, 24):
        assert prediction.shape == (window.height, window.width, model.output_shape[-1])
        assert last < (window.row, window.col)
        last = (window.row, window.col)
        visits[window.slices] += 1
    assert (visits == 1).all()


def test_reads_are_bounded_by_the_window_and_its_margin(model, scene, margin):
    read = array_reader(scene)

    def counting(window):
        assert window.height <= 24 + 2 * margin
        assert window.width <= 24 + 2 * margin
        return read(window)

    list(predict_windows(compile_model(model), counting, SIZE, 60, margin, 24))


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("name, upsample", [("palsson", "bicubic"), ("fuse", "nearest"), ("lowres", "bilinear")])
def test_every_network_leaves_no_seams(name, upsample, gsd):
    """The scene is larger than a window with its margins, so that no window holds the whole scene."""
    model = build_network(name, gsd, upsample=upsample)
    set_random_weights(model)
    inputs, _ = random_batch(gsd, patches=1, size=108)
    scene = {key: image[0, : image.shape[1] // 6] for key, image in inputs.items()}
    expected = np.asarray(model({key: image[None] for key, image in scene.items()}))[0]
    prediction = predict_by_windows(model, scene, margin_px(name, gsd, upsample), 12)
    np.testing.assert_allclose(prediction, expected, atol=1e-5 * np.abs(expected).max())


def test_openvino_leaves_no_seams(model, scene, whole, margin):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    prediction = predict_by_windows(model, scene, margin, 24, OPENVINO)
    np.testing.assert_allclose(prediction, whole, rtol=0, atol=ENGINES_DIFFER * np.abs(whole).max())


@pytest.mark.parametrize(("name", "shape"), [("input_10m", (60, 60)), ("input_20m", (30, 30)), ("input_60m", (10, 10))])
def test_inputs_cover_the_same_ground(name, shape):
    assert input_shape(name, 60) == shape


def test_many_networks_in_one_process_cause_no_warning(model, scene, caplog):
    """TensorFlow warns if one function of Python becomes many graphs."""
    for _ in range(8):
        compile_model(model)(scene)
    assert not caplog.messages


def test_an_engine_that_computes_something_else_is_told(model):
    right = compile_model(model)
    require_agreement(model, right)
    with pytest.raises(
        SettingError, match=r"small\S* as TensorFlow does: .* 20.0 % of the largest value; leave out --engine"
    ):
        require_agreement(model, lambda images: right(images) * 1.2)
    with pytest.raises(SettingError, match="differ by nan %"):
        require_agreement(model, lambda images: right(images) * np.nan)


@pytest.mark.parametrize("precision, advises", [("float32", False), ("bfloat16", True)])
def test_the_refusal_of_members_advises_float32_where_they_compute_otherwise(precision, advises):
    """The layers of an ensemble are those of its members."""
    member = build_network("tiny", 20, precision)
    set_random_weights(member)
    ensemble = keras.Model(member.input, member(member.input))
    with pytest.raises(SettingError) as refusal:
        require_agreement(ensemble, lambda images: 2 * compile_model(ensemble)(images))
    assert ("or give --precision float32" in str(refusal.value)) == advises


@pytest.mark.parametrize("name, gsd", [("dsen2", 20), ("lowres", 60)])
def test_openvino_is_accepted_in_bfloat16(name, gsd):
    if obstacle := openvino_obstacle("bfloat16"):
        pytest.skip(obstacle)
    model = build_network(name, gsd, "bfloat16")
    set_random_weights(model)
    compile_model(model, OPENVINO)


@pytest.mark.real_data
def test_openvino_solves_equations_in_float32_or_not_at_all(real_data):
    """OpenVINO 2026.4.1 divides in bfloat16, which is told; a later version may not."""
    if obstacle := openvino_obstacle("bfloat16"):
        pytest.skip(obstacle)
    model = build_network("joint", JOINT, "bfloat16")
    set_random_weights(model)
    try:
        predict = compile_model(model, OPENVINO)
    except SettingError as error:
        assert "does not compute the network joint" in str(error)
        return
    inputs = real_pixels(real_data, 60)
    expected = compile_model(model)(inputs)
    assert np.abs(predict(inputs) - expected).max() < 0.02 * np.abs(expected).max()


OFTEN = [("dsen2", 20), ("lowres", 20)]
SELDOM = [
    *((name, 20) for name in ("vdsen2", "palsson", "fuse", "tiny", "tiny-attention")),
    *((name, 60) for name in ("dsen2", "palsson", "fuse", "lowres")),
]


@pytest.mark.real_data
@pytest.mark.parametrize("name, gsd", [*OFTEN, *(pytest.param(*case, marks=pytest.mark.long) for case in SELDOM)])
def test_engines_agree_on_real_pixels(real_data, name, gsd):
    """DSen2 has its published weights, and the other networks have random ones."""
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    network = build_network(name, gsd)
    set_weights(network, name, gsd)
    inputs = real_pixels(real_data, gsd)
    expected, result = compile_model(network)(inputs), compile_model(network, OPENVINO)(inputs)
    np.testing.assert_allclose(result, expected, rtol=0, atol=ENGINES_DIFFER * np.abs(expected).max())


def set_weights(network: keras.Model, name: str, gsd: int) -> None:
    """Load the published weights of DSen2, and set random ones of other networks."""
    set_random_weights(network)
    if name == "dsen2":
        try:
            load_weights(network, find_weights(f"dsen2-l1c-{gsd}m"))
        except DownloadError as error:
            pytest.skip(str(error))


@cache
def real_pixels(real_data: Path, gsd: int) -> dict[str, np.ndarray]:
    """The upper left 36 x 36 px of a degraded tile, in network units."""
    (product,) = (real_data / "tiles").glob("*_T33UUB_*.SAFE")
    inputs = degrade_scene(open_scene(product), PatchSettings(gsd, 1)).inputs
    side = {name: 36 * image.shape[0] // inputs["input_10m"].shape[0] for name, image in inputs.items()}
    return {
        name: image[: side[name], : side[name]].astype(np.float32) / np.float32(DN_DIVISOR)
        for name, image in inputs.items()
    }
