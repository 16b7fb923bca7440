"""Back-projection: the result degrades to the input, with and without holes, and depends on pixels within its reach."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from common.pixels.degrade import degrade
from superres.prediction.consistency import ITERATIONS, back_project, back_projection_reach, residual, usable_pixels
from superres.prediction.interpolation import interpolate

FACTORS = [2, 6]
BANDS = 2


def scene(factor: int, size: int = 144, seed: int = 0) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """A coarse image, a smooth estimate that does not degrade to it, and the blur."""
    rng = np.random.default_rng(seed)
    fine = gaussian_filter(rng.normal(0, 3000, (size, size, BANDS)), (1, 1, 0)).astype(np.float32) + 3000
    sigmas = (1 / factor,) * BANDS
    coarse = degrade(fine, factor, sigmas)
    return coarse, interpolate(coarse, fine.shape, 3), sigmas


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


@pytest.mark.parametrize("factor", FACTORS)
def test_the_result_degrades_to_the_input(factor):
    coarse, estimate, sigmas = scene(factor)
    usable = np.ones(coarse.shape, bool)
    before = rms(residual(estimate, coarse, usable, factor, sigmas))
    after = rms(residual(back_project(estimate, coarse, usable, factor, sigmas), coarse, usable, factor, sigmas))
    assert before > 20
    assert after < 0.06 * before


@pytest.mark.parametrize("factor", FACTORS)
def test_a_consistent_image_stays(factor):
    coarse, _, sigmas = scene(factor)
    flat = np.full_like(coarse, 1234)
    estimate = np.full((144, 144, BANDS), 1234, np.float32)
    np.testing.assert_allclose(
        back_project(estimate, flat, np.ones(coarse.shape, bool), factor, sigmas), 1234, atol=1e-2
    )


@pytest.mark.parametrize("factor", FACTORS)
def test_the_reach_is_that_of_a_pixel_and_its_residual(factor):
    """It may be up to two coarse pixels too wide."""
    coarse, estimate, sigmas = scene(factor)
    usable = np.ones(coarse.shape, bool)
    changed_rows = set()
    for row in range(72, 72 + factor):
        other = estimate.copy()
        other[row, 70] += 10000
        before, after = (back_project(image, coarse, usable, factor, sigmas, 2) for image in (estimate, other))
        differs = (before != after).any(axis=(1, 2))
        residuals_differ = np.not_equal(*(residual(image, coarse, usable, factor, sigmas) for image in (before, after)))
        differs |= residuals_differ.any(axis=(1, 2)).repeat(factor)
        changed_rows |= set(np.abs(np.nonzero(differs)[0] - row))
    reach = back_projection_reach(factor, sigmas, 2)
    assert max(changed_rows) <= reach <= max(changed_rows) + 2 * factor


@pytest.mark.parametrize("factor", FACTORS)
def test_holes_change_nothing_around_them(factor):
    """Values in holes have no effect on other pixels, and the other pixels still degrade to the input."""
    coarse, estimate, sigmas = scene(factor)
    valid = np.ones(estimate.shape[:2], bool)
    valid[50:70, 40:75] = False
    coarse_valid = np.ones(coarse.shape, bool)
    coarse_valid[2, 3, 0] = False
    usable = usable_pixels(coarse_valid, valid, factor, sigmas)
    assert not usable[2, 3, 0]
    assert usable[2, 3, 1]
    assert not usable[60 // factor, 50 // factor].any()
    corrected = back_project(estimate, coarse, usable, factor, sigmas)
    garbage = coarse.copy()
    garbage[~usable] = 1e6
    np.testing.assert_array_equal(back_project(estimate, garbage, usable, factor, sigmas), corrected)
    missing = [rms(residual(image, coarse, usable, factor, sigmas)) for image in (estimate, corrected)]
    assert missing[1] < 0.06 * missing[0]
    assert (residual(estimate, garbage, usable, factor, sigmas)[~usable] == 0).all()


def test_default_iterations():
    coarse, estimate, sigmas = scene(2)
    usable = np.ones(coarse.shape, bool)
    np.testing.assert_array_equal(
        back_project(estimate, coarse, usable, 2, sigmas), back_project(estimate, coarse, usable, 2, sigmas, ITERATIONS)
    )


def test_the_result_can_replace_the_estimate():
    rng = np.random.default_rng(0)
    estimate, coarse = (rng.random((side, side, 2), np.float32) for side in (24, 12))
    usable, sigmas = np.ones(coarse.shape, bool), (0.5, 0.5)
    expected = back_project(estimate, coarse, usable, 2, sigmas)
    assert not np.array_equal(expected, estimate)
    back_project(estimate, coarse, usable, 2, sigmas, out=estimate)
    np.testing.assert_array_equal(estimate, expected)
