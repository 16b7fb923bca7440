"""LARS and LAMB against the formulas of their papers, in NumPy."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from common.training.layerwise import Lamb, Lars

RATE, DECAY, STEPS = 0.05, 0.3, 4
EPSILON = 1e-7  # of Keras


def lars(weights: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return the weights after one step for each gradient."""
    velocity = np.zeros_like(weights)
    for gradient in gradients:
        rate, decay = RATE, 0.0
        if weights.ndim > 1:
            decay = DECAY
            size, gradient_size = np.linalg.norm(weights), np.linalg.norm(gradient)
            rate *= 0.001 * size / (gradient_size + decay * size) if size else 1
        velocity = 0.8 * velocity + rate * (gradient + decay * weights)
        weights = weights - velocity
    return weights


def lamb(weights: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return the weights after one step for each gradient."""
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step, gradient in enumerate(gradients, start=1):
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        update = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + EPSILON)
        rate = RATE
        if weights.ndim > 1:
            update += DECAY * weights
            norms = np.linalg.norm(weights), np.linalg.norm(update)
            rate *= norms[0] / norms[1] if all(norms) else 1
        weights = weights - rate * update
    return weights


@pytest.mark.parametrize(
    "optimizer, formula",
    [(Lars(RATE, 0.8, DECAY), lars), (Lamb(RATE, weight_decay=DECAY), lamb)],
    ids=["lars", "lamb"],
)
def test_steps_are_those_of_the_paper(optimizer: keras.optimizers.Optimizer, formula: Callable) -> None:
    """Also for a kernel of zeros; a bias of zeros must be able to leave them."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((3, 4)), np.zeros((2, 2)), np.zeros(4), np.ones((2, 1))]
    gradients = [rng.standard_normal((STEPS, *array.shape)) for array in weights]
    gradients[-1][:] = 0  # the loss does not depend on it: only decay moves it
    variables = [keras.Variable(array, dtype="float32") for array in weights]
    copy = type(optimizer).from_config(optimizer.get_config())
    copy.build(variables)
    for step in range(STEPS):
        copy.apply([keras.ops.convert_to_tensor(array[step], "float32") for array in gradients], variables)
    for variable, start, array in zip(variables, weights, gradients, strict=True):
        np.testing.assert_allclose(variable, formula(start, array), rtol=2e-5, atol=1e-7)
        assert not np.array_equal(variable, start)
