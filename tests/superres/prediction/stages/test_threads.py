"""Threads before and after the main thread: order, bounded work, errors as they are, signals, and no thread left."""

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np
import pytest

from common.errors import Interrupted, OutputError, ProductError
from common.runs import signals
from superres.prediction.stages.threads import _POLL_SECONDS, ahead, behind

PATIENCE = 20  # seconds after which a test fails


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """No thread outlives a test."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_one_item_is_made_while_another_is_used():
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    waits = Counter()
    with ahead(items(), "reading", waits) as taken:
        for number in taken:
            if number + 1 < len(made):
                assert made[number + 1].wait(PATIENCE)  # the next one, at the same time
            time.sleep(0.01)
            assert not any(event.is_set() for event in made[number + 2 :])  # and no more: memory stays bounded
    assert number == len(made) - 1
    assert 0 < waits["reading"] < PATIENCE


def test_an_error_ahead_is_raised_when_its_item_is_due():
    error, seen = ProductError("B05 is damaged."), []

    def items() -> Iterator[int]:
        yield 0
        raise error

    with pytest.raises(ProductError) as raised, ahead(items(), "reading", Counter()) as taken:
        seen.extend(iter(lambda: next(taken), None))
    assert seen == [0]
    assert raised.value is error


def test_a_block_that_fails_ends_the_thread_ahead():
    def items() -> Iterator[int]:
        while True:
            yield 0

    with pytest.raises(ZeroDivisionError), ahead(items(), "reading", Counter()) as taken:
        1 // next(taken)


def test_items_are_used_in_their_order():
    used, waits = [], Counter()
    with behind(used.extend, "writing", waits) as writer:
        for number in range(5):
            writer.put(number)
    assert used == list(range(5))
    assert set(waits) == {"writing"}


def test_one_item_is_put_while_another_is_used():
    """The main thread may make the second item; it waits before it makes the third."""
    may_go_on, put = threading.Event(), []

    def use(items: Iterator[int]) -> None:
        for _ in items:
            assert may_go_on.wait(PATIENCE)

    def let_go() -> None:
        time.sleep(0.2)
        put.append("two are on their way")
        may_go_on.set()

    with behind(use, "writing", Counter()) as writer:
        writer.put(0)
        threading.Thread(target=let_go).start()
        writer.put(1)
        put.append("one is used up")
    assert put == ["two are on their way", "one is used up"]


def test_an_error_behind_is_raised_where_the_main_thread_looks():
    error = OutputError("the disk is full.")

    def use(items: Iterator[int]) -> None:
        next(items)
        raise error

    with pytest.raises(OutputError) as raised, behind(use, "writing", Counter()) as writer:
        for number in range(3):  # these are dropped
            writer.put(number)
        writer.require_no_error()
        pytest.fail("no error was raised")
    assert raised.value is error


def test_an_error_after_the_last_item_is_raised_at_the_end():
    def use(items: Iterator[int]) -> None:
        assert list(items) == [0]
        raise OutputError("the disk is full.")

    with pytest.raises(OutputError, match="the disk is full"), behind(use, "writing", Counter()) as writer:
        writer.put(0)


def test_a_block_that_fails_ends_the_thread_behind_as_an_error_does():
    """So that it removes its unfinished files."""
    ends = []

    def use(items: Iterator[int]) -> None:
        try:
            for _ in items:
                pass
            ends.append("finished")
        finally:
            ends.append("cleaned up")

    with pytest.raises(ZeroDivisionError), behind(use, "writing", Counter()) as writer:
        writer.put(0)
        1 // 0  # noqa: B018
    assert ends == ["cleaned up"]


@pytest.mark.parametrize("stage", ["ahead", "behind"])
def test_a_signal_ends_the_waiting_for_a_stage(stage):
    """The thread is busy with one item, and the main thread waits for it.

    The signal is handled for longer than a look for an item takes, as on a busy machine.
    """
    may_go_on = threading.Event()

    def busy(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            may_go_on.wait(PATIENCE)
            yield item

    def note_slowly(number: int, frame: FrameType | None) -> None:
        time.sleep(2 * _POLL_SECONDS)
        signals.note(number, frame)

    @contextmanager
    def interrupted() -> Iterator[None]:
        killer = threading.Timer(_POLL_SECONDS / 2, os.kill, (os.getpid(), signal.SIGINT))
        killer.start()
        try:
            yield
        finally:
            may_go_on.set()
            killer.join()

    with signals.noted_signals(), pytest.raises(Interrupted, match=r"^stopped by SIGINT$"):
        signal.signal(signal.SIGINT, note_slowly)
        if stage == "ahead":
            with ahead(busy(iter([0])), "reading", Counter()) as taken, interrupted():
                next(taken)
        else:
            with behind(lambda items: list(busy(items)), "writing", Counter()) as writer, interrupted():
                writer.put(0)
                writer.put(1)


@pytest.mark.parametrize("block", ["ahead(count(), 'reading', Counter())", "behind(list, 'writing', Counter())"])
def test_a_block_that_is_never_left_does_not_keep_a_program_alive(block):
    """As in a notebook that takes the first strip of a prediction, or keeps the traceback of an error."""
    program = f"""
from collections import Counter
from itertools import count
from superres.prediction.stages.threads import ahead, behind
block = {block}
block.__enter__()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)


def test_an_item_that_the_block_is_done_with_stays_in_no_stage():
    """It is freed before the next one is asked for."""
    with ahead((np.zeros(1) for _ in range(3)), "reading", Counter()) as items:
        reference = weakref.ref(next(items))
        deadline = time.monotonic() + PATIENCE
        while reference() is not None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
