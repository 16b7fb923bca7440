"""Methods: estimates in reflectance * 10000 on the 10 m grid, and the reach of interpolation."""

import numpy as np
import pytest

from common.pixels.sentinel2 import BANDS_BY_GSD
from superres.evaluation.methods import interpolation_methods, load_method, network_method
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.margin import margin_px
from superres.networks.trained import TrainedNetwork
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


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_trained_network_keeps_its_weights_and_margin(gsd, tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    model = build_network("tiny", gsd)
    set_random_weights(model)
    model.save_weights(tmp_path / "tiny.weights.h5")
    trained = TrainedNetwork("tiny", tmp_path / "tiny.weights.h5", "tiny", gsd, "")
    method = load_method("name", trained, "float32")
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
