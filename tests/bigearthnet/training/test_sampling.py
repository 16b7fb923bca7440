"""How often patches come: repeat factors of rare classes."""

import numpy as np

from bigearthnet.training.config import BALANCED, SHUFFLED
from bigearthnet.training.sampling import patch_weights, repeat_factors


def test_a_patch_has_the_repeat_factor_of_its_rarest_class() -> None:
    """Shares 0.8, 0.4, 0.1 and 0: the median of those above 0 is 0.4."""
    labels = np.zeros((10, 4), np.uint8)
    labels[:8, 0] = labels[2:6, 1] = labels[7, 2] = 1
    factors = repeat_factors(labels)
    np.testing.assert_allclose(factors, [1, 1, 1, 1, 1, 1, 1, 2, 1, 1])
    np.testing.assert_array_equal(patch_weights(BALANCED, labels), factors)
    assert patch_weights(SHUFFLED, labels) is None


def test_patches_without_classes_come_once() -> None:
    np.testing.assert_array_equal(repeat_factors(np.zeros((3, 2))), 1)
