"""LARS and LAMB against their formulas, in NumPy."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest

from common.training.optimizers.layerwise import Lamb, Lars

RATE, DECAY, STEPS = 0.05, 0.3, 4
EPSILON = 1e-7  # of Keras


def layer_ratio(kernel: np.ndarray, kernel_update_size: float, update: np.ndarray) -> float:
    """Return the size of a kernel, at least a tenth of that of initial values, relative to an update."""
    size = max(np.linalg.norm(kernel), 0.1 * np.sqrt(2 * kernel.shape[-1]))
    return size / max(kernel_update_size, np.linalg.norm(update))


def lars(layer: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the variables of a layer, a kernel first if it has one, after one step for each gradient."""
    velocities = [np.zeros_like(array) for array in layer]
    for step in range(STEPS):
        old, kernel = layer, layer[0]
        layer = []
        for index, weights in enumerate(old):
            gradient, rate = gradients[index][step], RATE
            if kernel.ndim > 1:
                size = max(np.linalg.norm(kernel), 0.1 * np.sqrt(2 * kernel.shape[-1]))
                rate *= 0.001 * layer_ratio(kernel, np.linalg.norm(gradients[0][step]) + DECAY * size, gradient)
            decay = DECAY if weights.ndim > 1 else 0
            velocities[index] = 0.8 * velocities[index] + rate * (gradient + decay * weights)
            layer.append(weights - velocities[index])
    return layer


def lamb(layer: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the variables of a layer, a kernel first if it has one, after one step for each gradient."""
    means, squares = ([np.zeros_like(array) for array in layer] for _ in range(2))
    for step in range(STEPS):
        updates = []
        for index, weights in enumerate(layer):
            gradient = gradients[index][step]
            means[index] = 0.9 * means[index] + 0.1 * gradient
            squares[index] = 0.999 * squares[index] + 0.001 * gradient**2
            mean, square = means[index] / (1 - 0.9 ** (step + 1)), squares[index] / (1 - 0.999 ** (step + 1))
            updates.append(mean / (np.sqrt(square) + EPSILON) + (DECAY * weights if weights.ndim > 1 else 0))
        sizes = [np.linalg.norm(update) for update in updates]
        is_plain = layer[0].ndim == 1
        ratios = [1 if is_plain else layer_ratio(layer[0], sizes[0], update) for update in updates]
        layer = [one - RATE * ratio * update for one, ratio, update in zip(layer, ratios, updates, strict=True)]
    return layer


def named_variables(layers: Sequence[Sequence[np.ndarray]]) -> list[list[keras.Variable]]:
    """Return variables whose paths name their layers, as those of Keras' layers do."""
    result = []
    for index, layer in enumerate(layers):
        with keras.name_scope(f"layer{index}"):
            result.append([keras.Variable(array, dtype="float32") for array in layer])
    return result


@pytest.mark.parametrize(
    "optimizer, formula",
    [(Lars(RATE, 0.8, DECAY), lars), (Lamb(RATE, weight_decay=DECAY), lamb)],
    ids=["lars", "lamb"],
)
def test_steps_are_those_of_the_formulas(optimizer: keras.optimizers.Optimizer, formula: Callable) -> None:
    """Also for a kernel of zeros and for layers without a kernel; a bias of zeros must be able to leave them."""
    rng = np.random.default_rng(0)
    layers = [
        [rng.standard_normal((3, 4)), np.zeros(4)],
        [np.zeros((2, 2)), np.zeros(2)],
        [np.ones(4), np.zeros(4)],  # a normalisation
        [np.ones((2, 1))],
    ]
    gradients = [[rng.standard_normal((STEPS, *array.shape)) for array in layer] for layer in layers]
    gradients[-1][0][:] = 0  # the loss does not depend on it: only decay moves it
    variables = named_variables(layers)
    copy = type(optimizer).from_config(optimizer.get_config())
    flat = [variable for layer in variables for variable in layer]
    copy.build(flat)
    for step in range(STEPS):
        copy.apply(
            [keras.ops.convert_to_tensor(array[step], "float32") for layer in gradients for array in layer], flat
        )
    for layer, start, arrays in zip(variables, layers, gradients, strict=True):
        for variable, first, expected in zip(layer, start, formula(start, arrays), strict=True):
            np.testing.assert_allclose(variable, expected, rtol=2e-5, atol=1e-7)
            assert not np.array_equal(variable, first)


@pytest.mark.parametrize("optimizer, farthest", [(Lars(1.0), 0.001), (Lamb(1.0), 1)], ids=["lars", "lamb"])
def test_a_bias_moves_no_farther_than_a_kernel_whose_gradient_is_0(
    optimizer: keras.optimizers.Optimizer, farthest: float
) -> None:
    """The gradient of a kernel is 0 behind features of zeros; that of the bias is not."""
    ((kernel, bias),) = variables = named_variables([[np.ones((2, 2)), np.zeros(2)]])
    optimizer.build(variables[0])
    optimizer.apply([keras.ops.zeros((2, 2)), keras.ops.array([3.0, 4.0])], [kernel, bias])
    np.testing.assert_array_equal(kernel, np.ones((2, 2)))
    assert np.linalg.norm(bias) == pytest.approx(farthest * 2)
