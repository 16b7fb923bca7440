"""Correction: strips of any height give the result of the whole scene, and the residuals of the region alone."""

from pathlib import Path

import numpy as np
import pytest

from common.pixels.degrade import degrade, gaussian_blur_sigmas
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.pixels.windows import Window
from common.scenes.scene import Scene
from superres.prediction.consistency import back_project, back_projection_reach
from superres.prediction.correction import Correction, ResidualSums
from superres.prediction.strip import Strip

SCENE = Scene("s", Path(), "L1C", "", "S2A", "02.05", "", {}, 10000.0, dict.fromkeys(BANDS, 0.0))
ROWS, COLS = 180, 36
WHOLE = Window(0, 0, ROWS, COLS)


@pytest.fixture(scope="module")
def strip() -> Strip:
    """A scene without holes, and random estimates."""
    rng = np.random.default_rng(0)
    dn = {
        gsd: rng.integers(1000, 5000, (ROWS * 10 // gsd, COLS * 10 // gsd, len(bands)), np.uint16)
        for gsd, bands in BANDS_BY_GSD.items()
    }
    estimates = {
        gsd: rng.uniform(1000, 5000, (ROWS, COLS, len(BANDS_BY_GSD[gsd]))).astype(np.float32) for gsd in (20, 60)
    }
    return Strip(WHOLE, dn, estimates)


def sigmas_of(gsd: int) -> tuple[float, ...]:
    return gaussian_blur_sigmas(BANDS_BY_GSD[gsd], gsd // 10)


def cut_into_strips(strip: Strip, height: int) -> list[Strip]:
    tops = range(0, strip.window.height, height)
    return [strip.part(Window(top, 0, min(height, ROWS - top), COLS)).copy() for top in tops]


@pytest.mark.parametrize("gsds", [(20,), (60,), (20, 60)])
def test_the_margin_is_the_reach_in_whole_coarse_pixels(gsds):
    margin = Correction(SCENE, gsds, WHOLE).margin
    reach = max(back_projection_reach(gsd // 10, sigmas_of(gsd)) for gsd in gsds)
    assert reach <= margin < reach + max(gsds) // 10
    assert margin % (max(gsds) // 10) == 0


@pytest.mark.parametrize("height", [18, 30, 102, ROWS])
def test_strips_of_any_height_give_the_result_of_the_whole_scene(strip, height):
    correction = Correction(SCENE, (20, 60), WHOLE)
    corrected = list(correction.correct(iter(cut_into_strips(strip, height)), WHOLE))
    assert sum(part.window.height for part in corrected) == ROWS
    for gsd in (20, 60):
        joined = np.concatenate([part.estimates[gsd] for part in corrected])
        coarse = strip.dn[gsd].astype(np.float32)
        usable = np.ones(coarse.shape, bool)
        expected = back_project(strip.estimates[gsd], coarse, usable, gsd // 10, sigmas_of(gsd))
        np.testing.assert_allclose(joined, expected, atol=1e-2)
        np.testing.assert_array_equal(np.concatenate([part.dn[gsd] for part in corrected]), strip.dn[gsd])


def test_rows_wait_for_the_margin_below_them(strip):
    correction = Correction(SCENE, (20, 60), WHOLE)
    given = []
    for part in correction.correct((given.append(s) or s for s in cut_into_strips(strip, 12)), WHOLE):
        bottom = part.window.row + part.window.height
        assert bottom == ROWS or bottom + correction.margin <= 12 * len(given)


@pytest.mark.parametrize("region", [WHOLE, Window(60, 12, 48, 18)])
def test_residuals_are_those_of_the_region(strip, region):
    correction = Correction(SCENE, (20, 60), region)
    corrected = list(correction.correct(iter(cut_into_strips(strip, 30)), WHOLE))
    for gsd, (before, after) in correction.residuals().items():
        coarse = region.coarsened(gsd // 10).slices
        joined = np.concatenate([part.estimates[gsd] for part in corrected])
        for image, rms in ((strip.estimates[gsd], before), (joined, after)):
            missing = (strip.dn[gsd] - degrade(image, gsd // 10, sigmas_of(gsd)))[coarse]
            np.testing.assert_allclose(rms, np.sqrt(np.square(missing).mean(axis=(0, 1))), rtol=1e-3)
        assert (after < 0.2 * before).all()


def test_pixels_without_data_do_not_count():
    sums = ResidualSums(bands=2)
    usable = np.array([[[True, False], [True, False]]])
    sums.add(np.array([[[3.0, 0], [4.0, 0]]]), np.array([[[0.3, 0], [0.4, 0]]]), usable)
    sums.add(np.array([[[0.0, 0], [5.0, 0]]]), np.array([[[0.0, 0], [0.5, 0]]]), usable & [[[False], [True]]])
    before, after = sums.rms()
    np.testing.assert_allclose(before, [np.sqrt(50 / 3), np.nan])
    np.testing.assert_allclose(after, before / 10)
