"""Area-to-point regression kriging: what the guide misses comes back from the coarse pixels."""

import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening import atprk
from superres.pansharpening.guides import Synthesis
from superres.pansharpening.kriging import krige, kriging_weights
from tests.support.pansharpening_scenes import made_scene, moments_of


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_band_without_guide_is_kriged(gsd):
    """The fine bands are flat, so the regression gives the mean."""
    settings = PatchSettings(gsd, 1)
    images, _ = made_scene(settings)
    for name in images.keys() - {f"input_{gsd}m"}:
        images[name][:] = 1000
    moments = moments_of(images, settings)
    estimate = atprk.fit(moments, settings)(images)
    coarse = images[f"input_{gsd}m"]
    for band, of_band in enumerate(moments):
        weights = kriging_weights(
            of_band.semivariances[:, band, band], settings.scale_factor, settings.sigmas(gsd)[band]
        )
        np.testing.assert_allclose(estimate[..., band], krige(coarse[..., band], weights), atol=0.5)


def test_the_semivariances_are_those_of_the_residual():
    """They are computed from the statistics of the scene, without a second pass over it."""
    settings = PatchSettings(20, 1, "mtf")
    images, _ = made_scene(settings)
    moments = moments_of(images, settings)
    synthesis = Synthesis(moments)
    band = 3
    guide = degrade(synthesis.guides(images), 2, settings.sigmas(20))[..., band]
    missed = images["input_20m"][..., band].astype(np.float64) - guide
    for lag in (1, 4):
        pairs = [missed[lag:] - missed[:-lag], missed[:, lag:] - missed[:, :-lag]]
        expected = 0.5 * np.mean(np.square(np.concatenate([pair.ravel() for pair in pairs])))
        computed = atprk.residual_semivariances(moments[band], synthesis, band)[lag - 1]
        np.testing.assert_allclose(computed, expected, rtol=1e-3)
