"""A signal stops a training after the step in work, or after the epoch if that is at its end."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import pytest

from common.errors import Interrupted
from common.runs import folder as run
from common.runs import signals
from tests.support.constant_training import fit

STEPS, EPOCHS = 3, 3


@pytest.fixture(autouse=True)
def noted_signals() -> Iterator[None]:
    with signals.noted_signals():
        yield


class Sender(keras.callbacks.Callback):
    """Send a signal to this process during a step; steps are counted from 1 over all epochs."""

    def __init__(self, step: int):
        super().__init__()
        self.left = step

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


def train(folder: Path, signalled_step: int) -> None:
    fit(folder, [1.0] * STEPS * EPOCHS, None, STEPS, callbacks=(Sender(signalled_step),))


@pytest.mark.parametrize(
    "step, text, epochs",
    [
        (1, "after step 1 of epoch 1; no epoch is saved yet", 0),
        (STEPS, "after epoch 1; epoch 1 is saved", 1),
        (STEPS + 2, "after step 2 of epoch 2; epoch 1 is saved", 1),
        (2 * STEPS + 1, "after step 1 of epoch 3; epoch 2 is saved", 2),
    ],
)
def test_the_step_in_work_is_the_last(step: int, text: str, epochs: int, tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as raised:
        train(tmp_path, step)
    assert str(raised.value) == f"stopped by SIGTERM {text}"
    checkpoint = tmp_path / run.CHECKPOINT
    if not epochs:
        assert not checkpoint.exists()
        return
    with h5py.File(checkpoint) as file:
        assert file.attrs["epoch"] == epochs


def test_a_signal_in_the_last_step_lets_the_training_end(tmp_path: Path) -> None:
    """The work after the training, such as the measurement, looks for signals itself."""
    train(tmp_path, STEPS * EPOCHS)
    with pytest.raises(Interrupted):
        signals.require_going_on()
