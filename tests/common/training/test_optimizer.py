"""Optimizers of one rank: weight decay, scaled losses, and the variables of a checkpoint."""

import keras
import numpy as np
import pytest

from common.runs.config import OPTIMIZERS, RunConfig
from common.training.optimizer import build_optimizer, compile_model


def dense_model() -> keras.Model:
    """Return a model with a kernel and a bias, all ones."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.set_weights([np.ones((3, 2)), np.ones(2)])
    return model


def test_a_compiled_model_trains() -> None:
    model = dense_model()
    compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32")
    before = model.evaluate(np.ones((4, 3)), np.zeros((4, 2)), verbose=0)
    model.train_on_batch(np.ones((4, 3)), np.zeros((4, 2)))
    assert model.evaluate(np.ones((4, 3)), np.zeros((4, 2)), verbose=0) < before
    assert not model.jit_compile


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_lowers_the_loss_and_keeps_its_settings(name: str) -> None:
    model = dense_model()
    config = RunConfig(optimizer=name, learning_rate=0.01, weight_decay=0.5)
    compile_model(model, build_optimizer(config), "mean_squared_error", "float16" if name == "lars" else "float32")
    losses = model.fit(np.ones((4, 3)), np.zeros((4, 2)), epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    assert type(optimizer).__name__.lower() == name
    assert optimizer.weight_decay == 0.5
    assert float(optimizer.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "name", [name for name in OPTIMIZERS if name != "lars"]
)  # whose steps do not depend on the norm
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_longer_gradients_are_shortened_to_the_clip_norm(name: str, precision: str) -> None:
    """Several steps with gradients of norm 5, 0.5 and 50 equal those with the norms 1, 0.5 and 1."""
    models = {}
    for clip_norm, norms in ((1.0, (5.0, 0.5, 50.0)), (None, (1.0, 0.5, 1.0))):
        model, rng = dense_model(), np.random.default_rng(0)
        models[clip_norm] = model
        config = RunConfig(optimizer=name, learning_rate=0.1, clip_norm=clip_norm)
        compile_model(model, build_optimizer(config), "mean_squared_error", precision)
        for norm in norms:
            gradient = rng.standard_normal(8).astype(np.float32)  # of kernel and bias together
            gradient *= norm / np.linalg.norm(gradient)
            gradients = [gradient[:6].reshape(3, 2), gradient[6:]]
            model.optimizer.apply([model.optimizer.scale_loss(keras.ops.convert_to_tensor(part)) for part in gradients])
    for clipped, expected in zip(models[1.0].get_weights(), models[None].get_weights(), strict=True):
        np.testing.assert_allclose(clipped, expected, rtol=1e-4)
        assert not np.array_equal(clipped, np.ones_like(clipped))  # steps were taken


@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_sgd_has_nesterov_momentum_if_any(momentum: float) -> None:
    optimizer = build_optimizer(RunConfig(optimizer="sgd", momentum=momentum))
    assert (optimizer.momentum, optimizer.nesterov) == (momentum, momentum > 0)


@pytest.mark.parametrize("name, precision", [("nadam", "float32"), ("sgd", "float16"), ("lamb", "float32")])
def test_parts_take_the_step_of_the_whole_batch(name: str, precision: str) -> None:
    """The loss of an epoch weighs each patch alike: here its batches have 9 and 3 patches."""
    rng = np.random.default_rng(0)
    inputs, target = rng.random((12, 3), np.float32), rng.random((12, 2), np.float32)
    results = []
    for parts in (1, 3):
        model = dense_model()
        optimizer = build_optimizer(RunConfig(optimizer=name, learning_rate=0.05))
        compile_model(model, optimizer, "mean_squared_error", precision, parts)
        losses = model.fit(inputs, target, batch_size=9, epochs=3, shuffle=False, verbose=0).history["loss"]
        assert int(model.optimizer.iterations) == 6
        results.append([np.array(losses), *model.get_weights()])
    for whole, in_parts in zip(*results, strict=True):
        np.testing.assert_allclose(in_parts, whole, rtol=1e-5)


def test_batch_normalisations_see_each_part_by_itself() -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(1)])
    compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32", accumulate=2)
    model.train_on_batch(np.array([[2.0], [2.0], [8.0], [8.0]]), np.zeros((4, 1)))
    assert float(model.layers[0].moving_mean[0]) == pytest.approx(0.5 * (0.5 * 2) + 0.5 * 8)


def test_weight_decay_leaves_biases_alone() -> None:
    model = dense_model()
    compile_model(model, keras.optimizers.AdamW(0.1, weight_decay=0.5), "mean_squared_error", "float32")
    model.optimizer.apply([keras.ops.zeros_like(variable.value) for variable in model.trainable_variables])
    kernel, bias = model.get_weights()
    assert (kernel < 1).all()
    assert (bias == 1).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_only_float16_scales_losses(precision: str) -> None:
    model = dense_model()
    compile_model(model, keras.optimizers.Nadam(), "mean_squared_error", precision)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (precision == "float16")


def test_a_checkpoint_holds_all_variables_of_an_optimizer_that_scales_losses() -> None:
    """Keras leaves one of Nadam out if a LossScaleOptimizer builds it; a run could not continue exactly."""
    optimizers = {}
    for precision in ("float32", "float16"):
        model = dense_model()
        compile_model(model, keras.optimizers.Nadam(), "mean_squared_error", precision)
        optimizers[precision] = model.optimizer
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    scaling.build([])
    own = len(scaling.variables) - len(scaling.inner_optimizer.variables)
    assert len(optimizers["float16"].variables) == len(optimizers["float32"].variables) + own
