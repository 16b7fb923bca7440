"""A watchdog for the ranks of a job: it names a rank that gives no sign of life, while the others wait for it.

Each rank touches a small file of its own. The lowest rank that is alive looks at the files of all others. It does not end
the job: the batch system may have suspended that process, and will continue it. If mpirun ends the job while the ranks wait, the
watchdog says so, because the main threads cannot.
"""

import logging
import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import common.distributed as hvd
from common.errors import OutputError, some_of
from common.files.atomic import write_text
from common.runs import signals
from common.runs.locks.heartbeat import INTERVAL_S, SILENT_BEATS, Repeater, Sign, read_sign

SECONDS_TO_ANSWER = 0.5  # after SIGTERM; one second later mpirun sends SIGKILL

logger = logging.getLogger(__name__)


@contextmanager
def watched_ranks(folder: Path, interval: float = INTERVAL_S) -> Iterator[None]:
    """Give signs of life, and watch for those of the other ranks, during the block. Every rank must call it.

    Args:
        folder: for a small file of each rank; made and removed again.
        interval: seconds between two signs of life.
    """
    if hvd.size() == 1:
        yield
        return
    watchdog = Watchdog(folder, hvd.rank(), hvd.size(), interval)
    watchdog.begin()
    repeater = Repeater(watchdog.beat, interval)
    try:
        with signals.heard_at_once(watchdog.explain_end):
            yield
    finally:
        repeater.stop()
        watchdog.end()


class Watchdog:
    """The signs of life of one rank, and its looks at those of the others.

    Args:
        folder: holds a file of each rank.
        rank: this one.
        size: number of ranks.
        interval: seconds between two calls of `beat`.
    """

    def __init__(self, folder: Path, rank: int, size: int, interval: float):
        self.folder, self.rank, self.size, self.interval = folder, rank, size, interval
        self.signs: dict[int, Sign] = {}  # newest sign of each rank
        self.silent_beats = dict.fromkeys(range(size), 0)  # looks since it came
        self.named: set[int] = set()  # silent ranks that this one has named in the log
        self.alive: set[int] = set()  # ranks whose sign was seen to change, and that are not silent
        self.speaks = rank == 0  # whether no lower rank is alive

    def begin(self) -> None:
        """Give the first sign of life. Without it, the rank is not watched; that is no reason to end a job."""
        with suppress(OSError, OutputError):
            self.folder.mkdir(exist_ok=True)
            write_text(self._path(self.rank), f"process {os.getpid()} on {platform.node()}")

    def beat(self) -> bool:
        """Give a sign of life. Look for those of the other ranks up to a lower one that is alive, and log changes."""
        with suppress(OSError):
            os.utime(self._path(self.rank))
        self.speaks = True
        for other in range(self.size):
            if other == self.rank:
                continue
            self._look_at(other)
            if other < self.rank and other in self.signs and not self._is_silent(other):
                self.speaks = False  # that rank speaks if it is alive
            if other < self.rank and other in self.alive:
                self._forget_from(other + 1)
                break
        self._log_changes()
        return True

    def explain_end(self, number: signal.Signals) -> None:
        """Log why mpirun may end this job, if the main thread does not answer: it computes, or waits for a rank that is lost."""
        if number is not signal.SIGTERM or not self.speaks:
            return
        time.sleep(SECONDS_TO_ANSWER)
        if signals.interruption():  # the main thread goes on, and says more
            return
        silent = [self._name(other) for other, beats in sorted(self.silent_beats.items()) if beats > 1]
        logger.warning(
            "stopped by SIGTERM while this rank computes, or waits for other ranks%s. If nobody stopped the job, a rank, its "
            "node or the network is lost, and mpirun says which; start the job again with --resume",
            f"; no sign of life from {some_of(silent)}" if silent else "",
        )

    def _log_changes(self) -> None:
        silent = [other for other in range(self.size) if self._is_silent(other) and other not in self.named]
        if silent and self.speaks:
            self.named.update(silent)
            logger.warning(
                "no sign of life for %.0f s from %s; the other ranks wait. The process may be suspended, or its machine lost",
                SILENT_BEATS * self.interval,
                some_of(map(self._name, silent)),
            )
        back = [other for other in sorted(self.named) if not self._is_silent(other)]
        if back:
            self.named.difference_update(back)
            logger.warning("signs of life again, or an end, of %s", some_of(map(self._name, back)))

    def end(self) -> None:
        """Leave. The last rank removes the folder."""
        with suppress(OSError):
            self._path(self.rank).unlink()
            self.folder.rmdir()

    def _path(self, rank: int) -> Path:
        return self.folder / str(rank)

    def _is_silent(self, other: int) -> bool:
        return self.silent_beats[other] >= SILENT_BEATS

    def _look_at(self, other: int) -> None:
        """Note whether another rank has given a sign since the last look. A rank that has ended is not missed."""
        earlier, sign = self.signs.pop(other, None), read_sign(self._path(other))
        if sign is not None:
            self.signs[other] = sign
        self.silent_beats[other] = self.silent_beats[other] + 1 if sign and sign == earlier else 0
        if sign is None or self._is_silent(other):
            self.alive.discard(other)
        elif earlier is not None and sign != earlier:
            self.alive.add(other)

    def _forget_from(self, first: int) -> None:
        """Forget the higher ranks, at which a lower rank looks: old signs say nothing."""
        for other in range(first, self.size):
            self.signs.pop(other, None)
            self.silent_beats[other] = 0
            self.alive.discard(other)
            self.named.discard(other)

    def _name(self, other: int) -> str:
        sign = self.signs.get(other)
        return f"rank {other} ({sign.content.decode(errors='replace')})" if sign else f"rank {other}"
