"""Upsampling: bilinear against scikit-image, bicubic on a surface that it reproduces."""

import numpy as np
import pytest
from skimage.transform import resize

from common.networks.upsample import Upsample


def test_bilinear_is_that_of_scikit_image() -> None:
    image = np.random.default_rng(0).random((20, 20, 2), np.float32)
    expected = resize(image, (120, 120, 2), order=1, mode="reflect", anti_aliasing=False)
    np.testing.assert_allclose(np.asarray(Upsample(6)(image[None]))[0], expected, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 6])
def test_bicubic_reproduces_a_quadratic_surface(factor: int) -> None:
    """As Keys' kernel with a = -0.5 does, away from the border; bilinear interpolation does not."""

    def surface(size: int) -> np.ndarray:
        position = (np.arange(size) + 0.5) / size
        return (position[:, None] ** 2 + 0.5 * position * position[:, None] - position).astype(np.float32)

    bicubic = np.asarray(Upsample(factor, "bicubic")(surface(20)[None, :, :, None]))[0, ..., 0]
    inside = slice(2 * factor, -2 * factor)
    np.testing.assert_allclose(bicubic[inside, inside], surface(20 * factor)[inside, inside], atol=2e-4)
    bilinear = np.asarray(Upsample(factor)(surface(20)[None, :, :, None]))[0, ..., 0]
    assert np.abs(bilinear - surface(20 * factor))[inside, inside].max() > 3e-4
