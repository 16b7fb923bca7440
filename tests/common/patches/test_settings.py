"""Settings of patches."""

import pytest

from common.patches.settings import JOINT_SCALES, PATCH_PX, PATCHES_PER_TILE, PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, input_gsds


@pytest.mark.parametrize(("gsd", "factor", "size"), [(20, 2, 32), (60, 6, 96)])
def test_scale_factor_and_size_follow_from_the_gsd(gsd: int, factor: int, size: int) -> None:
    settings = PatchSettings(gsd, 1)
    assert (settings.scale_factor, settings.patch_px) == (factor, size)
    assert size % factor == 0
    assert set(PATCH_PX) == set(PATCHES_PER_TILE) == {20, 60}


@pytest.mark.parametrize("gsd", [20, 60])
def test_gaussian_blur_is_the_same_for_all_bands(gsd: int) -> None:
    settings = PatchSettings(gsd, 1)
    for input_gsd in input_gsds(gsd):
        assert settings.sigmas(input_gsd) == (1 / settings.scale_factor,) * len(BANDS_BY_GSD[input_gsd])


@pytest.mark.parametrize("gsd", [20, 60])
def test_mtf_blur_differs_by_band(gsd: int) -> None:
    sigmas = PatchSettings(gsd, 1, "mtf").sigmas(10)
    assert len(sigmas) == 4
    assert len(set(sigmas)) > 1
    assert min(sigmas) > 1 / PatchSettings(gsd, 1).scale_factor


@pytest.mark.parametrize("scale", JOINT_SCALES)
def test_patches_of_a_joint_network_have_one_size_and_whole_pixels_of_60m(scale: int) -> None:
    settings = PatchSettings(10 * scale, 1, joint=True)
    assert (settings.scale_factor, settings.input_gsds, settings.sharpened_gsds) == (scale, (10, 20, 60), JOINT)
    assert settings.truth_gsds == {1: (), 2: (20,), 6: (20, 60)}[scale]
    assert settings.step_px == 6 and settings.patch_px % 6 == 0
    assert settings.patch_px == PatchSettings(60, 1, joint=True).patch_px
    assert all(sigma == (0 if scale == 1 else 1 / scale) for sigma in settings.sigmas(20))
