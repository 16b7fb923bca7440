"""High-pass modulation: the ratio of guide and low-pass guide, and dark pixels."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening import mtf_glp_hpm
from superres.pansharpening.guides import upsample
from superres.pansharpening.mtf_glp_hpm import MOST_GAIN
from tests.support.pansharpening_scenes import made_scene, moments_of, rms

SETTINGS = PatchSettings(20, 1)


@pytest.mark.parametrize("kind", ["gaussian", "mtf"])
def test_dark_ground_receives_less_detail(kind):
    """The coarse bands are darker in the left half, which the guide does not show: a ratio keeps their contrast."""
    settings = PatchSettings(20, 1, kind)
    images, _ = made_scene(settings)
    fine = images["input_10m"]
    half = fine.shape[1] // 2
    light = np.where(np.arange(2 * half) < half, np.float32(0.6), np.float32(1))[None, :, None]
    images["input_20m"] = degrade(fine[..., [0, 1, 2, 3, 0, 1]] * light, 2, settings.sigmas(20))
    detail = mtf_glp_hpm.fit(moments_of(images, settings), settings)(images) - upsample(images["input_20m"], fine.shape)
    sharp = fine - upsample(degrade(fine, 2, settings.sigmas(10)), fine.shape)
    dark, bright = (rms(detail[:, part]) / rms(sharp[:, part]) for part in (slice(8, half - 8), slice(half + 8, -8)))
    assert dark / bright == pytest.approx(0.6, abs=0.06)


def test_dark_pixels_stay_finite_and_near_the_interpolation():
    """Reflectance near 0 and below, as water has it in L2A: the quotient of two such numbers has no meaning."""
    images, truth = made_scene(SETTINGS)
    images = {name: image - np.float32(2000) for name, image in images.items()}
    estimate = mtf_glp_hpm.fit(moments_of(images, SETTINGS), SETTINGS)(images)
    interpolated = upsample(images["input_20m"], truth.shape)
    assert np.isfinite(estimate).all()
    detail = rms(truth - 2000 - interpolated)
    assert rms(estimate - interpolated) < 1.5 * MOST_GAIN * detail
    assert np.abs(estimate).max() < 10 * np.abs(truth - 2000).max()


def test_the_guide_has_mean_and_deviation_of_its_band():
    """So a band that a flat guide predicts badly still receives detail in proportion to its own."""
    images, _ = made_scene(SETTINGS, own=1)
    sharpen = mtf_glp_hpm.fit(moments_of(images, SETTINGS), SETTINGS)
    guides = sharpen.keywords["synthesis"].guides(images)
    low, coarse = degrade(guides, 2, SETTINGS.sigmas(20)), images["input_20m"]
    np.testing.assert_allclose(low.mean(axis=(0, 1)), coarse.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(low.std(axis=(0, 1)), coarse.std(axis=(0, 1)), rtol=1e-3)
