"""Blocks: which pixels they hold, which count, and their moments."""

import numpy as np

from common.metrics import blocks
from common.metrics.blocks import block_moments, cut_blocks, whole_blocks
from tests.support.image_pairs import random_dn


def test_blocks_are_counted_from_the_upper_left_and_leave_the_rest_out():
    image = random_dn(1, 9, 14)
    (cut,) = cut_blocks([image], 4, np.ones((2, 3), bool))
    assert cut.dtype == np.float64
    expected = [image[row : row + 4, col : col + 4] for row in (0, 4) for col in (0, 4, 8)]
    np.testing.assert_array_equal(cut, expected)


def test_a_block_with_an_invalid_pixel_does_not_count():
    valid = np.ones((9, 14), bool)
    valid[5, 7] = valid[8, 0] = valid[0, 13] = False  # the last two are in no block
    counted = whole_blocks(valid, 4)
    np.testing.assert_array_equal(counted, [[True, True, True], [True, False, True]])
    image = random_dn(1, 9, 14)
    (cut,) = cut_blocks([image], 4, counted)
    np.testing.assert_array_equal(cut[3:], [image[4:8, :4], image[4:8, 8:12]])


def test_rows_of_blocks_come_in_parts(monkeypatch):
    """Two rows of two blocks at a time, and the bands of all images together."""
    monkeypatch.setattr(blocks, "STRIP_PIXELS", 71)
    images = random_dn(1, 21, 9), random_dn(2, 21, 9, 1)
    parts = list(cut_blocks(images, 4, np.ones((5, 2), bool)))
    assert [part.shape for part in parts] == [(4, 4, 4, 4), (4, 4, 4, 4), (2, 4, 4, 4)]
    monkeypatch.undo()
    (whole,) = cut_blocks(images, 4, np.ones((5, 2), bool))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(whole[-1], np.concatenate(images, axis=-1)[16:20, 4:8])
    assert list(cut_blocks(images, 30, np.ones((0, 0), bool))) == []


def test_moments_are_those_of_numpy():
    (cut,) = cut_blocks([random_dn(2, 8, 8)], 4, np.ones((2, 2), bool))
    moments = block_moments(cut)
    for block, mean, covariance in zip(cut, *moments, strict=True):
        np.testing.assert_allclose(mean, block.mean(axis=(0, 1)))
        np.testing.assert_allclose(covariance, np.cov(block.reshape(16, 3).T))
