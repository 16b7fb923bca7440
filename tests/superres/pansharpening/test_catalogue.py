"""Properties of every pansharpening method, at 20 m and 60 m."""

from functools import cache

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening.catalogue import METHODS, Sharpen, find_fit
from superres.pansharpening.guides import upsample
from tests.support.pansharpening_scenes import constant_scene, made_scene, moments_of, rms

SETTINGS = {(gsd, kind): PatchSettings(gsd, 1, kind) for gsd in (20, 60) for kind in ("gaussian", "mtf")}
ALL = pytest.mark.parametrize("name", METHODS)
EACH_SETTING = pytest.mark.parametrize("settings", SETTINGS.values(), ids=map(str, SETTINGS))
AT_20_M = SETTINGS[20, "gaussian"]


# Of bicubic interpolation: share of its error that a method may have, and of its distance from the input when degraded. GSA
# replaces an intensity, whose rest stays in the result, so it promises no consistency.
BOUNDS = {
    "gsa": (0.8, 2.5),
    "mtf-glp-hpm": (0.5, 0.7),
    "atprk": (0.5, 0.1),
    "ressr": (0.5, 0.5),
    "local-regression": (0.5, 0.5),
}


@cache
def scene(settings: PatchSettings) -> tuple[dict, np.ndarray]:
    """The made scene of these settings. Do not change it."""
    return made_scene(settings)


@cache
def sharpened(name: str, settings: PatchSettings) -> np.ndarray:
    return fitted(name, scene(settings)[0], settings)(scene(settings)[0])


def fitted(name: str, images: dict, settings: PatchSettings) -> Sharpen:
    return find_fit(name)(moments_of(images, settings), settings)


@ALL
@EACH_SETTING
def test_a_constant_stays_constant(name, settings):
    images = constant_scene(settings)
    coarse = images[f"input_{settings.gsd}m"]
    estimate = fitted(name, images, settings)(images)
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(estimate, np.broadcast_to(coarse[0, 0], estimate.shape), rtol=1e-5)


@ALL
@EACH_SETTING
def test_detail_comes_from_the_guides(name, settings):
    images, truth = scene(settings)
    bicubic = upsample(images[f"input_{settings.gsd}m"], truth.shape)
    assert rms(sharpened(name, settings) - truth) < BOUNDS[name][0] * rms(bicubic - truth)


@ALL
@EACH_SETTING
def test_the_degraded_result_is_near_the_input(name, settings):
    images, truth = scene(settings)
    coarse = images[f"input_{settings.gsd}m"]

    def missed(estimate: np.ndarray) -> float:
        return rms(degrade(estimate, settings.scale_factor, settings.sigmas(settings.gsd)) - coarse)

    bicubic = missed(upsample(coarse, truth.shape))
    assert missed(sharpened(name, settings)) < BOUNDS[name][1] * bicubic


@ALL
def test_bands_in_another_unit_give_the_same_result(name):
    """So it is with reflectance of 0 to 1 for one band and percent for another. Local regression knows the noise of a DN."""
    images, _ = scene(AT_20_M)
    factors = {"input_10m": np.float32([0.5, 1, 2, 4]), "input_20m": np.float32([1, 2, 4, 0.5, 1, 2])}
    other = {input_name: image * factors[input_name] for input_name, image in images.items()}
    estimate, scaled = (fitted(name, scene, AT_20_M)(scene) for scene in (images, other))
    np.testing.assert_allclose(
        scaled, estimate * factors["input_20m"], rtol=2e-3 if name != "local-regression" else 5e-3
    )


@pytest.mark.parametrize("name", [name for name in METHODS if name != "mtf-glp-hpm"])
def test_haze_does_not_change_the_detail(name):
    """A constant on top of a band only adds to its result; a ratio of bands depends on it."""
    images, _ = scene(AT_20_M)
    hazy = images | {"input_10m": images["input_10m"] + np.float32([500, 300, 100, 0])}
    hazy["input_20m"] = images["input_20m"] + np.float32(200)
    estimate, with_haze = (fitted(name, scene, AT_20_M)(scene) for scene in (images, hazy))
    np.testing.assert_allclose(with_haze, estimate + 200, atol=0.5)


@ALL
def test_turned_images_give_the_turned_result(name):
    """No pixel is shifted, not even by a part of one."""
    images, _ = scene(AT_20_M)
    sharpen = fitted(name, images, AT_20_M)
    turned = {input_name: np.ascontiguousarray(image[::-1].swapaxes(0, 1)) for input_name, image in images.items()}
    np.testing.assert_allclose(sharpen(turned), sharpen(images)[::-1].swapaxes(0, 1), atol=0.05)


def test_each_method_gives_another_result():
    results = [sharpened(name, AT_20_M) for name in METHODS]
    differences = [rms(one - other) for one in results for other in results if one is not other]
    assert min(differences) > 1
