"""A training that gets a signal in a step of its choice."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from common.training.progress import Progress


@contextmanager
def signal_in_step(number: int) -> Iterator[None]:
    """Inside this block, a training gets SIGUSR1 in one of its steps, counted from 1 from where it starts or goes on.

    Step 0 never comes.
    """
    count = 0

    def count_step(_callback: Progress, _batch: int, logs: dict | None = None) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_begin", count_step)
        yield
    assert count == number or not number, f"the training went on to step {count}"
