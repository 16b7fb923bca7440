"""Interpolation equals scikit-image's."""

import numpy as np
import pytest
from skimage.transform import resize

from superres.prediction.interpolation import INTERPOLATIONS, SPLINE_REACH, interpolate


@pytest.mark.parametrize("method, order", INTERPOLATIONS.items())
@pytest.mark.parametrize("factor", [2, 6])
def test_interpolation_is_scikit_images(method, order, factor):
    coarse = np.random.default_rng(0).uniform(0, 9000, (7, 8, 2)).astype(np.float32)
    upsampled = interpolate(coarse, (7 * factor, 8 * factor, 2), order)
    assert upsampled.dtype == np.float32
    for band in range(2):  # one by one, because scikit-image clips to the range of the whole image
        expected = resize(
            coarse[..., band].astype(np.float64),
            (7 * factor, 8 * factor),
            order=order,
            mode="reflect",
            anti_aliasing=False,
            preserve_range=True,
        )
        np.testing.assert_allclose(upsampled[..., band], expected, rtol=1e-4)


@pytest.mark.parametrize("order", INTERPOLATIONS.values())
def test_without_clipping_a_part_equals_the_whole(order):
    coarse = np.random.default_rng(0).uniform(0, 9000, (90, 9, 1)).astype(np.float32)
    whole = interpolate(coarse, (180, 18, 1), order, clip=False)
    part = interpolate(coarse[20:70], (100, 18, 1), order, clip=False)
    inner = slice(2 * SPLINE_REACH, -2 * SPLINE_REACH)
    np.testing.assert_allclose(part[inner], whole[40:140][inner], atol=1e-2)
    assert (order == 1) == (whole.max() <= coarse.max())


@pytest.mark.parametrize("shape", [(14, 17, 2), (15, 16, 2), (14, 16, 3), (3, 4, 2)])
def test_factor_must_be_whole(shape):
    with pytest.raises(ValueError, match=r"shape must be a multiple of \(7, 8\) with 2 bands"):
        interpolate(np.zeros((7, 8, 2)), shape, 1)
