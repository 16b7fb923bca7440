"""Batch normalisation on several ranks.

By default each rank normalises with the mean and variance of its own batch. `SyncBatchNormalization` normalises with
those of the batches of all ranks; Keras' own `BatchNormalization(synchronized=True)` works with `tf.distribute` only, not
with Horovod. Predictions use moving statistics, which `AverageStatistics` makes equal on all ranks.
"""

import keras
import numpy as np
from keras import ops

import common.distributed as hvd

MOVING_STATISTICS = ("moving_mean", "moving_variance")  # names of Keras variables


@keras.saving.register_keras_serializable("jeoparda")
class SyncBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation with the statistics of the batches of all ranks, which must have the same size.

    m_r and v_r are mean and variance of rank r, <.> is the mean over ranks. The joined batch then has the mean <m_r> and
    the variance <v_r> + <m_r^2> - <m_r>^2. One rank alone normalises as Keras does.
    """

    def _moments(
        self, inputs: keras.KerasTensor, mask: keras.KerasTensor | None
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        mean, variance = super()._moments(inputs, mask)
        if hvd.size() == 1:
            return mean, variance
        shift = ops.cast(self.moving_mean, mean.dtype)  # near the mean and equal on all ranks: squares do not cancel
        shifted, squared, within = ops.unstack(
            hvd.allreduce_average(ops.stack([mean - shift, (mean - shift) ** 2, variance]))
        )
        return shifted + shift, within + squared - shifted**2


def replace_batch_normalisations(model: keras.Model, kind: type[keras.layers.BatchNormalization]) -> None:
    """Make all batch normalisations of Keras in a model those of a class derived from Keras', also in nested models.

    Weights and the graph of layers stay. A copy of the model with other layers would take seconds longer.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            replace_batch_normalisations(layer, kind)
        elif type(layer) is keras.layers.BatchNormalization:
            layer.__class__ = kind


def set_momentum(model: keras.Model, momentum: float) -> None:
    """Set the decay per step of the moving statistics of all batch normalisations, also in nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            set_momentum(layer, momentum)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum


def moving_statistics(model: keras.Model) -> list[keras.Variable]:
    """Return the moving means and variances of all batch normalisations of a model."""
    return [variable for variable in model.non_trainable_variables if variable.name in MOVING_STATISTICS]


class AverageStatistics(keras.callbacks.Callback):
    """At the end of an epoch, replace the moving statistics on all ranks by their mean over ranks.

    Put it before callbacks that validate or save the model.
    """

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if hvd.size() == 1:
            return
        variables = moving_statistics(self.model)
        gathered = hvd.allgather_object([np.asarray(variable, dtype=np.float64) for variable in variables])
        for variable, *values in zip(variables, *gathered, strict=True):
            variable.assign(np.sum(values, axis=0) / hvd.size())
