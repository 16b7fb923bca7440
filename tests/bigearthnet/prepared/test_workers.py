"""Blocks of work in several processes: all results arrive, errors are raised, no process outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import common.distributed as hvd
from bigearthnet.prepared.workers import WORTH_PROCESSES, in_blocks, process_count, run_blocks
from common.errors import Interrupted, ProductError, S2Error
from common.runs import signals

ROOT = Path(__file__).parents[3]


def square(block: int) -> tuple[int, int]:
    return block * block, os.getpid()


def fail_on_three(block: int) -> int:
    if block == 3:
        raise ProductError("block 3 is damaged")
    return block


def kill_own_process(block: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def end_job(block: int) -> None:
    for process in (os.getppid(), os.getpid()):
        os.kill(process, signal.SIGTERM)


def send_signals_to_own_process(block: int) -> int:
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    return block


@given(st.lists(st.integers(), max_size=20), st.integers(1, 6))
def test_blocks_hold_all_items_in_order(items: list[int], size: int) -> None:
    blocks = in_blocks(items, size)
    assert [item for block in blocks for item in block] == items
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks)


def test_few_blocks_need_one_process() -> None:
    assert process_count(5, WORTH_PROCESSES - 1) == process_count(None, 0) == 1
    assert process_count(5, WORTH_PROCESSES) == 5
    assert process_count(None, WORTH_PROCESSES) == hvd.cores_per_rank()


def test_one_process_works_itself_and_in_order() -> None:
    assert list(run_blocks(square, [3, 1, 2], 1)) == [(9, os.getpid()), (1, os.getpid()), (4, os.getpid())]
    assert list(run_blocks(square, [5], 4)) == [(25, os.getpid())]
    assert list(run_blocks(square, [], 4)) == []


def test_several_processes_return_all_results() -> None:
    results = list(run_blocks(square, range(10), 2))
    assert sorted(value for value, _ in results) == [number * number for number in range(10)]
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.parametrize("processes", [1, 2])
def test_errors_of_the_function_are_raised(processes: int) -> None:
    with pytest.raises(ProductError, match="block 3 is damaged"):
        list(run_blocks(fail_on_three, range(5), processes))


def test_a_process_that_is_killed_is_reported() -> None:
    with pytest.raises(
        S2Error, match=r"a process that read patches was killed, .*; run the same command again, it con"
    ):
        list(run_blocks(kill_own_process, range(3), 2))


def test_a_signal_stops_the_work_after_a_block() -> None:
    """The processes end, and do not take the signal of the whole job for an error of their own."""
    for processes in (1, 2):
        with signals.noted_signals():
            results = run_blocks(square, range(20), processes)
            next(results)
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Interrupted):
                list(results)


def test_a_signal_to_all_processes_is_an_interruption() -> None:
    with signals.noted_signals(), pytest.raises(Interrupted, match="stopped by SIGTERM"):
        list(run_blocks(end_job, range(4), 2))


def test_processes_leave_signals_to_their_parent() -> None:
    assert set(run_blocks(send_signals_to_own_process, range(4), 2)) == {0, 1, 2, 3}


PARENT = r"""
import os, time
from bigearthnet.prepared.workers import run_blocks

def report(block):
    os.write(1, b"%d\n" % os.getpid())  # one system call: lines of two processes do not mix
    time.sleep(60)

list(run_blocks(report, range(2), 2))
"""


def test_processes_end_with_their_parent() -> None:
    """The parent is killed, so that it cannot end them itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        try:
            workers = [int(parent.stdout.readline()) for _ in range(2)]
        finally:
            parent.kill()
    deadline = time.monotonic() + 20
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
