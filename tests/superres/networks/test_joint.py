"""What `joint` reads of a scene, what it guesses of the bands' detail, and how weighted sums are formed."""

import keras
import numpy as np
import pytest

from common.networks.openvino_network import compile_with_openvino
from common.networks.upsample import Upsample
from common.pixels.sentinel2 import JOINT
from common.pixels.upsampling import BILINEAR
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, NO_UPSAMPLING
from superres.networks.joint import WEIGHT_OF_SURROUNDINGS, WeightedSums, guess_both, read_detail
from superres.networks.layers import Fold, Unfold
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_joint_network


def random_images(seed: int = 0) -> list[np.ndarray]:
    """The bands of 10 m, of 20 m, and of 60 m on the 20 m grid, in network units."""
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.2, 2, (1, side, side, bands)).astype(np.float32) for side, bands in ((24, 4), (12, 6), (12, 2))
    ]


def images_of_a_landscape(relation: np.ndarray, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """The bands of a scene, and the true eight bands at 10 m, which are sums of the 10 m bands.

    The landscape is random, with detail of all sizes; `relation` is (4, 8).
    """
    rng = np.random.default_rng(seed)
    fine = sum(rng.normal(0, 0.02, (72 // px, 72 // px, 4)).repeat(px, 0).repeat(px, 1) for px in (1, 2, 6)) + 0.5
    sharp = fine @ relation + 0.3
    at_20m, at_60m = (mean_of_blocks(sharp[..., bands], px) for bands, px in ((np.s_[:6], 2), (np.s_[6:], 6)))
    return [image[None].astype(np.float32) for image in (fine, at_20m, at_60m)], sharp


def mean_of_blocks(image: np.ndarray, px: int) -> np.ndarray:
    rows, cols, bands = image.shape
    return image.reshape(rows // px, px, cols // px, px, bands).mean(axis=(1, 3))


@pytest.mark.parametrize("seed", range(3))
def test_guess_is_right_where_bands_are_sums_of_sharper_bands(seed: int) -> None:
    """Whatever the sums are, and in an untrained network: the relation is found in the image."""
    relation = np.random.default_rng(seed).normal(0, 0.7, (4, 8))
    images, sharp = images_of_a_landscape(relation, seed)
    model = build_network("joint", JOINT)
    predicted = np.asarray(model(dict(zip(model.input, images, strict=True))))[0]
    upsampled = np.concatenate(
        [np.asarray(Upsample(px)(image))[0] for px, image in zip((2, 6), images[1:], strict=True)], axis=-1
    )
    for bands, at_most in ((np.s_[:6], 0.1), (np.s_[6:], 0.35)):
        error, plain = (rms((image - sharp)[6:-6, 6:-6, bands]) for image in (predicted, upsampled))
        assert error < at_most * plain


def rms(image: np.ndarray) -> float:
    return float(np.sqrt((image**2).mean()))


def test_guides_explain_all_of_such_bands_and_little_of_others() -> None:
    images, _ = images_of_a_landscape(np.random.default_rng(5).normal(0, 0.7, (4, 8)))
    for guess in guess_both(*images, BILINEAR):
        assert rms(np.asarray(guess.residual)) < 0.05 * rms(np.asarray(guess.contrast))
    images[1] = images_of_a_landscape(np.ones((4, 8)), seed=9)[0][1]
    guess = guess_both(*images, BILINEAR)[0]
    assert rms(np.asarray(guess.residual)) > 0.5 * rms(np.asarray(guess.contrast))


def test_brighter_bands_with_stronger_edges_look_the_same() -> None:
    """Inputs divided by contrast stay as they are; the others grow with the band."""
    images = random_images()
    seen = [np.asarray(part) for part in read_detail(*images)]
    images[1][..., 4] *= 3  # B11, of the 20 m bands: the ninth band of all
    brighter = [np.asarray(part) for part in read_detail(*images)]
    for before, after in zip(seen[:2], brighter[:2], strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3)
    changed = [np.flatnonzero(np.abs(a - b).max(axis=(0, 1, 2)) > 1e-3) for a, b in zip(seen, brighter, strict=True)]
    assert [bands.tolist() for bands in changed[2:]] == [[], [8], [8]]  # its detail and its surroundings


def test_no_detail_is_lost() -> None:
    """Detail and surroundings are all of the image."""
    fine, at_20m, from_60m = random_images()
    *_, inside, detail, surroundings = (np.asarray(part) for part in read_detail(fine, at_20m, from_60m))
    on_grid = detail + surroundings / WEIGHT_OF_SURROUNDINGS
    np.testing.assert_allclose(on_grid[..., 4:], np.concatenate([at_20m, from_60m], axis=-1), atol=1e-6)
    np.testing.assert_allclose(inside + np.tile(on_grid[..., :4], 4), np.asarray(Fold(2)(fine)), atol=1e-6)


def test_weighted_sums_are_over_the_guides_at_each_fine_pixel() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(1, 6, 6, 4 * 2)).astype(np.float32)
    detail = rng.normal(size=(1, 12, 12, 4)).astype(np.float32)
    layer = WeightedSums(4)
    folded = layer([weights, Fold(2)(detail)])
    assert folded.shape == layer.compute_output_shape([weights.shape, (1, 6, 6, 16)])
    of_pixel = weights.repeat(2, axis=1).repeat(2, axis=2).reshape(1, 12, 12, 4, 2)
    np.testing.assert_allclose(np.asarray(Unfold(2)(folded)), (of_pixel * detail[..., None]).sum(axis=-2), atol=1e-5)


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


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("upsample", [BILINEAR, NO_UPSAMPLING])
def test_convolutions_compute_in_half_precision_but_for_one_that_returns_bands(dtype: str, upsample: str) -> None:
    model = build_network("joint", JOINT, dtype, upsample=upsample)
    half = {layer.name for layer in model.layers if layer.compute_dtype == dtype}
    convolutions = {layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)}
    assert half == convolutions - ({"last"} if upsample == NO_UPSAMPLING else set())
    images, _ = images_of_a_landscape(np.ones((4, 8)))
    predicted = model(dict(zip(model.input, images, strict=True)))
    assert predicted.dtype == "float32" and np.isfinite(predicted).all()


def test_bfloat16_changes_nothing_of_the_guess() -> None:
    """An untrained network returns the guess, which no layer in half precision touches."""
    images, _ = images_of_a_landscape(np.random.default_rng(2).normal(0, 0.7, (4, 8)))
    both = [build_network("joint", JOINT, dtype) for dtype in ("float32", "bfloat16")]
    expected, predicted = (np.asarray(model(dict(zip(model.input, images, strict=True)))) for model in both)
    np.testing.assert_array_equal(predicted, expected)
