"""Checks of fusion networks that several tests share."""

import keras
import numpy as np

from common.networks.engines import TENSORFLOW
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, input_gsds, sharpened_bands
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.prediction.windows import array_reader, compile_model, predict_windows


def gsds_of(name: str) -> tuple[Gsd, ...]:
    """Return the GSDs that a network of the catalogue can be built for."""
    return (JOINT,) if NETWORKS[name].joint else (20, 60)


def random_batch(gsd: Gsd, patches: int = 2, size: int = 12, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return inputs and target of a fusion network, float32 in network units. `size`: output pixels, a multiple of 6."""
    rng = np.random.default_rng(seed)

    def images(side: int, bands: int) -> np.ndarray:
        return rng.uniform(0, 2, (patches, side, side, bands)).astype(np.float32)

    inputs = {f"input_{g}m": images(size * 10 // g, len(BANDS_BY_GSD[g])) for g in input_gsds(gsd)}
    return inputs, images(size, len(sharpened_bands(gsd)))


def set_random_weights(model: keras.Model, seed: int = 0, spread: float = 0.2) -> None:
    """Give every trainable weight a random value, also those that start as zeros."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        fan_in = np.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 1
        variable.assign(rng.normal(0, spread if fan_in == 1 else (2 / fan_in) ** 0.5, variable.shape))


def check_network(name: str, gsd: Gsd) -> None:
    """Check shapes, types, the round trip of the configuration, and that a training step lowers the loss of a batch."""
    model = build_network(name, gsd)
    inputs, target = random_batch(gsd)
    before = np.asarray(model(inputs))
    assert (
        before.shape
        == target.shape
        == (2, *model.compute_output_shape({key: image.shape for key, image in inputs.items()})[1:])
    )
    assert before.dtype == np.float32
    assert set(model.input) == set(inputs)
    wide = {key: np.concatenate([image, image], axis=2) for key, image in inputs.items()}
    assert model(wide).shape == (2, 12, 24, len(sharpened_bands(gsd)))  # any size, not only squares

    again = type(model).from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(np.asarray(again(inputs)), before)

    set_random_weights(model)
    model.compile(keras.optimizers.SGD(1e-4), "mean_absolute_error", run_eagerly=True, jit_compile=False)
    first = float(model.train_on_batch(inputs, target))
    assert float(model.test_on_batch(inputs, target)) < first


def predict_by_windows(
    model: keras.Model, inputs: dict[str, np.ndarray], margin: int, window_px: int, engine: str = TENSORFLOW
) -> np.ndarray:
    """Predict a scene in memory window by window and return (rows, cols, bands) float32."""
    rows, cols = inputs["input_10m"].shape[:2]
    result = np.full((rows, cols, model.output_shape[-1]), np.nan, np.float32)
    for window, prediction in predict_windows(
        compile_model(model, engine), array_reader(inputs), rows, cols, margin, window_px
    ):
        result[window.slices] = prediction
    return result
