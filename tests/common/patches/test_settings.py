"""Settings of patches."""

import pytest

from common.patches.settings import PATCH_PX, PATCHES_PER_TILE, PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds


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
