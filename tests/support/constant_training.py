"""A model of one weight that learns a constant: every loss and weight of its training is known."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from common.runs.config import RunConfig
from common.training.checkpoints.rank_state import EpochInWork, own_values
from common.training.learning_rate import LearningRate
from common.training.optimizer import compile_model
from common.training.saving import RunWriter
from common.training.stopping import StopAndSave
from common.training.validation import PoolOverRanks

IDENTITY = {"seed": 0}


class Constant(keras.layers.Layer):
    """A layer that predicts its one weight."""

    def build(self, input_shape: tuple) -> None:
        self.value = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs * 0 + self.value


def constant_model(rate: float = 0.1) -> keras.Model:
    """Return a compiled model that predicts 0 at first; a step moves it by 2 * rate of its error."""
    model = keras.Sequential([keras.Input((1,)), Constant()])
    model.compile(keras.optimizers.SGD(rate), "mean_squared_error", run_eagerly=True, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def accumulating_model() -> keras.Model:
    """Return the same model, whose steps take two batches and average over the ranks."""
    model = constant_model()
    compile_model(model, keras.optimizers.SGD(0.1), "mean_squared_error", "float32", accumulate=2)
    model.run_eagerly = True
    return model


def batches(*targets: float) -> tf.data.Dataset:
    """Return batches of four patches, each batch with one of these targets."""
    values = np.repeat(np.array(targets, np.float32)[:, None, None], 4, axis=1)
    return tf.data.Dataset.from_tensor_slices((np.ones_like(values), values))


def squared_sums(model: keras.Model, batch: tuple) -> np.ndarray:
    """Return sum and number of the squared errors of a batch."""
    inputs, target = batch
    error = np.asarray(model(inputs)) - np.asarray(target)
    return np.array([np.sum(error**2), error.size])


def mean_square(sums: np.ndarray) -> dict[str, float]:
    """Return the validation loss from the sums over all batches."""
    return {"val_loss": sums[0] / sums[1]}


def part_of_epoch(model: keras.Model, steps: int) -> EpochInWork:
    """Return the part of an epoch after some steps of one patch each."""
    return EpochInWork(steps, 0.5, own_values(model))


def fit(
    folder: Path,
    targets: list[float],
    validation: tf.data.Dataset | None,
    steps: int = 2,
    history: tuple = (),
    model: keras.Model | None = None,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> tuple[keras.Model, RunWriter]:
    """Train into a run folder.

    Args:
        folder: the run folder.
        targets: one for each step of all epochs.
        validation: validation batches, or None.
        steps: steps of an epoch.
        history: rows of earlier epochs.
        model: the model to train; None makes one.
        callbacks: callbacks that come first.
    """
    model = model or constant_model()
    epochs = len(targets) // steps
    rate = LearningRate(RunConfig(learning_rate=0.1, warmup_epochs=0, epochs=epochs), steps)
    writer = RunWriter(folder, rate, IDENTITY, list(history))
    all_callbacks = [
        *callbacks,
        PoolOverRanks(validation, squared_sums, mean_square),
        rate,
        writer,
        StopAndSave(steps, lambda epoch, step: writer.write(epoch, part_of_epoch(model, step + 1)), minutes=0),
    ]
    model.fit(
        batches(*targets), steps_per_epoch=steps, epochs=epochs, callbacks=all_callbacks, verbose=0, shuffle=False
    )
    return model, writer
