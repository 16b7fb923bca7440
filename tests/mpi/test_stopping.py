"""A signal that reaches one rank stops all ranks after the same step."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

import common.distributed as hvd
from common.errors import Interrupted
from common.runs import signals
from common.training import stopping

STEPS = 200
SIGNALLED_STEP = 40


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look every few steps, and note signals."""
    monkeypatch.setattr(stopping, "SECONDS_BETWEEN_LOOKS", 0.02)
    with signals.noted_signals():
        yield


@pytest.mark.parametrize("signalled_rank", [0, 1])
def test_all_ranks_stop_after_the_same_step(signalled_rank: int) -> None:
    saved = []
    callback = stopping.StopAndSave(STEPS, lambda *place: saved.append(place), minutes=0)
    callback.on_train_begin()
    callback.on_epoch_begin(3)
    with pytest.raises(Interrupted) as raised:
        for step in range(STEPS):
            time.sleep(0.002 * (1 + hvd.rank()))  # one rank is slower
            if step == SIGNALLED_STEP and hvd.rank() == signalled_rank:
                os.kill(os.getpid(), signal.SIGUSR1)
            callback.on_train_batch_end(step)
    assert len(set(hvd.allgather_object((step, callback.steps_to_look, str(raised.value))))) == 1
    assert raised.value.on_all_ranks
    assert str(raised.value) == f"stopped by SIGUSR1 after step {step + 1} of epoch 4, which is saved"
    assert saved == [(3, step)]
    assert SIGNALLED_STEP <= step < SIGNALLED_STEP + 20
    assert callback.steps_to_look > 1  # it does not look after each step


def test_the_clock_of_rank_zero_says_when_to_save() -> None:
    """Rank 1 would save after each step."""
    saved = []
    callback = stopping.StopAndSave(3, lambda *place: saved.append(place), minutes=(1000, 1e-9)[hvd.rank() > 0])
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    for step in range(3):
        time.sleep(0.03)  # more than the time between looks
        callback.on_train_batch_end(step)
    assert saved == []
    callback.minutes = 1e-9
    callback.on_epoch_begin(1)
    callback.on_train_batch_end(0)
    assert hvd.allgather_object(saved) == [[(1, 0)]] * hvd.size()
