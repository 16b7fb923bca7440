"""Signs of life: a process touches a file of its own again and again, and others look whether the file changes.

Times of two machines are never compared. A process is called silent after it was seen unchanged for SILENT_BEATS looks,
one in each interval. So it does no harm if clocks differ, or if the one who looks was suspended meanwhile.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from common.errors import S2Error

INTERVAL_S = 10.0  # between two signs of life
SILENT_BEATS = 6  # intervals without a sign, after which a process is called silent
_LONGEST_CONTENT = 2**16


class Sign(NamedTuple):
    """What others see of a process: content and modification time of its file."""

    content: bytes
    time_ns: int


def read_sign(path: Path) -> Sign | None:
    """Return the newest sign in a file; None if there is no file.

    It opens the file, because a network file system then asks the server. The state of a closed file may be a minute old.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        return Sign(os.read(file, _LONGEST_CONTENT), os.fstat(file).st_mtime_ns)
    finally:
        os.close(file)


class Repeater:
    """Call a function once in each interval, in a thread that ends with the process.

    Args:
        function: returns whether to go on. After an error of the file system the next call may succeed, so it goes on.
        interval: in seconds.
    """

    def __init__(self, function: Callable[[], bool], interval: float):
        self._function, self._interval = function, interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self._thread.start()

    def _repeat(self) -> None:
        while not self._stopped.wait(self._interval):
            with suppress(OSError, S2Error):
                if not self._function():
                    return

    def stop(self) -> None:
        """End the calls. Do not wait for one that hangs in a file system."""
        self._stopped.set()
        self._thread.join(timeout=1)
