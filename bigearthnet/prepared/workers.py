"""Blocks of work for the processes of one rank. The workers import what they run, and nothing of TensorFlow or MPI."""

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

from common.errors import S2Error

Block = TypeVar("Block")
Result = TypeVar("Result")


def run_blocks(function: Callable[[Block], Result], blocks: Sequence[Block], processes: int) -> Iterator[Result]:
    """Call a function on each block, in several processes, and give its results as they come, in any order.

    Args:
        function: of a module, so that processes can import it; it and the blocks are sent to them.
        processes: with 1, or a single block, this process does the work itself.

    Raises:
        S2Error: a process was killed, for want of memory perhaps. What the function raises is raised here.
    """
    if processes == 1 or len(blocks) < 2:
        yield from map(function, blocks)
        return
    # A fork costs nothing, but would break the threads of TensorFlow and MPI, which come with several ranks.
    context = multiprocessing.get_context("spawn" if "tensorflow" in sys.modules else "fork")
    pool = ProcessPoolExecutor(min(processes, len(blocks)), mp_context=context, initializer=start_worker)
    try:
        for future in as_completed([pool.submit(function, block) for block in blocks]):
            yield future.result()
    except BrokenProcessPool as error:
        raise S2Error(
            "a process that read patches was killed, by the system for want of memory perhaps; run the same "
            "command again, it continues."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def start_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_with, args=(parent.sentinel,), daemon=True).start()


def end_with(sentinel: int) -> None:
    """End this process when another one has ended."""
    wait([sentinel])
    os._exit(1)
