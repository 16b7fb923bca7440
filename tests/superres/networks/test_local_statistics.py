"""Means, contrast and regressions of the square around each pixel."""

import numpy as np
import pytest

from superres.networks.local_statistics import (
    LEAST_CONTRAST,
    contrast_around,
    detail_around,
    mean_around,
    regress,
    solve,
)

SIDE_PX = 5


def random_detail(bands: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, (1, 12, 14, bands)).astype(np.float32)


def test_mean_around_counts_the_pixels_that_exist() -> None:
    image = random_detail(6)
    means = np.asarray(mean_around(image, SIDE_PX))
    np.testing.assert_allclose(means[0, 5, 7], image[0, 3:8, 5:10].mean(axis=(0, 1)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(means[0, 0, 0], image[0, :3, :3].mean(axis=(0, 1)), rtol=1e-5, atol=1e-7)


def test_detail_and_mean_are_the_image() -> None:
    image = random_detail(3)
    detail = np.asarray(detail_around(image, SIDE_PX))
    np.testing.assert_allclose(detail + np.asarray(mean_around(image, SIDE_PX)), image, atol=1e-7)
    assert not np.asarray(detail_around(np.ones_like(image), SIDE_PX)).any()


def test_contrast_is_that_of_the_detail_or_the_noise() -> None:
    detail = random_detail(3)
    contrast = np.asarray(contrast_around(detail, SIDE_PX))
    rms = np.sqrt((detail[0, 3:8, 5:10] ** 2).mean(axis=(0, 1)))
    np.testing.assert_allclose(contrast[0, 5, 7], rms, rtol=2e-3)
    np.testing.assert_allclose(np.asarray(contrast_around(0 * detail, SIDE_PX)), LEAST_CONTRAST, rtol=1e-6)


def test_weights_are_those_of_least_squares_with_a_ridge() -> None:
    guides, bands = random_detail(10), random_detail(2, seed=1)
    weights = np.asarray(regress(bands, guides, SIDE_PX)).reshape(12, 14, 10, 2)
    for window, row, col in ((np.s_[0, 3:8, 5:10], 5, 7), (np.s_[0, :3, 11:], 0, 13)):
        seen, wanted = guides[window].reshape(-1, 10).astype(float), bands[window].reshape(-1, 2).astype(float)
        ridge = LEAST_CONTRAST * np.sqrt(len(seen)) * np.eye(10)
        expected = np.linalg.lstsq(np.vstack([seen, ridge]), np.vstack([wanted, np.zeros((10, 2))]))[0]
        np.testing.assert_allclose(weights[row, col], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_weights_of_a_true_sum_are_found_wherever_the_contrast_is() -> None:
    """Half of the image has other weights, and one band is a hundred times brighter."""
    guides = random_detail(4)
    true = np.array([[0.5, -20], [1.5, 100], [-1, 30], [0.2, 80]])
    bands = guides @ true
    bands[:, 6:] = guides[:, 6:] @ -true
    weights = np.asarray(regress(bands.astype(np.float32), guides, SIDE_PX)).reshape(12, 14, 4, 2)
    np.testing.assert_allclose(weights[2, 7], true, rtol=0.02)
    np.testing.assert_allclose(weights[9, 7], -true, rtol=0.02)


def test_guides_without_detail_have_no_weight() -> None:
    """Zeros, as where a product has no data, give no infinite numbers; noise alone is not believed."""
    bands = random_detail(2)
    assert not np.asarray(regress(bands, np.zeros_like(random_detail(4)), SIDE_PX)).any()
    faint = np.asarray(regress(bands, 1e-3 * random_detail(4, seed=1), SIDE_PX))
    strong = np.asarray(regress(bands, random_detail(4, seed=1), SIDE_PX))
    assert np.abs(1e-3 * faint).mean() < 0.1 * np.abs(strong).mean()


def test_solve_inverts_ill_conditioned_matrices() -> None:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(1, 4, 4, 10, 10)) * np.logspace(0, -1.5, 10)
    matrices = factors @ factors.swapaxes(-1, -2) + 1e-3 * np.eye(10)
    right = rng.normal(size=(1, 4, 4, 10, 3))
    rows = np.concatenate([matrices, right], axis=-1).astype(np.float32)
    solutions = np.stack([np.asarray(row) for row in solve([rows[..., i, :] for i in range(10)])], axis=-2)
    residual = matrices @ solutions - right
    assert np.abs(residual).max() < 1e-2


@pytest.mark.parametrize("edge", [0.5, 4, 16])
def test_equal_guides_with_strong_edges_have_finite_weights(edge: float) -> None:
    """Clouds in all bands: ten guides that differ by a factor alone. 16 is more than a product holds."""
    rng = np.random.default_rng(0)
    cloud = edge * (rng.random((1, 12, 14, 1)) > 0.5) + rng.normal(0, 1e-4, (1, 12, 14, 10))
    guides = (cloud * rng.uniform(0.5, 1, 10)).astype(np.float32)
    bands = guides[..., :2] * 0.7
    weights = np.asarray(regress(bands, guides, SIDE_PX)).reshape(1, 12, 14, 10, 2)
    sums = np.einsum("bhwi,bhwij->bhwj", guides, weights)
    assert np.abs(sums - bands).max() < 0.02 * edge
