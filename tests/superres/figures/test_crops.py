"""Pictures to lay over each other: their order, their size, and one stretch for all."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from common.patches.settings import PatchSettings
from superres.evaluation.reduced_scale import SceneResult
from superres.figures.crops import crop_pictures


@pytest.mark.parametrize(
    "gsd, bands, names", [(20, 6, ["input, 40 m", "truth, 20 m"]), (60, 2, ["input, 360 m", "truth, 60 m"])]
)
def test_crops_of_a_scene(gsd: int, bands: int, names: list[str]) -> None:
    """Equal images give equal pictures. The input has fewer pixels of the same ground."""
    settings = PatchSettings(gsd, 1)
    truth = np.random.default_rng(0).uniform(0, 5000, (24, 24, bands)).astype(np.float32)
    truth[0, 0] = np.nan
    coarse = truth[:: settings.scale_factor, :: settings.scale_factor]
    estimates = {"bilinear": truth + 100, "bicubic": truth[::-1], "dsen2": truth}
    crops = crop_pictures(SceneResult([], truth, coarse, estimates, None), "scene", settings)
    assert [crop.name for crop in crops] == ["bicubic", *names, "bilinear", "dsen2"]
    pictures = {crop.name: imread(io.BytesIO(crop.png))[..., :3] for crop in crops}
    side = 24 // settings.scale_factor
    assert [picture.shape[0] for picture in pictures.values()] == [24, side, 24, 24, 24]
    np.testing.assert_array_equal(pictures["dsen2"], pictures[names[1]])
    assert (pictures["bilinear"][1:] >= pictures["dsen2"][1:]).all()
    assert pictures["bilinear"].mean() > pictures["dsen2"].mean()
