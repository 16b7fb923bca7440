"""Methods: estimates in reflectance * 10000 on the 10 m grid, and the reach of interpolation."""

import numpy as np
import pytest

from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from superres.evaluation.methods import (
    fit_methods,
    interpolation_methods,
    load_method,
    network_method,
    pansharpening_methods,
)
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.margin import margin_px
from superres.networks.trained import TrainedNetwork
from superres.pansharpening.catalogue import METHODS
from tests.support.checks import random_batch, set_random_weights
from tests.support.tiny_training import tiny_network


@pytest.mark.parametrize("gsd", [20, 60])
def test_estimates_are_reflectance_on_the_10m_grid(gsd, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    scaled, _ = random_batch(gsd, patches=1, size=36)
    images = {name: 2000 * image[0] for name, image in scaled.items()}
    model = build_network("tiny", gsd)
    set_random_weights(model)
    margin = margin_px("tiny", gsd)
    method = network_method("tiny", model, margin)
    expected = 2000 * model(scaled).numpy()[0]
    estimate = method.sharpen(images)
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(estimate, expected, rtol=1e-4, atol=0.1)
    for interpolation in interpolation_methods(gsd):
        interpolated = interpolation.sharpen(images)
        assert interpolated.shape == expected.shape
        np.testing.assert_allclose(interpolated.mean(), images[f"input_{gsd}m"].mean(), rtol=0.1)


@pytest.mark.parametrize("gsd, engine", [(20, "tensorflow"), (60, "openvino")])
def test_a_trained_network_keeps_its_weights_and_margin(gsd, engine, tmp_path, monkeypatch):
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    model = build_network("tiny", gsd)
    set_random_weights(model)
    model.save_weights(tmp_path / "tiny.weights.h5")
    trained = TrainedNetwork("tiny", tmp_path / "tiny.weights.h5", "tiny", gsd, "")
    method = load_method("name", trained, "float32", gsd, engine)
    scaled, _ = random_batch(gsd, patches=1, size=36)
    images = {name: 2000 * image[0] for name, image in scaled.items()}
    expected = network_method("", model, margin_px("tiny", gsd)).sharpen(images)
    np.testing.assert_allclose(method.sharpen(images), expected, atol=0.1)
    assert (method.name, method.reach) == ("name", margin_px("tiny", gsd))


@pytest.mark.parametrize("gsd", [20, 60])
def test_pixels_beyond_the_reach_of_interpolation_change_nothing(gsd):
    rng, factor = np.random.default_rng(0), gsd // 10
    coarse = rng.uniform(1000, 5000, (48, 6, len(BANDS_BY_GSD[gsd]))).astype(np.float32)
    fine = np.zeros((48 * factor, 6 * factor, 4), np.float32)
    changed = coarse.copy()
    changed[0] += 5000
    for method in interpolation_methods(gsd, clip=False):
        before, after = (method.sharpen({"input_10m": fine, f"input_{gsd}m": image}) for image in (coarse, changed))
        differs = np.abs(before - after).max(axis=(1, 2)) > 1e-2
        assert differs[: factor // 2].all()
        assert not differs[factor + method.reach :].any()


def test_pansharpening_is_fitted_to_a_scene_and_keeps_its_place():
    settings, rng = PatchSettings(20, 1), np.random.default_rng(0)
    images = {
        f"input_{gsd}m": rng.uniform(0, 5000, (480 // gsd, 480 // gsd, bands)) for gsd, bands in ((10, 4), (20, 6))
    }
    images = {name: image.astype(np.float32) for name, image in images.items()}
    strip = images, np.ones((24, 24), bool), Window(0, 0, 48, 48)
    methods = [*interpolation_methods(20), *pansharpening_methods(list(METHODS), settings)]
    fitted = fit_methods(methods, "scene", settings, [strip])
    assert [method.name for method in fitted] == ["bilinear", "bicubic", *METHODS]
    assert {fitted[index].sharpen(images).shape for index in (1, 2, 5)} == {(48, 48, 6)}


def test_interpolation_needs_no_statistics():
    """The scene is not read for them."""
    methods = interpolation_methods(20)
    assert fit_methods(methods, "scene", PatchSettings(20, 1), (pytest.fail("read") for _ in range(1))) == methods


def test_a_scene_without_pixels_for_statistics():
    settings = PatchSettings(20, 1)
    with pytest.raises(ProductError, match="scene has no coarse pixel far from nodata for the statistics of --methods"):
        fit_methods(pansharpening_methods(["gsa"], settings), "scene", settings, [])
