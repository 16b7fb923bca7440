"""Work before and after the networks in threads of its own: read ahead, write behind.

A thread works on one item while the main thread works on another, so memory stays bounded. The main thread alone computes
networks and talks to other ranks, so that all ranks do so in the same order. It also looks for signals while it waits. An
error of a thread is raised in the main thread as it is. An error of the main thread ends the threads. So does its end, if
it never leaves the block: otherwise Python would wait for them without end.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Generic, TypeVar

from common.runs.signals import require_going_on

Item = TypeVar("Item")
Waits = Counter[str]  # stage -> seconds that the main thread has waited for it

_POLL_SECONDS = 0.1  # between two looks for a signal, or for the end of the other side


class _Abandoned(Exception):
    """The main thread has ended. It ends this thread as an error does, so that unfinished files are removed."""


class _Handover(Generic[Item]):
    """Items that one thread hands to another, in their order."""

    def __init__(self) -> None:
        # Not a SimpleQueue: its `get` waits without end if a signal comes shortly before the timeout (seen with CPython 3.11).
        self._items: queue.Queue = queue.Queue()
        self._room = threading.Semaphore(1)  # for one item that is not taken yet, or that is being made
        self._end = object()
        self._main = threading.current_thread()  # it makes the handover
        self.is_abandoned = threading.Event()

    def has_room(self) -> bool:
        """Take the room for one item if the other side frees it soon; return whether it did."""
        return self._room.acquire(timeout=_POLL_SECONDS)

    def free_room(self) -> None:
        """Allow one more item."""
        self._room.release()

    def put(self, item: Item) -> None:
        """Hand an item over."""
        self._items.put(item)

    def end(self) -> None:
        """Say that no item follows."""
        self._items.put(self._end)

    def take(self, look: Callable[[], object]) -> Iterator[Item]:
        """Yield the items until the end. While it waits, it calls `look`, whose errors end the waiting."""
        while True:
            look()
            with suppress(queue.Empty):
                taken = [self._items.get(timeout=_POLL_SECONDS)]
                if taken[0] is self._end:
                    return
                yield taken.pop()  # keeps no reference: the block decides how long the item stays in memory

    def require_not_abandoned(self) -> None:
        """Raise _Abandoned if the main thread has ended."""
        if self.is_abandoned.is_set() or not self._main.is_alive():
            raise _Abandoned


@contextmanager
def ahead(items: Iterator[Item], stage: str, waits: Waits) -> Iterator[Iterator[Item]]:
    """Make items in a thread: the next one while the block works on the last one.

    Args:
        items: makes them.
        stage: its name in `waits`.
        waits: the seconds are added to it.

    Yields:
        The same items. An error of `items` is raised when the item is due. Interrupted is raised if the process has got a
        stopping signal.
    """
    handover: _Handover[Item] = _Handover()
    errors: list[BaseException] = []

    def make() -> None:
        try:
            while True:
                while not handover.has_room():
                    handover.require_not_abandoned()
                handover.put(next(items))
        except StopIteration:
            pass
        except BaseException as error:
            errors.append(error)
        handover.end()

    def taken() -> Iterator[Item]:
        items_made = handover.take(require_going_on)
        while True:
            started = time.monotonic()
            item = list(islice(items_made, 1))
            waits[stage] += time.monotonic() - started
            if not item:
                break
            handover.free_room()
            yield item.pop()  # keeps no reference
        if errors:
            raise errors[0]

    thread = threading.Thread(target=make, name=stage)
    thread.start()
    try:
        yield taken()
    finally:
        handover.is_abandoned.set()
        thread.join()


class Behind(Generic[Item]):
    """A thread that uses up the items of the main thread. Made by `behind`."""

    def __init__(self, use: Callable[[Iterator[Item]], object], stage: str, waits: Waits):
        self._use, self._stage, self._waits = use, stage, waits
        self._handover: _Handover[Item] = _Handover()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=stage)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand an item over, as soon as the thread is done with the last one.

        If the thread has failed, the item is dropped: `require_no_error` tells.

        Raises:
            Interrupted: the process has got a stopping signal.
        """
        with self._waited():
            while not self._handover.has_room():
                require_going_on()
                if not self._thread.is_alive():
                    return
        self._handover.put(item)

    def require_no_error(self) -> None:
        """Raise the error of the thread, if there is one."""
        if self._error:
            raise self._error

    def finish(self) -> None:
        """Say that no item follows, and wait until the thread has ended.

        Raises:
            BaseException: the error of the thread.
        """
        self._handover.end()
        with self._waited():
            self._thread.join()
        self.require_no_error()

    def abandon(self) -> None:
        """End the thread without further items, and wait until it has ended."""
        self._handover.is_abandoned.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._use(self._taken())
        except BaseException as error:
            self._error = error

    def _taken(self) -> Iterator[Item]:
        for item in self._handover.take(self._handover.require_not_abandoned):
            yield item
            del item
            self._handover.free_room()

    @contextmanager
    def _waited(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self._waits[self._stage] += time.monotonic() - started


@contextmanager
def behind(use: Callable[[Iterator[Item]], object], stage: str, waits: Waits) -> Iterator[Behind[Item]]:
    """Call `use` in a thread, with the items that the block puts; wait for its end when the block ends.

    Args:
        use: uses up an iterator. If the block raises an error, the iterator raises one too.
        stage: its name in `waits`.
        waits: the seconds are added to it.

    Raises:
        BaseException: the error of the thread.
    """
    thread = Behind(use, stage, waits)
    try:
        yield thread
        thread.finish()
    except BaseException:
        thread.abandon()
        raise
