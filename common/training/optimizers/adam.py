"""AdamW and Nadam with Keras' formulas and variables, and fewer operations in TensorFlow's graph, so that a training starts earlier.

Keras adds 40 and 68 operations for each variable of a model, here there are 4 and 30: those with the same result for all
variables exist once. ResNet50 has 214 variables.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class QuickVariables:
    """An optimizer whose variables are made faster: those of one kind have one name, `momentum` or `velocity`."""

    def add_variable(self, *settings: Any, name: str, **more: Any) -> keras.Variable:
        # Keras puts the name of the model's variable before it. TensorFlow prepares the operation that makes a variable
        # once for each name, shape and dtype.
        return super().add_variable(*settings, name=name.rpartition("_")[2], **more)


@keras.saving.register_keras_serializable("jeoparda")
class AdamW(QuickVariables, keras.optimizers.AdamW):
    """AdamW, which updates a variable in one operation and one pass through memory. Steps agree with Keras' to 1e-5."""

    def _backend_update_step(self, grads: Sequence[tf.Tensor], variables: Sequence[Any], learning_rate: Any) -> None:
        step = tf.cast(self.iterations + 1, tf.float32)
        shared = {
            "beta1_power": tf.pow(self.beta_1, step),
            "beta2_power": tf.pow(self.beta_2, step),
            "lr": tf.cast(learning_rate, tf.float32),
            "beta1": tf.constant(self.beta_1),
            "beta2": tf.constant(self.beta_2),
            "epsilon": tf.constant(self.epsilon),
        }
        for gradient, variable in zip(grads, variables, strict=True):
            index = self._get_variable_index(variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=self._momentums[index].value.handle,
                v=self._velocities[index].value.handle,
                grad=tf.cast(gradient, tf.float32),
                **shared,
            )

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        decay, rate = tf.constant(self.weight_decay), tf.cast(self.learning_rate, tf.float32)
        for variable in filter(self._use_weight_decay, variables):
            variable.value.assign_sub(variable.value * decay * rate)


@keras.saving.register_keras_serializable("jeoparda")
class Nadam(QuickVariables, keras.optimizers.Nadam):
    """Nadam, with the same results as Keras' to the last bit."""

    def _backend_update_step(self, grads: Sequence[tf.Tensor], variables: Sequence[Any], learning_rate: Any) -> None:
        step = tf.cast(self.iterations + 1, tf.float32)
        beta_1, beta_2, rate = tf.constant(self.beta_1), tf.constant(self.beta_2), tf.cast(learning_rate, tf.float32)
        now, then = (beta_1 * (1 - 0.5 * 0.96**count) for count in (step, step + 1))
        self._u_product.assign(self._u_product * self.beta_1 * (1 - 0.5 * 0.96**step))
        product = tf.convert_to_tensor(self._u_product)
        gradient_share, momentum_share = 1 - now, 1 - product * then
        product_share, square_share = 1 - product, 1 - beta_2**step
        for gradient, variable in zip(grads, variables, strict=True):
            index = self._get_variable_index(variable)
            momentum, velocity = self._momentums[index].value, self._velocities[index].value
            momentum.assign_add((gradient - momentum) * (1 - beta_1))
            velocity.assign_add((tf.square(gradient) - velocity) * (1 - beta_2))
            ahead = then * momentum / momentum_share + gradient_share * gradient / product_share
            size = tf.sqrt(velocity / square_share) + self.epsilon
            variable.value.assign_sub(ahead * rate / size)
