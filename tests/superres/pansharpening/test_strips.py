"""Strips of a scene: the result of the whole scene for every method, and strips of a bounded size."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from superres.pansharpening import strips
from superres.pansharpening.catalogue import METHODS, find_fit
from superres.pansharpening.strips import cut_strips, sharpen_by_strips, sharpening_reach
from tests.support.pansharpening_scenes import made_scene, moments_of

CASES = [(name, gsd, kind, None) for name in METHODS for gsd, kind in ((20, "mtf"), (60, "gaussian"))]


# At 60 m with the wide blur, local regression reaches farthest; strips of a larger scene are smaller than it with their margins.
@pytest.mark.parametrize("name, gsd, kind, size", [*CASES, ("local-regression", 60, "mtf", 432)])
def test_strips_have_no_seams(name, gsd, kind, size, monkeypatch):
    settings = PatchSettings(gsd, 1, kind)
    images, truth = made_scene(settings, size=size)
    sharpen = find_fit(name)(moments_of(images, settings), settings)
    cols = truth.shape[1]
    monkeypatch.setattr(strips, "STRIP_PIXELS", {20: 12, 60: 36}[gsd] * cols)
    valid = np.ones(images[f"input_{gsd}m"].shape[:2], bool)
    assert len(list(cut_strips(images, valid, settings, 4))) >= 4
    np.testing.assert_allclose(sharpen_by_strips(images, sharpen, settings), sharpen(images), atol=0.01)


def test_a_smaller_reach_leaves_seams(monkeypatch):
    settings = PatchSettings(20, 1)
    images, truth = made_scene(settings)
    sharpen = find_fit("atprk")(moments_of(images, settings), settings)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 12 * truth.shape[1])
    monkeypatch.setattr(strips, "sharpening_reach", lambda settings: 2)
    assert np.abs(sharpen_by_strips(images, sharpen, settings) - sharpen(images)).max() > 0.1


@pytest.mark.parametrize("gsd", [20, 60])
def test_the_reach_is_whole_coarse_pixels(gsd):
    for kind in ("gaussian", "mtf"):
        assert sharpening_reach(PatchSettings(gsd, 1, kind)) % (gsd // 10) == 0


def test_a_taller_scene_needs_no_larger_strips(monkeypatch):
    """So memory does not grow with the rows of a scene."""
    settings = PatchSettings(20, 1)
    monkeypatch.setattr(strips, "STRIP_PIXELS", 10 * 64)
    seen = []

    def sharpen(images):
        seen.append(images["input_10m"].shape[0])
        return np.zeros((*images["input_10m"].shape[:2], 6), np.float32)

    images, _ = made_scene(settings)
    for times in (4, 8):
        sharpen_by_strips({name: np.tile(image, (times, 1, 1)) for name, image in images.items()}, sharpen, settings)
        assert max(seen) == 10 + 2 * sharpening_reach(settings)
