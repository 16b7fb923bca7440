"""Keras callbacks of a training that begins inside an epoch."""

from collections.abc import Sequence

import keras

from common.training.checkpoints.rank_state import EpochInWork, set_rank_variables


class RestOfEpoch(keras.callbacks.CallbackList):
    """All callbacks of a training. Its first epoch may have steps that an earlier part of the run has taken.

    Keras counts the steps of each epoch from 0, takes the same number of steps in each, and sets the running sums to zero
    before each. In the first epoch, this list puts the sums back, adds the steps that are done to the numbers that
    callbacks get, and ends the epoch after its last step. If no step is left, it ends this epoch before Keras begins the next
    one.

    Args:
        callbacks: all callbacks, in order.
        model: the model.
        epochs: epochs of the whole run.
        steps: steps of an epoch.
        epoch: the first epoch, from 0.
        first_step: first step in the first epoch, from 0.
        inside: the part of the first epoch that is done; None if it begins at its start.
    """

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        model: keras.Model,
        epochs: int,
        steps: int,
        epoch: int = 0,
        first_step: int = 0,
        inside: EpochInWork | None = None,
    ):
        super().__init__(list(callbacks), add_history=True, model=model, epochs=epochs, steps=steps, verbose=0)
        self.steps, self.epoch, self.first_step, self.inside = steps, epoch, first_step, inside

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        if self.first_step == self.steps:
            self.on_epoch_begin(self.epoch)
            super().on_train_batch_begin(self.steps - 1)  # for the learning rate and other values of the last step
            self.on_epoch_end(self.epoch, self.model.get_metrics_result())

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.inside:
            set_rank_variables(self.model, self.inside.variables)
        super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        super().on_train_batch_begin(batch + self.first_step, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        super().on_train_batch_end(batch + self.first_step, logs)
        if self.inside and batch + self.first_step + 1 == self.steps:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.inside:
            self.model.stop_training = False  # Keras would end the whole training
            self.first_step, self.inside = 0, None
