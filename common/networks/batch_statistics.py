"""Batch normalisation on several ranks.

Each rank normalises with the mean and variance of its own batch, or, synchronised, with those of the batches of all
ranks. Keras' own `BatchNormalization(synchronized=True)` knows the ranks of `tf.distribute` only, not Horovod's.
Either way the moving statistics, which predictions use, must agree on all ranks: `AverageStatistics` sees to it.
"""

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd

MOVING = ("moving_mean", "moving_variance")


@keras.saving.register_keras_serializable("jeoparda")
class SyncBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation with the statistics of the batches of all ranks, which are of one size.

    With the mean m_r and variance v_r of rank r, and means over ranks <.>: mean = <m_r>, variance = <v_r> + <m_r^2> -
    <m_r>^2, which are those of the joined batch. One rank alone normalises as Keras does.
    """

    def _moments(self, inputs: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        mean, variance = super()._moments(inputs, mask)
        if hvd.size() == 1:
            return mean, variance
        shift = tf.cast(self.moving_mean, mean.dtype)  # the same on all ranks, and near the mean: nothing cancels
        shifted, squared, within = tf.unstack(
            hvd.allreduce_average(tf.stack([mean - shift, (mean - shift) ** 2, variance]))
        )
        return shifted + shift, within + squared - shifted**2


def synchronise(model: keras.Model) -> keras.Model:
    """A copy of a model, new weights and all, whose batch normalisations are synchronised."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind = SyncBatchNormalization if type(layer) is keras.layers.BatchNormalization else type(layer)
        return kind.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=replace, recursive=True)


def set_momentum(model: keras.Model, momentum: float) -> None:
    """Let the moving statistics of all batch normalisations keep this share of themselves a step."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            set_momentum(layer, momentum)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


class AverageStatistics(keras.callbacks.Callback):
    """At the end of an epoch, give the moving statistics of all ranks their mean. Comes first of the callbacks."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if hvd.size() == 1:
            return
        variables = [variable for variable in self.model.non_trainable_variables if variable.name in MOVING]
        sums = [
            np.sum(values, axis=0)
            for values in zip(
                *hvd.allgather_object([np.asarray(variable, dtype=np.float64) for variable in variables]), strict=True
            )
        ]
        for variable, total in zip(variables, sums, strict=True):
            variable.assign(total / hvd.size())
