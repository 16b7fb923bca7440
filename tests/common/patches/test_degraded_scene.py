"""A degraded scene: inputs, targets and valid pixels, read from fake products."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import ProductError
from common.patches.degraded_scene import degrade_bands, degrade_scene, patch_fits, target_shape
from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import expected_dn, write_safe
from tests.support.patches import native_dn, safe_pixels


@pytest.mark.parametrize("gsd", [20, 60])
def test_targets_are_native_and_inputs_degraded(gsd: int, scene_60m: Scene) -> None:
    settings = PatchSettings(gsd, 1)
    factor = settings.scale_factor
    degraded = degrade_scene(scene_60m, settings)
    rows, cols = target_shape(scene_60m, settings)
    np.testing.assert_array_equal(degraded.target, native_dn(gsd, 6000 // gsd, 7320 // gsd)[:rows, :cols])
    assert list(degraded.inputs) == [f"input_{input_gsd}m" for input_gsd in input_gsds(gsd)]
    for input_gsd in input_gsds(gsd):
        step = gsd // input_gsd
        native = native_dn(input_gsd, 6000 // input_gsd, 7320 // input_gsd)[: rows * step, : cols * step]
        expected = degrade.degrade_to_dn(native, factor, (1 / factor,) * native.shape[2])
        np.testing.assert_array_equal(degraded.inputs[f"input_{input_gsd}m"], expected)
    assert degraded.valid.shape == (rows, cols)
    assert degraded.valid.all()


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_a_joint_network_gets_all_bands_and_the_truth_that_is_known(gsd: int, scene_60m: Scene) -> None:
    """On the 60 m grid, the 20 m bands are degraded by 3. On the 20 m grid no 60 m bands are known, on the 10 m grid no bands."""
    degraded = degrade_scene(scene_60m, PatchSettings(gsd, 1, joint=True))
    rows, cols = degraded.valid.shape
    assert {name: image.shape for name, image in degraded.inputs.items()} == {
        "input_10m": (rows, cols, 4),
        "input_20m": (rows // 2, cols // 2, 6),
        "input_60m": (rows // 6, cols // 6, 2),
    }
    native = {g: native_dn(g, 6000 // g, 7320 // g)[: rows * gsd // g, : cols * gsd // g] for g in (20, 60)}
    expected = {
        10: {},
        20: {20: native[20]},
        60: {20: degrade.degrade_to_dn(native[20], 3, (1 / 3,) * 6), 60: native[60]},
    }
    assert list(degraded.truth) == list(expected[gsd])
    for truth_gsd, truth in expected[gsd].items():
        np.testing.assert_array_equal(degraded.truth[truth_gsd], truth)
    factor = gsd // 10
    coarse = native[60] if factor == 1 else degrade.degrade_to_dn(native[60], factor, (1 / factor,) * 2)
    np.testing.assert_array_equal(degraded.inputs["input_60m"], coarse)


def test_a_patch_must_fit_into_the_scene(scene: Scene) -> None:
    """A scene of 4 km holds 48 px of 60 m, but not 96 px."""
    assert [patch_fits(scene, PatchSettings(gsd, 1, joint=True)) for gsd in (10, 20, 60)] == [True] * 3
    assert not patch_fits(scene, PatchSettings(60, 1))


@pytest.mark.parametrize(("gsd", "shape"), [(20, (300, 366)), (60, (96, 120))])
def test_the_target_grid_is_cut_to_whole_coarse_pixels(gsd: int, shape: tuple, scene_60m: Scene) -> None:
    assert target_shape(scene_60m, PatchSettings(gsd, 1)) == shape


def test_a_scene_smaller_than_a_coarse_pixel_is_an_error(tmp_path: Path) -> None:
    small = open_scene(write_safe(tmp_path, size=24))
    with pytest.raises(ProductError, match=r"has 4 x 4 px at 60 m, fewer than 6; leave it out"):
        degrade_scene(small, PatchSettings(60, 5))


def test_native_pixels_are_kept_on_request(scene: Scene) -> None:
    window = Window(40, 60, 20, 30)
    kept, left = (degrade_bands(scene, 20, window, PatchSettings(20, 1), keep_truth=keep) for keep in (True, False))
    np.testing.assert_array_equal(kept.truth, native_dn(20, 200, 200)[window.slices])
    assert left.truth is None
    assert kept.degraded.shape == (10, 15, 6)
    np.testing.assert_array_equal(kept.degraded, left.degraded)


@pytest.mark.parametrize(("band", "gsd"), [("B02", 10), ("B12", 20)])
@pytest.mark.parametrize("value", [0, 65535])
def test_a_pixel_without_data_spoils_its_coarse_pixel_and_the_reach_of_the_blur(
    tmp_path: Path, band: str, gsd: int, value: int
) -> None:
    pixels = safe_pixels(240)
    row, col = 65, 51
    pixels[band][row, col] = value
    degraded = degrade_scene(open_scene(write_safe(tmp_path, pixels=pixels)), PatchSettings(20, 1))
    reach = degrade.blur_reach(1 / 2)
    spoiled = np.zeros((120, 120), bool)
    coarse_px, fine_px = 2 * gsd // 20, 2  # a coarse pixel of this band in pixels of the target, and in its own
    for coarse_row in range(120 // coarse_px):
        for coarse_col in range(120 // coarse_px):
            top, left = coarse_row * fine_px, coarse_col * fine_px
            if -reach <= row - top < fine_px + reach and -reach <= col - left < fine_px + reach:
                spoiled[Window(coarse_row, coarse_col, 1, 1).scaled(coarse_px).slices] = True
    assert spoiled.any()
    np.testing.assert_array_equal(degraded.valid, ~spoiled)


def test_l2a_bands_of_20m_are_the_native_ones(tmp_path: Path) -> None:
    """L2A folders at 20 m also hold resampled 10 m bands, with other DN."""
    resampled = open_scene(write_safe(tmp_path, level="L2A", size=120, resampled=True))
    degraded = degrade_scene(resampled, PatchSettings(20, 1))
    for band_index, band in enumerate(BANDS_BY_GSD[20]):
        np.testing.assert_array_equal(degraded.target[..., band_index], expected_dn(band, 60, 60))
