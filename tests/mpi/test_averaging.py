"""Ranks with different data end a step with equal weights: those of one process with all the data.

Horovod's own Keras wrappers fail these tests under Keras 3, some of them silently.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.backends import half_width
from common.networks.batch_statistics import SyncBatchNormalization
from common.training.optimizer import compile_model
from common.training.optimizers.layerwise import Lamb, Lars

STEPS, BATCH = 3, 4
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    # The mean over ranks is clipped, not the gradients of each rank.
    "clipped sgd": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.5),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "lars": lambda: Lars(5.0),
    "scaled lamb": lambda: keras.optimizers.LossScaleOptimizer(Lamb(0.1)),
    "scaled sgd": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)),
    "scaled nadam": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Nadam(0.01)),
}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-6}  # float32; Nadam divides by small numbers
ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}  # largest relative error of a number that is rounded once


def build_model(optimizer: keras.optimizers.Optimizer, seed: int = 0) -> keras.Model:
    """Return a compiled network of two layers."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(2)])
    model.compile(optimizer, loss="mean_squared_error", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def all_data(ranks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (ranks, STEPS, BATCH, 5) and targets (ranks, STEPS, BATCH, 2)."""
    rng = np.random.default_rng(7)
    return (
        rng.standard_normal((ranks, STEPS, BATCH, 5)).astype(np.float32),
        rng.standard_normal((ranks, STEPS, BATCH, 2)).astype(np.float32),
    )


def take_step(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Take one step, as a hand-written training loop does."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
        scaled = model.optimizer.scale_loss(loss)
    gradients = tape.gradient(scaled, [variable.value for variable in model.trainable_variables])
    model.optimizer.apply(gradients, model.trainable_variables)


def train_eagerly(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Take all steps outside a TensorFlow function."""
    for step in range(STEPS):
        take_step(model, x[step], y[step])


def train_in_a_function(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Take all steps in a TensorFlow function."""
    function = tf.function(lambda x, y: take_step(model, x, y))
    for step in range(STEPS):
        function(tf.constant(x[step]), tf.constant(y[step]))


def train_by_fit(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Take all steps with Keras' `fit`."""
    model.fit(tf.data.Dataset.from_tensor_slices((x, y)), verbose=0, shuffle=False)


@pytest.mark.parametrize(
    ("name", "train"),
    [
        ("sgd", train_in_a_function),
        ("clipped sgd", train_by_fit),
        ("nadam", train_by_fit),
        ("scaled sgd", train_eagerly),
        ("scaled nadam", train_by_fit),
    ],
)
def test_steps_equal_those_of_one_process_on_the_joined_batch(
    name: str, train: Callable, ranks: int, same_on_all_ranks: Callable
) -> None:
    x, y = all_data(ranks)
    model = build_model(hvd.DistributedOptimizer(OPTIMIZERS[name]()))
    start = model.get_weights()
    train(model, x[hvd.rank()], y[hvd.rank()])
    same_on_all_ranks(model.get_weights())

    single = build_model(OPTIMIZERS[name]())
    train(single, np.concatenate(x, axis=1), np.concatenate(y, axis=1))
    for first, weights, expected in zip(start, model.get_weights(), single.get_weights(), strict=True):
        assert not np.allclose(first, expected, **TOLERANCE)
        np.testing.assert_allclose(weights, expected, **TOLERANCE)


def test_ranks_drift_apart_without_averaging(ranks: int) -> None:
    """The test above would see this if nothing were averaged."""
    x, y = all_data(ranks)
    model = build_model(keras.optimizers.SGD(0.1))
    train_by_fit(model, x[hvd.rank()], y[hvd.rank()])
    kernels = hvd.allgather_object(model.get_weights()[0])
    assert not np.allclose(kernels[0], kernels[1], **TOLERANCE)


def test_accumulated_batches_are_averaged_over_ranks_once_a_step(
    ranks: int, same_on_all_ranks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = all_data(ranks)
    messages, average = [], hvd._backend.average
    monkeypatch.setattr(hvd._backend, "average", lambda tensors: messages.append(tensors) or average(tensors))
    model, single = build_model(keras.optimizers.SGD(0.1)), build_model(keras.optimizers.SGD(0.1))
    compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32", accumulate=2)
    model.run_eagerly = True
    train_by_fit(model, x[hvd.rank()], y[hvd.rank()])
    assert len(messages) == STEPS
    same_on_all_ranks(model.get_weights())
    train_by_fit(single, np.concatenate(x, axis=1), np.concatenate(y, axis=1))
    for weights, expected in zip(model.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, **TOLERANCE)


def test_synchronised_normalisations_see_the_same_part_of_all_ranks(
    ranks: int, same_on_all_ranks: Callable, alone: Callable
) -> None:
    """One process takes the parts of all ranks, joined, as its parts."""

    def build() -> keras.Model:
        keras.utils.set_random_seed(0)
        layers = [keras.Input((5,)), keras.layers.Dense(6), SyncBatchNormalization(), keras.layers.Dense(2)]
        model = keras.Sequential(layers)
        compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32", accumulate=2)
        return model

    def joined(data: np.ndarray) -> np.ndarray:
        parts = data.reshape(ranks, STEPS, 2, BATCH // 2, -1).transpose(1, 2, 0, 3, 4)
        return parts.reshape(STEPS, ranks * BATCH, -1)

    x, y = all_data(ranks)
    model = build()
    train_by_fit(model, x[hvd.rank()], y[hvd.rank()])
    same_on_all_ranks(model.get_weights())
    with alone():
        single = build()
        train_by_fit(single, joined(x), joined(y))
    for weights, expected in zip(model.get_weights(), single.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", half_width.FORMATS)
def test_gradients_that_travel_in_16_bits_are_rounded_twice(
    dtype: str, ranks: int, same_on_all_ranks: Callable
) -> None:
    """Ranks have gradients of different sizes, too large and too small for plain float16, that do not divide by ranks."""
    rng = np.random.default_rng(3)
    of_ranks = [rng.standard_normal(1001).astype(np.float32) * 10.0 ** (7 - 14 * rank) for rank in range(ranks)]
    own = tf.constant(of_ranks[hvd.rank()])
    average = tf.function(lambda tensors: hvd.average_gradients(tensors, dtype))
    means = np.concatenate([mean.numpy() for mean in average([own[:7], own[7:]])])
    same_on_all_ranks([means])
    exact, sizes = np.mean(np.float64(of_ranks), axis=0), np.mean(np.abs(of_ranks), axis=0)
    error = np.abs(means - exact)
    assert (error <= 2.01 * ROUNDING[dtype] * sizes + 2.0**-37 * sizes.max()).all()
    assert error.max() > ROUNDING[dtype] / 4 * sizes.max()


def test_ranks_hold_equal_weights_if_gradients_travel_in_16_bits(ranks: int, same_on_all_ranks: Callable) -> None:
    """The weights are not those of float32, but close to them."""
    x, y = all_data(ranks)
    weights = []
    for dtype in ("bfloat16", "float32"):
        model = build_model(keras.optimizers.SGD(0.1))
        compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32", gradient_precision=dtype)
        train_eagerly(model, x[hvd.rank()], y[hvd.rank()])
        same_on_all_ranks(model.get_weights())
        weights.append(model.get_weights())
    for rounded, exact in zip(*weights, strict=True):
        assert 0 < np.abs(rounded - exact).max() < 4 * ROUNDING["bfloat16"]


@pytest.mark.parametrize("bad, dtype", [(np.inf, "float32"), (np.nan, "float16")])
def test_all_ranks_skip_a_step_that_overflows_on_one(
    bad: float, dtype: str, ranks: int, same_on_all_ranks: Callable
) -> None:
    x, y = all_data(ranks)
    model = build_model(hvd.DistributedOptimizer(OPTIMIZERS["scaled nadam"](), dtype))
    before = model.get_weights()
    own_x = x[hvd.rank()].copy()
    if hvd.rank() == 1:
        own_x[0, 0, 0] = bad
    take_step(model, own_x[0], y[hvd.rank()][0])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert float(model.optimizer.dynamic_scale) == model.optimizer.initial_scale / 2
    take_step(model, own_x[1], y[hvd.rank()][1])
    assert not np.array_equal(model.get_weights()[0], before[0])
    same_on_all_ranks([*model.variables, *model.optimizer.variables])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_tensors_of_all_shapes_are_averaged(dtype: str, ranks: int) -> None:
    """Numbers up to 8 bits, so that their means are exact."""
    shapes = [(), (3,), (2, 1, 2), (0,)]
    tensors = [tf.fill(shape, tf.cast(2 * hvd.rank() + index, dtype)) for index, shape in enumerate(shapes)]
    for index, mean in enumerate(tf.function(hvd._backend.average)(tensors)):
        assert (mean.dtype.name, tuple(mean.shape)) == (dtype, shapes[index])
        assert (mean.numpy() == index + ranks - 1).all()


def test_the_gradient_of_a_mean_is_averaged(ranks: int) -> None:
    """Rank r has the loss (r + 1) y^2 of the mean y of r over ranks: the gradients are 2 (r + 1) y."""
    own = tf.constant(float(hvd.rank()))
    with tf.GradientTape() as tape:
        tape.watch(own)
        mean = hvd.allreduce_average(own)
        loss = (hvd.rank() + 1) * mean**2
    assert float(mean) == (ranks - 1) / 2
    assert float(tape.gradient(loss, own)) == pytest.approx(2 * (ranks - 1) / 2 * (ranks + 1) / 2)


def test_variables_that_the_loss_does_not_use_stay(ranks: int) -> None:
    used, unused = keras.Variable([1.0]), keras.Variable([1.0])
    optimizer = hvd.DistributedOptimizer(keras.optimizers.SGD(1.0))
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, tf.constant([float(hvd.rank())])], [unused, used])
    assert float(used[0]) == pytest.approx(1 - sum(range(ranks)) / ranks)
    assert float(unused[0]) == 1


@pytest.mark.parametrize("name", ["nadam", "lars", "scaled lamb"])
def test_a_saved_model_holds_the_plain_optimizer(name: str, tmp_path: Path) -> None:
    plain = OPTIMIZERS[name]()
    model = build_model(hvd.DistributedOptimizer(plain))
    assert isinstance(model.optimizer, type(plain))
    assert type(model.optimizer) is not type(plain)
    assert model.optimizer.get_config() == plain.get_config()
    model.save(tmp_path / "model.keras")
    # Keras finds its own classes by their names; ours must be named.
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Lars": Lars})
    assert type(loaded.optimizer) is type(plain)
