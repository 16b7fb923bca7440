"""Prediction by windows: equal to the whole scene if the margin is wide enough, and only then."""

from functools import partial

import keras
import numpy as np
import pytest

from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, Network
from superres.networks.dsen2 import residual_network
from superres.networks.margin import margin_px
from superres.prediction.windows import array_reader, compile_model, predict_windows
from tests.support.checks import predict_by_windows, random_batch, set_random_weights
from tests.support.tiny_training import residual_reach

BLOCKS = 2
FACTOR = {20: 2, 60: 6}
SIZE = 72


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
