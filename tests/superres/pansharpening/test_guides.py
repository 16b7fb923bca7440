"""Guides: the best combination of the 10 m bands for each coarse band."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening.guides import Synthesis
from tests.support.pansharpening_scenes import made_scene, moments_of, rms


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_combination_of_10m_bands_is_found(gsd):
    settings = PatchSettings(gsd, 1, "mtf")
    images, _ = made_scene(settings)
    fine = images["input_10m"]
    weights = np.random.default_rng(0).uniform(-1, 1, (fine.shape[2], images[f"input_{gsd}m"].shape[2]))
    truth = (fine @ weights + 5000).astype(np.float32)
    images[f"input_{gsd}m"] = degrade(truth, settings.scale_factor, settings.sigmas(gsd))
    synthesis = Synthesis(moments_of(images, settings))
    assert rms(synthesis.guides(images) - truth) < 0.02 * truth.std()
