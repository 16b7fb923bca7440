"""The reduced-rank method: exact for bands of the subspace, and corrected for others."""

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening import ressr
from tests.support.pansharpening_scenes import change_of_noise, made_scene, moments_of, rms


def test_bands_of_rank_two_are_found():
    """All bands are combinations of two patterns: the error is that of the coarse bands' small weight."""
    settings = PatchSettings(20, 1)
    images, _ = made_scene(settings)
    patterns = images["input_10m"][..., :2] - 2000
    rng = np.random.default_rng(2)
    truth = (2000 + patterns @ rng.uniform(0.3, 1, (2, 6))).astype(np.float32)
    images["input_10m"] = (2000 + patterns @ rng.uniform(0.3, 1, (2, 4))).astype(np.float32)
    images["input_20m"] = degrade(truth, 2, settings.sigmas(20))
    estimate = ressr.fit(moments_of(images, settings), settings)(images)
    assert rms(estimate - truth) < 0.02 * truth.std()


def test_the_residual_is_corrected():
    """A band that the subspace does not hold keeps its own coarse pattern."""
    assert change_of_noise(ressr.fit, band=5) < 0.3
