"""Optimizers for large batches, LARS and LAMB: the step of each layer follows from the size of its weights.

The size is that of the layer's kernel. A bias begins at 0, and steps of its own size would keep it there, so it has the
rate of its kernel. Vectors of layers without a kernel, such as normalisations, take plain steps. No vector has weight decay.
(Keras' Lamb treats vectors like kernels, and its weight decay does not enter the ratio.)

The papers and the authors' programs differ in two points: biases take plain steps, and so do kernels of zeros. Rates that
suit kernels are tens to thousands of times too large for those. Training of a network without normalisations, whose last
kernel begins at 0, then got worse in its first steps and did not recover; see docs/large-batches.md.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

TRUST = 0.001  # of LARS, as in the paper
SMALLEST = 0.1  # relative to the initial kernels of He et al. 2015: a kernel of zeros grows from this size


class LayerRatios:
    """The ratio of each layer in a step: the size of its kernel, relative to the kernel's update.

    Args:
        variables: those of the optimizer, in its order. A kernel comes before the bias of its layer, as in Keras' layers.
    """

    def __init__(self, variables: Sequence[keras.Variable]):
        self.layers = [variable.path.rpartition("/")[0] for variable in variables]
        self.sizes: dict[str, tuple[Any, Any]] = {}  # layer -> sizes of kernel and update, in this step

    def add_kernel(self, index: int, size: Any, update_size: Any) -> None:
        """Set the sizes of a kernel and of its update, both scalars."""
        self.sizes[self.layers[index]] = size, update_size

    def ratio(self, index: int, update_size: Any) -> Any:
        """Return the factor of a variable's update, a scalar: 1 in a layer without a kernel.

        No bias moves farther than its kernel, even if the kernel's update is 0.
        """
        if self.layers[index] not in self.sizes:
            return 1.0
        size, kernel_update_size = self.sizes[self.layers[index]]
        return size / ops.maximum(ops.maximum(kernel_update_size, update_size), 1e-30)


@keras.saving.register_keras_serializable("jeoparda")
class Lars(keras.optimizers.Optimizer):
    """SGD with momentum, where each layer with a kernel w with gradient g has a rate of its own.

        ratio = 0.001 |w| / (|g| + decay |w|),  v = momentum v + rate ratio (g + decay w),  w = w - v

    Reference: You et al. 2017, arXiv:1708.03888.
    """

    def __init__(self, learning_rate: float, momentum: float = 0.9, weight_decay: float | None = None, **settings: Any):
        super().__init__(learning_rate, weight_decay=weight_decay, **settings)
        self.momentum = momentum

    def build(self, variables: list[keras.Variable]) -> None:
        if not self.built:
            super().build(variables)
            self._velocities = self.add_optimizer_variables(variables, "velocity")
            self._ratios = LayerRatios(variables)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        velocity = self._velocities[index]
        if is_kernel(variable):
            decay = self.weight_decay or 0.0
            size = kernel_size(variable)
            self._ratios.add_kernel(index, TRUST * size, norm(gradient) + decay * size)
            gradient += decay * variable
        rate = learning_rate * self._ratios.ratio(index, norm(gradient))
        self.assign(velocity, self.momentum * velocity + rate * gradient)
        self.assign_sub(variable, velocity)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: decay is a part of the update."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable("jeoparda")
class Lamb(keras.optimizers.Lamb):
    """Adam, where the step of each layer is scaled to the size of its kernel w.

        u = m / (sqrt(v) + epsilon) + decay w,  w = w - rate |w| / |u| u      (m, v: as in Adam, with its corrections)

    Reference: You et al. 2020, arXiv:1904.00962.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        super().build(variables)
        self._ratios = LayerRatios(variables)

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        self.assign_add(mean, (gradient - mean) * (1 - self.beta_1))
        self.assign_add(square, (ops.square(gradient) - square) * (1 - self.beta_2))
        step = ops.cast(self.iterations + 1, variable.dtype)
        mean, square = mean / (1 - ops.power(self.beta_1, step)), square / (1 - ops.power(self.beta_2, step))
        update = mean / (ops.sqrt(square) + self.epsilon)
        if is_kernel(variable):
            update += (self.weight_decay or 0.0) * variable
            self._ratios.add_kernel(index, kernel_size(variable), norm(update))
        self.assign_sub(variable, learning_rate * self._ratios.ratio(index, norm(update)) * update)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: decay is a part of the update."""


def is_kernel(variable: keras.Variable) -> bool:
    """Return whether a variable is a kernel, and not a bias or a part of a normalisation."""
    return len(variable.shape) > 1


def norm(values: Any) -> Any:
    """Return the Euclidean norm."""
    return ops.sqrt(ops.sum(ops.square(values)))


def kernel_size(kernel: keras.Variable) -> Any:
    """Return the norm of a kernel, (..., inputs, outputs), but at least a tenth of that of initial values of He et al."""
    return ops.maximum(norm(kernel), SMALLEST * math.sqrt(2 * kernel.shape[-1]))
