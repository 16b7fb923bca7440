"""Turns of patches: the eight symmetries of a square, the same for all images of a batch."""

import numpy as np
import pytest

from common.training.augmentation import turn_all, turn_image
from tests.support.block_means import block_mean
from tests.support.turns import symmetries


def test_turns_are_the_eight_symmetries() -> None:
    image = np.arange(9, dtype=np.uint16).reshape(3, 3)
    turned = [np.asarray(turn_image(image[None, ..., None], turn))[0, ..., 0].tobytes() for turn in range(8)]
    assert turned[0] == image.tobytes()
    assert sorted(turned) == sorted(symmetries(image))
    assert len(set(turned)) == 8


@pytest.mark.parametrize("turn", range(8))
def test_inputs_and_target_turn_together(turn: int) -> None:
    """A coarse image stays the block mean of the fine one; arrays that are no images stay."""
    fine = np.random.default_rng(0).random((2, 4, 4, 1), np.float32)
    patches = {"coarse": np.stack([block_mean(image, 2) for image in fine]), "fine": fine, "scale": np.array([2, 0])}
    turned = turn_all(patches, turn)
    for coarse, turned_fine in zip(turned["coarse"], turned["fine"], strict=True):
        np.testing.assert_allclose(coarse, block_mean(turned_fine, 2), rtol=1e-6)
    np.testing.assert_array_equal(turned["scale"], [2, 0])
    assert (turned["fine"].tobytes() == fine.tobytes()) == (turn == 0)


@pytest.mark.parametrize("turn", range(8))
def test_bands_of_a_pixel_stay_together(turn: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9999, (3, 4, 4, 6), np.uint16)
    turned = np.asarray(turn_image(images, turn))
    assert (turned.shape, turned.dtype) == (images.shape, images.dtype)
    for band in range(6):
        np.testing.assert_array_equal(turned[..., band], turn_image(images[..., band : band + 1].copy(), turn)[..., 0])
