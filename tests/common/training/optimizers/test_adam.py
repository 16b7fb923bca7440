"""AdamW and Nadam against Keras' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.training.optimizer import compile_model
from common.training.optimizers.adam import AdamW, Nadam

KERAS = {AdamW: keras.optimizers.AdamW, Nadam: keras.optimizers.Nadam}


def dense_model(layers: int = 1) -> keras.Model:
    """Return a model whose weights are all ones."""
    model = keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(2) for _ in range(layers))])
    model.set_weights([np.ones_like(array) for array in model.get_weights()])
    return model


def trained_arrays(optimizer: keras.optimizers.Optimizer, precision: str) -> list[np.ndarray]:
    """Return the weights of a model and the state of its optimizer, which a checkpoint holds in this order, after nine steps."""
    rng = np.random.default_rng(0)
    model = dense_model()
    compile_model(model, optimizer, "mean_squared_error", precision)
    inputs, target = rng.random((12, 3), np.float32), rng.random((12, 2), np.float32)
    model.fit(inputs, target, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return [*model.get_weights(), *map(np.asarray, model.optimizer.variables)]


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("kind, rtol", [(AdamW, 3e-5), (Nadam, 0)])
def test_steps_and_state_are_those_of_keras(kind: type, rtol: float, precision: str) -> None:
    """TensorFlow's operation for AdamW rounds 1 - beta_2 to float32."""
    ours, theirs = (trained_arrays(one(0.05, weight_decay=0.3), precision) for one in (kind, KERAS[kind]))
    for array, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(array, expected, rtol=rtol, atol=1e-9 if rtol else 0)


@pytest.mark.parametrize("kind, most", [(AdamW, 4), (Nadam, 27)])
def test_a_variable_adds_few_operations(kind: type, most: int) -> None:
    """The start of a training takes longer with each operation, and a network has hundreds of variables."""

    def operations(layers: int) -> int:
        model = dense_model(layers)
        optimizer = kind(0.05, weight_decay=0.3)
        optimizer.exclude_from_weight_decay(model.trainable_variables[1:])  # all but one, which both models have
        optimizer.build(model.trainable_variables)
        step = tf.function(
            lambda: optimizer.apply([tf.zeros(variable.shape) for variable in model.trainable_variables])
        )
        return sum(operation.type != "Const" for operation in step.get_concrete_function().graph.get_operations())

    assert (operations(3) - operations(2)) / 2 <= most


def test_variables_of_one_kind_have_one_name() -> None:
    """TensorFlow prepares the operation that makes a variable once for each name."""
    optimizer = AdamW(0.05)
    optimizer.build(dense_model(2).trainable_variables)
    assert {variable.name for variable in optimizer.variables[2:]} == {"momentum", "velocity"}
