"""A signal stops a training after the step in work, or after the epoch in a validation; both are saved."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import pytest

from common.errors import Interrupted
from common.runs import folder as run
from common.runs import signals
from common.training import stopping
from common.training.stopping import StopAndSave
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
    "step, place, saved",
    [
        (1, "step 1 of epoch 1", (0, 1)),
        (STEPS, "step 3 of epoch 1", (0, 3)),
        (STEPS + 2, "step 2 of epoch 2", (1, 2)),
        (2 * STEPS + 1, "step 1 of epoch 3", (2, 1)),
    ],
)
def test_the_step_in_work_is_the_last_and_is_saved(
    step: int, place: str, saved: tuple[int, int], tmp_path: Path
) -> None:
    with pytest.raises(Interrupted) as raised:
        train(tmp_path, step)
    assert str(raised.value) == f"stopped by SIGTERM after {place}, which is saved"
    with h5py.File(tmp_path / run.CHECKPOINT) as file:
        assert (file.attrs["epoch"], file.attrs.get("patches", 0)) == saved


class SenderAtTheEnd(keras.callbacks.Callback):
    """Send a signal to this process at the end of an epoch, counted from 0."""

    def __init__(self, epoch: int):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_in_a_validation_lets_the_epoch_end(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=r"^stopped by SIGTERM after epoch 2, which is saved$"):
        fit(tmp_path, [1.0] * STEPS * EPOCHS, None, STEPS, callbacks=(SenderAtTheEnd(1),))
    with h5py.File(tmp_path / run.CHECKPOINT) as file:
        assert (file.attrs["epoch"], "patches" in file.attrs) == (2, False)


def test_a_signal_in_the_last_validation_lets_the_training_end(tmp_path: Path) -> None:
    """The work after the training, such as the measurement, looks for signals itself."""
    fit(tmp_path, [1.0] * STEPS * EPOCHS, None, STEPS, callbacks=(SenderAtTheEnd(EPOCHS - 1),))
    with pytest.raises(Interrupted):
        signals.require_going_on()


@pytest.mark.parametrize("minutes, saved", [(0.8, [(0, 1), (1, 1)]), (60, []), (0, [])])
def test_a_checkpoint_is_written_when_the_last_one_is_old(
    minutes: float, saved: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes half a minute, so the second one is due. The end of an epoch writes one, too, and the time begins anew."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(stopping, "time", clock)
    written = []
    callback = StopAndSave(STEPS, lambda epoch, step: written.append((epoch, step)), minutes)
    callback.set_params({"epochs": 2})
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for step in range(STEPS):
            clock.now += 30
            callback.on_train_batch_end(step)
        callback.on_epoch_end(epoch)
    assert written == saved
