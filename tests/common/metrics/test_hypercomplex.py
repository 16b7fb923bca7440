"""Q2n: against its definition, computed pixel by pixel with hypercomplex products, and properties."""

import numpy as np
import pytest

from common.metrics import blocks
from common.metrics.hypercomplex import product_signs, q2n
from common.metrics.window_indices import uiq_per_band
from tests.support.image_pairs import random_dn


def conjugate(number: np.ndarray) -> np.ndarray:
    return np.concatenate([number[:1], -number[1:]])


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The Cayley-Dickson product of two numbers, (components,) both: (a, b)(c, d) = (ac - d*b, da + bc*)."""
    if len(x) == 1:
        return x * y
    (a, b), (c, d) = np.split(x, 2), np.split(y, 2)
    return np.concatenate([product(a, c) - product(conjugate(d), b), product(d, a) + product(b, conjugate(c))])


def q_by_definition(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Q of one block, (pixels, bands) both, with the normalisation and the sums of the authors' code."""
    mean, deviation = truth.mean(axis=0), truth.std(axis=0, ddof=1)
    padding = ((0, 0), (0, {2: 0, 3: 1, 6: 2}[truth.shape[1]]))
    x, y = (np.pad((image - mean) / deviation + 1, padding, constant_values=1) for image in (truth, estimate))
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    count = len(x) - 1
    covariance = sum(product(p - mean_x, conjugate(q - mean_y)) for p, q in zip(x, y, strict=True)) / count
    variance_x, variance_y = (((image - image.mean(axis=0)) ** 2).sum() / count for image in (x, y))
    norm_x, norm_y = np.linalg.norm(mean_x), np.linalg.norm(mean_y)
    correlation = np.linalg.norm(covariance) / np.sqrt(variance_x * variance_y)
    contrast = 2 * np.sqrt(variance_x * variance_y) / (variance_x + variance_y)
    return correlation * contrast * 2 * norm_x * norm_y / (norm_x**2 + norm_y**2)


@pytest.mark.parametrize("bands", [2, 3, 6])
def test_q2n_is_its_definition(bands, monkeypatch):
    """Two rows of two blocks, in strips of one row."""
    monkeypatch.setattr(blocks, "STRIP_PIXELS", 1)
    truth = random_dn(1, 17, 16, bands).astype(np.float32)
    estimate = 0.8 * truth + 0.3 * random_dn(2, 17, 16, bands)[..., ::-1] + np.arange(bands)
    parts = [(slice(top, top + 8), slice(left, left + 8)) for top in (0, 8) for left in (0, 8)]
    expected = [q_by_definition(truth[part].reshape(64, bands), estimate[part].reshape(64, bands)) for part in parts]
    assert q2n(truth, estimate, side=8) == pytest.approx(np.mean(expected), rel=1e-6)


def test_unit_quaternions():
    """i j = k, j k = i, k i = j, and the squares are -1."""
    signs = product_signs(4)
    np.testing.assert_array_equal(signs, [[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]])


def test_octonions_keep_lengths():
    rng = np.random.default_rng(0)
    x, y, signs = rng.normal(size=8), rng.normal(size=8), product_signs(8)
    units = np.arange(8)
    z = np.array([sum(signs[i, i ^ k] * x[i] * y[i ^ k] for i in units) for k in units])
    np.testing.assert_allclose(z, product(x, y))
    assert np.linalg.norm(z) == pytest.approx(np.linalg.norm(x) * np.linalg.norm(y))


@pytest.mark.parametrize("bands", [1, 2, 6])
def test_equal_images_are_perfect_and_others_are_not(bands):
    image = random_dn(1, 40, 40, bands)
    assert q2n(image, image) == pytest.approx(1)
    assert 0 <= q2n(image, random_dn(2, 40, 40, bands)) < 0.2
    assert q2n(image, image // 2) < 0.9


def test_bands_in_another_order_lower_it_but_not_the_mean_over_bands():
    """Bands of equal moments that are swapped: UIQ of each band sees noise only in the detail, Q2n in the colour too."""
    image = random_dn(1, 32, 32, 4)
    assert q2n(image, image[..., [1, 0, 2, 3]]) < 0.75
    assert uiq_per_band(image, image[..., [1, 0, 2, 3]])[2:].min() == pytest.approx(1)


def test_units_of_bands_do_not_count():
    truth, estimate = random_dn(1, 32, 32), random_dn(2, 32, 32)
    factors = np.array([1, 10, 0.1])
    assert q2n(truth * factors, estimate * factors) == pytest.approx(q2n(truth, estimate))


def test_constant_bands():
    truth = np.full((32, 32, 2), 500.0)
    assert q2n(truth, truth) == 1
    assert q2n(truth, truth + 1) == pytest.approx(2 * 2**0.5 * 8**0.5 / (2 + 8))  # means of 1 and of 2


def test_blocks_with_an_invalid_pixel_do_not_count():
    truth, estimate = random_dn(1, 32, 64), random_dn(2, 32, 64).astype(np.float32)
    mask = np.ones((32, 64), bool)
    mask[3, 40] = False
    estimate[3, 40] = np.nan
    assert q2n(truth, estimate, mask) == q2n(truth[:, :32], estimate[:, :32])
    mask[31, 31] = False
    assert q2n(truth, estimate, mask) is None


def test_a_value_that_is_not_finite_is_an_error():
    truth = random_dn(1, 32, 32).astype(np.float32)
    with pytest.raises(ValueError, match="NaN or infinity"):
        q2n(truth, np.where(truth == truth.max(), np.nan, truth))
