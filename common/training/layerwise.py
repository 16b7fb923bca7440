"""Optimizers for large batches, LARS and LAMB: the step of each layer follows from the size of its weights.

Only kernels are treated so. Biases and normalisations are vectors; they take plain steps without weight decay, as in the
authors' programs: a bias begins at 0, and steps of its own size would keep it there. (Keras' Lamb treats vectors like
kernels, and its weight decay does not enter the ratio.)
"""

from typing import Any

import keras
from keras import ops

TRUST = 0.001  # of LARS, as in the paper


@keras.saving.register_keras_serializable("jeoparda")
class Lars(keras.optimizers.Optimizer):
    """SGD with momentum, where each kernel w with gradient g has a rate of its own.

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

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        velocity, rate = self._velocities[self._get_variable_index(variable)], learning_rate
        if is_kernel(variable):
            decay = self.weight_decay or 0.0
            size = norm(variable)
            rate *= ratio(TRUST * size, norm(gradient) + decay * size)
            gradient += decay * variable
        self.assign(velocity, self.momentum * velocity + rate * gradient)
        self.assign_sub(variable, velocity)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: decay is a part of the update."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@keras.saving.register_keras_serializable("jeoparda")
class Lamb(keras.optimizers.Lamb):
    """Adam, where the step of each kernel w is scaled to the size of w.

        u = m / (sqrt(v) + epsilon) + decay w,  w = w - rate |w| / |u| u      (m, v: as in Adam, with its corrections)

    Reference: You et al. 2020, arXiv:1904.00962.
    """

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
            update *= ratio(norm(variable), norm(update))
        self.assign_sub(variable, learning_rate * update)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """Do nothing: decay is a part of the update."""


def is_kernel(variable: keras.Variable) -> bool:
    """Return whether a variable is a kernel, and not a bias or a part of a normalisation."""
    return len(variable.shape) > 1


def norm(values: Any) -> Any:
    """Return the Euclidean norm."""
    return ops.sqrt(ops.sum(ops.square(values)))


def ratio(size: Any, update_size: Any) -> Any:
    """Return size / update_size; 1 if one of them is 0."""
    return ops.where((size > 0) & (update_size > 0), size / ops.maximum(update_size, 1e-30), 1.0)
