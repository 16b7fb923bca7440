"""A watchdog for the ranks of a job: it names a rank that gives no sign of life, while the others wait for it.

Each rank touches a small file of its own. The lowest rank that is alive looks at the files of all others. It does not end
the job: the batch system may have suspended that process, and will continue it.
"""

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import common.distributed as hvd
from common.errors import OutputError
from common.files.atomic import write_text
from common.runs.locks.heartbeat import INTERVAL_S, SILENT_BEATS, Repeater, Sign, read_sign

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
        self.signs: dict[int, Sign | None] = {}  # newest sign of each rank
        self.silent_beats = dict.fromkeys(range(size), 0)  # looks since it came

    def begin(self) -> None:
        """Give the first sign of life. Without it, the rank is not watched; that is no reason to end a job."""
        with suppress(OSError, OutputError):
            self.folder.mkdir(exist_ok=True)
            write_text(self._path(self.rank), f"process {os.getpid()} on {platform.node()}")

    def beat(self) -> bool:
        """Give a sign of life. Look for those of the other ranks, unless a lower rank does so."""
        with suppress(OSError):
            os.utime(self._path(self.rank))
        for other in range(self.size):
            if other != self.rank:
                self._look_at(other)
            if other < self.rank and self.signs[other] and self.silent_beats[other] < SILENT_BEATS:
                break
        return True

    def end(self) -> None:
        """Leave. The last rank removes the folder."""
        with suppress(OSError):
            self._path(self.rank).unlink()
            self.folder.rmdir()

    def _path(self, rank: int) -> Path:
        return self.folder / str(rank)

    def _look_at(self, other: int) -> None:
        """Note whether another rank has given a sign since the last look; log a change between silent and alive."""
        sign = read_sign(self._path(other))
        if sign is not None and sign == self.signs.get(other):
            self.silent_beats[other] += 1
            if self.silent_beats[other] == SILENT_BEATS:
                logger.warning(
                    "rank %d (%s) has given no sign of life for %.0f s, and the other ranks wait for it; it may be "
                    "suspended, or its machine lost",
                    other,
                    sign.content.decode(errors="replace"),
                    SILENT_BEATS * self.interval,
                )
            return
        if self.silent_beats[other] >= SILENT_BEATS:
            logger.warning("rank %d %s", other, "gives signs of life again" if sign else "has ended")
        self.signs[other], self.silent_beats[other] = sign, 0
