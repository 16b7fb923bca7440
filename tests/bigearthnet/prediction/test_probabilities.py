"""Probabilities of patches in memory: one for each patch and class, whatever the batch size."""

import numpy as np
import pytest

from bigearthnet.networks.build import build_network
from bigearthnet.prediction.probabilities import predict_images

pytestmark = pytest.mark.usefixtures("tiny")
SHAPES = {"s2_10m": (120, 120, 4), "s1": (120, 120, 2)}


def images(patches: int) -> dict[str, np.ndarray]:
    """Images of groups that the network takes, and of one that it does not take."""
    rng = np.random.default_rng(0)
    shapes = SHAPES | {"s2_60m": (20, 20, 2)}
    return {group: rng.normal(size=(patches, *shape)).astype(np.float32) for group, shape in shapes.items()}


@pytest.mark.parametrize("sync_batch_norm", [False, True])
def test_probabilities_are_the_sigmoid_of_the_logits(sync_batch_norm: bool) -> None:
    model, patches = build_network("small", SHAPES, 3, sync_batch_norm=sync_batch_norm), images(5)
    logits = np.asarray(model({group: patches[group] for group in SHAPES}))
    probabilities = predict_images(model, patches, batch_size=5)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-logits)), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 64])
def test_batches_keep_the_order(batch_size: int) -> None:
    model, patches = build_network("small", SHAPES, 3), images(5)
    np.testing.assert_allclose(predict_images(model, patches, batch_size), predict_images(model, patches, 5), atol=1e-5)


def test_single_image_of_a_network() -> None:
    model = build_network("small", {"s1": (120, 120, 2)}, 3)
    assert predict_images(model, images(2), batch_size=64).shape == (2, 3)
