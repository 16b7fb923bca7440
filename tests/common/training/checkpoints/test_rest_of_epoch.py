"""Callbacks of a training that begins inside an epoch: numbers of steps, running sums, and where the epoch ends."""

import keras
import numpy as np

from common.training.checkpoints.rest_of_epoch import RestOfEpoch
from tests.support.constant_training import batches, constant_model, part_of_epoch

STEPS, EPOCHS = 3, 3


class Recorder(keras.callbacks.Callback):
    """Record each step with the number that callbacks get, and the mean loss at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.losses, self.begun_in = [], [], {}

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.begun = batch
        self.begun_in.setdefault(self.epoch, []).append(batch)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        assert batch == self.begun
        self.steps.append((self.epoch, batch))

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        self.losses.append(logs["loss"])


def train(first_step: int) -> Recorder:
    """Train from a step of the second epoch on. The rate is 0, so each step has the square of its target as loss."""
    model, recorder = constant_model(rate=0.0), Recorder()
    if first_step:
        model.evaluate(batches(*[3.0] * first_step), verbose=0)  # the running sums of the steps that are done
    inside = part_of_epoch(model, first_step) if first_step else None
    model.fit(
        batches(*[1.0] * STEPS * EPOCHS),
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        initial_epoch=1 if first_step < STEPS else 2,
        verbose=0,
        shuffle=False,
        callbacks=RestOfEpoch([recorder], model, EPOCHS, STEPS, 1, first_step, inside),
    )
    return recorder


def test_the_first_epoch_has_the_rest_of_its_steps() -> None:
    recorder = train(2)
    assert recorder.steps == [(1, 2), (2, 0), (2, 1), (2, 2)]
    np.testing.assert_allclose(recorder.losses, [(9 + 9 + 1) / 3, 1])


def test_an_epoch_without_a_step_left_ends_first() -> None:
    recorder = train(STEPS)
    assert recorder.steps == [(2, 0), (2, 1), (2, 2)]
    assert recorder.begun_in[1] == [2]  # for the values of the last step
    np.testing.assert_allclose(recorder.losses, [9, 1])


def test_an_epoch_from_its_start_has_all_steps() -> None:
    recorder = train(0)
    assert recorder.steps == [(epoch, step) for epoch in (1, 2) for step in range(STEPS)]
    np.testing.assert_allclose(recorder.losses, [1, 1])
