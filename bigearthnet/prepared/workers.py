"""Blocks of work for the processes of one rank. The processes import neither TensorFlow nor MPI."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

import common.distributed as hvd
from common.errors import S2Error
from common.runs import signals

WORTH_PROCESSES = 8  # blocks; one process finishes fewer blocks before others have started

Block = TypeVar("Block")
Result = TypeVar("Result")


def in_blocks(items: Sequence, size: int) -> list:
    """Cut a sequence into pieces of at most `size` items."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def process_count(processes: int | None, blocks: int) -> int:
    """Return the number of processes for some blocks of work: one if the blocks are few."""
    return (processes or hvd.cores_per_rank()) if blocks >= WORTH_PROCESSES else 1


def run_blocks(function: Callable[[Block], Result], blocks: Sequence[Block], processes: int) -> Iterator[Result]:
    """Call a function on each block, in several processes, and yield its results in any order.

    Args:
        function: a function of a module, which processes can import; it and the blocks must be picklable.
        blocks: arguments of the calls.
        processes: number of processes; with 1, or a single block, this process does the work itself.

    Raises:
        S2Error: a process was killed. Errors of the function are raised unchanged.
        Interrupted: this process has got a stopping signal.
    """
    if processes == 1 or len(blocks) < 2:
        for block in blocks:
            signals.require_going_on()
            yield function(block)
        return
    # Fork is faster, but not safe with the threads of TensorFlow and MPI, which run if there are several ranks.
    context = multiprocessing.get_context("spawn" if "tensorflow" in sys.modules else "fork")
    pool = ProcessPoolExecutor(min(processes, len(blocks)), mp_context=context, initializer=start_worker)
    try:
        for future in as_completed([pool.submit(function, block) for block in blocks]):
            result = future.result()
            signals.require_going_on()
            yield result
    except BrokenProcessPool as error:
        signals.require_going_on()  # SIGTERM to the whole job ends the processes, too
        raise S2Error(
            "a process that read patches was killed, perhaps by the system for lack of memory; run the same "
            "command again, it continues."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def start_worker() -> None:
    """Prepare a worker process: leave signals to its parent, but end at SIGTERM, and when the parent ends."""
    for number in signals.STOPPING:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=exit_after, args=(parent.sentinel,), daemon=True).start()


def exit_after(sentinel: int) -> None:
    """End this process when the process of the sentinel has ended."""
    wait([sentinel])
    os._exit(1)
