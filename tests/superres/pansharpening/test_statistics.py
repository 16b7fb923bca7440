"""Statistics of a scene: moments of the pixels that count, for any strips."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening import strips
from superres.pansharpening.moments import LAGS
from superres.pansharpening.statistics import SceneStatistics
from superres.pansharpening.strips import cut_strips, statistics_reach
from tests.support.pansharpening_scenes import made_scene, moments_of


@pytest.mark.parametrize("gsd, kind", [(20, "mtf"), (60, "gaussian")])
def test_moments_are_those_of_coarse_bands_and_degraded_10m_bands(gsd, kind):
    settings = PatchSettings(gsd, 1, kind)
    images, _ = made_scene(settings)
    fine, coarse = images["input_10m"], images[f"input_{gsd}m"]
    for moments, sigma in zip(moments_of(images, settings), settings.sigmas(gsd), strict=True):
        low = degrade(fine, settings.scale_factor, (sigma,) * fine.shape[2])
        variables = np.concatenate([coarse, low], axis=2).astype(np.float64)
        pixels = variables.reshape(-1, variables.shape[2])
        np.testing.assert_allclose(moments.mean, pixels.mean(axis=0))
        np.testing.assert_allclose(moments.covariance, np.cov(pixels.T, bias=True), rtol=1e-6, atol=1e-3)
        for lag in range(1, LAGS + 1):
            pairs = [variables[lag:] - variables[:-lag], variables[:, lag:] - variables[:, :-lag]]
            flat = np.concatenate([pair.reshape(-1, variables.shape[2]) for pair in pairs])
            expected = flat.T @ flat / len(flat) / 2
            np.testing.assert_allclose(moments.semivariances[lag - 1], expected, rtol=1e-6, atol=1e-3)


def test_pixels_that_do_not_count_change_nothing():
    """Saturated and nodata pixels would bend every regression."""
    settings = PatchSettings(20, 1)
    images, _ = made_scene(settings)
    valid = np.ones(images["input_20m"].shape[:2], bool)
    valid[4:9, 6:12] = valid[0, 0] = False
    spoiled = {name: image.copy() for name, image in images.items()}
    spoiled["input_20m"][~valid] = 65535
    for whole, left_out in zip(moments_of(images, settings, valid), moments_of(spoiled, settings, valid), strict=True):
        for one, other in zip(whole[1:], left_out[1:], strict=True):
            np.testing.assert_array_equal(one, other)
    everything = moments_of(spoiled, settings)[0]
    assert everything.mean[0] > whole.mean[0] + 500


@pytest.mark.parametrize("gsd", [20, 60])
def test_strips_give_the_statistics_of_the_whole_scene(gsd, monkeypatch):
    settings = PatchSettings(gsd, 1, "mtf")
    images, _ = made_scene(settings)
    valid = np.random.default_rng(0).uniform(size=images[f"input_{gsd}m"].shape[:2]) < 0.9
    whole = moments_of(images, settings, valid)
    rows, cols = images["input_10m"].shape[:2]
    monkeypatch.setattr(strips, "STRIP_PIXELS", cols * rows // 4)
    statistics = SceneStatistics(settings)
    parts = list(cut_strips(images, valid, settings, statistics_reach(settings)))
    assert len(parts) == 4
    for part in parts:
        statistics.add(*part)
    assert statistics.pixels == np.count_nonzero(valid)
    for one, other in zip(whole, statistics.moments(), strict=True):
        np.testing.assert_allclose(other.mean, one.mean, rtol=1e-6)
        np.testing.assert_allclose(other.covariance, one.covariance, rtol=1e-4, atol=0.1)
        np.testing.assert_allclose(other.semivariances, one.semivariances, rtol=1e-4, atol=0.1)


def test_a_scene_without_a_pixel_that_counts():
    settings = PatchSettings(20, 1)
    images, _ = made_scene(settings)
    statistics = SceneStatistics(settings)
    strip = next(cut_strips(images, np.zeros((32, 32), bool), settings, 8))
    statistics.add(*strip)
    assert statistics.pixels == 0
