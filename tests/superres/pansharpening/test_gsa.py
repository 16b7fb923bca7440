"""Component substitution: exact with a perfect guide, and the choice of the sharp band."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening import gsa
from tests.support.pansharpening_scenes import change_of_noise, made_scene, moments_of, rms


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_band_like_a_fine_band_gives_the_truth(gsd):
    """Also with a factor, of any sign."""
    settings = PatchSettings(gsd, 1)
    images, _ = made_scene(settings)
    fine = images["input_10m"]
    factors = [2, -1, 0.5, 3, 1, 1][: images[f"input_{gsd}m"].shape[2]]
    truth = np.stack([fine[..., band % 4] * factor + 9000 for band, factor in enumerate(factors)], axis=2)
    images[f"input_{gsd}m"] = degrade(truth, settings.scale_factor, settings.sigmas(gsd))
    moments = moments_of(images, settings)
    assert [gsa.select_band(of_band, band) for band, of_band in enumerate(moments)] == [0, 1, 2, 3, 0, 1][
        : len(moments)
    ]
    assert rms(gsa.fit(moments, settings)(images) - truth) < 0.01 * truth.std()


def test_noise_receives_no_detail():
    """No fine band has much to do with it."""
    assert change_of_noise(gsa.fit, band=2) < 0.25
