"""What `joint` reads of a scene, and how it adds the detail of the 10 m bands to the 60 m bands."""

import numpy as np
import pytest

from common.networks.openvino_network import compile_with_openvino
from common.pixels.sentinel2 import JOINT
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.joint import SURROUNDINGS_PX, WEIGHT_OF_SURROUNDINGS, WeightedDetail, mean_around, read_detail
from superres.networks.layers import Fold, Unfold
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_joint_network


def random_images(seed: int = 0) -> list[np.ndarray]:
    """The bands of 10 m, of 20 m, and of 60 m on the 20 m grid, in network units."""
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.2, 2, (1, side, side, bands)).astype(np.float32) for side, bands in ((24, 4), (12, 6), (12, 2))
    ]


def test_brighter_bands_with_stronger_edges_look_the_same() -> None:
    """Inputs divided by contrast stay as they are; the others grow with the band."""
    images = random_images()
    seen, contrast = (np.asarray(part) for part in read_detail(*images))
    images[1][..., 4] *= 3  # B11, of the 20 m bands
    seen_brighter, contrast_brighter = (np.asarray(part) for part in read_detail(*images))
    relative, absolute = slice(0, 28), slice(28, None)
    np.testing.assert_allclose(seen_brighter[..., relative], seen[..., relative], rtol=1e-3, atol=1e-3)
    changed = np.flatnonzero(np.abs(seen_brighter - seen)[..., absolute].max(axis=(0, 1, 2)) > 1e-3)
    assert changed.tolist() == [
        16 + 8,
        16 + 12 + 8,
    ]  # its detail and its surroundings; 16 bands of folded detail precede
    np.testing.assert_allclose(contrast_brighter[..., 8], 3 * contrast[..., 8], rtol=1e-3)


def test_no_detail_is_lost() -> None:
    """Detail and surroundings are all of the image."""
    fine, at_20m, from_60m = random_images()
    seen = np.asarray(read_detail(fine, at_20m, from_60m)[0])
    inside, detail, surroundings = np.split(seen[..., 28:], [16, 28], axis=-1)
    on_grid = detail + surroundings / WEIGHT_OF_SURROUNDINGS
    np.testing.assert_allclose(on_grid[..., 4:], np.concatenate([at_20m, from_60m], axis=-1), atol=1e-6)
    np.testing.assert_allclose(inside + np.tile(on_grid[..., :4], 4), np.asarray(Fold(2)(fine)), atol=1e-6)


def test_mean_around_counts_the_pixels_that_exist() -> None:
    image = random_images()[1]
    means = np.asarray(mean_around(image, SURROUNDINGS_PX))
    np.testing.assert_allclose(means[0, 5, 7], image[0, 3:8, 5:10].mean(axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(means[0, 0, 0], image[0, :3, :3].mean(axis=(0, 1)), rtol=1e-6)


def test_weighted_detail_is_a_sum_over_the_bands_at_each_fine_pixel() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(1, 6, 6, 2 * 4)).astype(np.float32)
    detail = rng.normal(size=(1, 12, 12, 4)).astype(np.float32)
    layer = WeightedDetail()
    folded = layer([weights, Fold(2)(detail)])
    assert folded.shape == layer.compute_output_shape([weights.shape, (1, 6, 6, 16)])
    of_pixel = weights.repeat(2, axis=1).repeat(2, axis=2).reshape(1, 12, 12, 2, 4)
    np.testing.assert_allclose(np.asarray(Unfold(2)(folded)), (of_pixel * detail[..., None, :]).sum(axis=-1), atol=1e-5)


def test_openvino_computes_the_same_for_images_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())
    model = build_network("joint", JOINT)
    set_random_weights(model)
    predict = compile_with_openvino(model)
    for rows in (24, 36):
        rng = np.random.default_rng(rows)
        images = {
            name: rng.uniform(0, 2, (rows * 10 // gsd, 240 // gsd, tensor.shape[-1])).astype(np.float32)
            for (name, tensor), gsd in zip(model.input.items(), (10, 20, 60), strict=True)
        }
        expected = np.asarray(model({name: image[None] for name, image in images.items()}))[0]
        np.testing.assert_allclose(predict(images), expected, atol=1e-5 * np.abs(expected).max())
