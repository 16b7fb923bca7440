"""The score: a mean over 5 x 5 pixels, the same in every window."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from superres.uncertainty.score import REACH_PX, SIDE_PX, error_score


@pytest.fixture
def images() -> list[np.ndarray]:
    """An estimate, an upsampled image and a spread."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 3000, (24, 18, 2)).astype(np.float32) for _ in range(3)]


def local_mean(image: np.ndarray) -> np.ndarray:
    return uniform_filter(image, (SIDE_PX, SIDE_PX, 1), mode="nearest")


def test_one_network_scores_the_detail_that_it_adds(images):
    estimate, upsampled, _ = images
    score = error_score(estimate, upsampled)
    assert score.dtype == np.float32
    np.testing.assert_allclose(score, local_mean(np.abs(estimate - upsampled)), rtol=1e-4)


def test_members_score_detail_and_spread(images):
    estimate, upsampled, spread = images
    product = local_mean(np.abs(estimate - upsampled)) * local_mean(spread)
    np.testing.assert_allclose(error_score(estimate, upsampled, spread), np.sqrt(product), rtol=1e-4)
    np.testing.assert_array_equal(error_score(estimate, upsampled, 0 * spread), 0)


def test_a_window_and_its_reach_give_the_same_bits(images):
    whole = error_score(*images)
    outer, inner = slice(5 - REACH_PX, 15 + REACH_PX), slice(REACH_PX, -REACH_PX)
    part = error_score(*(image[outer, outer] for image in images))
    np.testing.assert_array_equal(part[inner, inner], whole[5:15, 5:15])
