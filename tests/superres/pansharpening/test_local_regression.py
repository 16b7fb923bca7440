"""Local regression: weights follow the ground, noise is not injected, and the network `joint` begins with the same guess."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from common.pixels.sentinel2 import JOINT
from superres.networks.build import build_network
from superres.networks.units import DN_DIVISOR
from superres.pansharpening import atprk, local_regression
from superres.pansharpening.local_regression import (
    LEAST_CONTRAST,
    detail_around,
    fuse,
    mean_around,
    regress,
    upsample_bilinear,
    weighted_sum,
)
from tests.support.pansharpening_scenes import change_of_noise, made_scene, moments_of, rms

AT_20_M = PatchSettings(20, 1)


def test_weights_follow_the_ground() -> None:
    """Left and right half of a scene depend on the guides in opposite ways, which one regression cannot tell."""
    images, _ = made_scene(AT_20_M)
    fine = images["input_10m"]
    rng = np.random.default_rng(0)
    left, right = (2000 + (fine - 2000) @ rng.uniform(0.2, 0.6, (4, 6)) * sign for sign in (1, -1))
    truth = np.concatenate([left[:, :32], right[:, 32:]], axis=1).astype(np.float32)
    images["input_20m"] = degrade(truth, 2, AT_20_M.sigmas(20))
    errors = {
        method: rms(method.fit(moments_of(images, AT_20_M), AT_20_M)(images)[:, 8:-8] - truth[:, 8:-8])
        for method in (local_regression, atprk)
    }
    assert errors[local_regression] < 0.5 * errors[atprk]
    away = np.r_[:24, 40:64]  # from the edge between the halves
    estimate = local_regression.fit([], AT_20_M)(images)
    assert rms(estimate[:, away] - truth[:, away]) < 0.08 * rms(truth - mean_around(truth, 5))


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("strength", [50, 20000])
def test_regression_finds_the_least_squares_of_each_square(shift: int, strength: float) -> None:
    """As NumPy's solution of the equations of one pixel, with a row for each guide that stands for its noise."""
    rng = np.random.default_rng(0)
    guides, bands = (rng.normal(0, strength, (9, 8, count)).astype(np.float32) for count in (3, 2))
    guides[..., 2] = guides[..., 1] + shift * rng.normal(
        0, strength / 50, (9, 8)
    )  # equal guides, or nearly so, share a weight
    weights = regress(bands, guides, 5)
    square = np.s_[2:7, 1:6]
    noise = np.diag(np.sqrt(25 * (LEAST_CONTRAST**2 + 1e-6 * np.square(guides[square]).mean(axis=(0, 1)))))
    rows = np.concatenate([guides[square].reshape(25, 3), noise])
    expected, *_ = np.linalg.lstsq(rows, np.concatenate([bands[square].reshape(25, 2), np.zeros((3, 2))]))
    np.testing.assert_allclose(weights[4, 3], expected, rtol=1e-3, atol=1e-3)


def test_the_sum_has_the_weights_of_its_coarse_pixel() -> None:
    rng = np.random.default_rng(0)
    weights, guides = rng.normal(size=(2, 3, 4)).astype(np.float32), rng.normal(size=(12, 18, 4)).astype(np.float32)
    repeated = weights.repeat(6, axis=0).repeat(6, axis=1)
    np.testing.assert_allclose(weighted_sum(weights, guides), (repeated * guides).sum(axis=2), atol=1e-5)


def test_20_m_bands_guide_60_m_bands() -> None:
    """Also with detail that no 10 m band has."""
    settings = PatchSettings(60, 1)
    images, _ = made_scene(settings)
    noise = np.random.default_rng(0).normal(0, 1000, (72, 72, 6))
    own = 2000 + gaussian_filter(noise, (1, 1, 0)).astype(np.float32)
    images |= {"input_20m": own, "input_60m": degrade(own[..., :2], 3, (0.0, 0.0))}
    estimate, expected = local_regression.fit([], settings)(images), upsample_bilinear(own[..., :2], 2)
    assert rms(estimate - expected) < 0.6 * rms(upsample_bilinear(images["input_60m"], 6) - expected)


def test_back_projection_brings_the_degraded_result_to_the_input() -> None:
    images, _ = made_scene(AT_20_M, own=1)
    coarse, sigmas = images["input_20m"], AT_20_M.sigmas(20)

    def missed(sharp: np.ndarray) -> float:
        return rms(degrade(sharp, 2, sigmas) - coarse)

    without = fuse(coarse, images["input_10m"], 2, sigmas, back_projections=0)
    assert missed(local_regression.fit([], AT_20_M)(images)) < 0.4 * missed(without)


def test_a_band_that_no_guide_explains_stays_as_it_is() -> None:
    assert change_of_noise(local_regression.fit, band=5) < 0.5


def test_noise_of_the_guides_is_not_injected() -> None:
    """Over calm water, guides and bands have the noise of the instrument only."""
    rng = np.random.default_rng(0)
    images = {
        f"input_{gsd}m": rng.normal(100, 1, (1200 // gsd, 1200 // gsd, bands)).astype(np.float32)
        for gsd, bands in ((10, 4), (20, 6))
    }
    estimate = local_regression.fit([], AT_20_M)(images)
    smooth = fuse(images["input_20m"], 0 * images["input_10m"], 2, AT_20_M.sigmas(20))
    assert rms(estimate - smooth) < 0.1


def test_an_untrained_joint_network_returns_this_guess() -> None:
    """By means instead of the blur, and without back-projection; at borders, squares are cut there and mirrored here. At 60 m
    the network takes the means of the 20 m bands, here they are those of the sharpened ones."""
    images, _ = made_scene(PatchSettings(60, 1))
    fine, at_20m, at_60m = (images[f"input_{gsd}m"] for gsd in (10, 20, 60))
    sharp_20m = fuse(at_20m, fine, 2, (0.0,) * 6, back_projections=0)
    sharp_60m = fuse(at_60m, np.concatenate([fine, sharp_20m], axis=2), 6, (0.0,) * 2, back_projections=0)
    network = build_network("joint", JOINT)
    inputs = {name: keras.ops.convert_to_tensor(image[None] / DN_DIVISOR) for name, image in images.items()}
    sharp = DN_DIVISOR * np.asarray(network(inputs))[0]
    inner = np.s_[48:-48, 48:-48]
    np.testing.assert_allclose(sharp[inner][..., :6], sharp_20m[inner], atol=0.02)
    detail = sharp_60m - upsample_bilinear(at_60m, 6)
    assert rms(sharp[inner][..., 6:] - sharp_60m[inner]) < 0.05 * rms(detail[inner])


def test_detail_has_no_constant() -> None:
    image = np.random.default_rng(0).normal(size=(8, 8, 2))
    np.testing.assert_allclose(detail_around(image + 1000), detail_around(image), atol=1e-9)
