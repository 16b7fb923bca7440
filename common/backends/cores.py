"""The cores of a machine, divided among the ranks that run on it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from common.backends import Backend
from common.machine import this_machine

TOPOLOGY = Path("/sys/devices/system/cpu")


def keep_to_own_cores(backend: Backend) -> None:
    """Keep this rank on its own part of the cores, if other ranks of its machine may use the same ones.

    A rank that moves from core to core loses the content of their caches, and sometimes two ranks share a core while another
    one is idle. Cores that the launcher has divided already stay as they are. Every rank must call this.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    own = (this_machine(), os.sched_getaffinity(0))
    sharers = [rank for rank, other in enumerate(backend.allgather_object(own)) if other == own]
    share = share_of_cores(own[1], sharers.index(backend.rank()), len(sharers))
    for thread in os.listdir("/proc/self/task"):  # a backend has some already
        with suppress(OSError):  # the thread has ended, or a container forbids it
            os.sched_setaffinity(int(thread), share)


def share_of_cores(cores: Iterable[int], part: int, parts: int) -> set[int]:
    """Return one of several nearly equal parts of cores; all cores if there are more parts.

    The cores of a part are neighbours: the threads of a physical core, and then cores of one processor, are in one part.

    Args:
        cores: their numbers in the system.
        part: number of the part, 0 to parts - 1.
        parts: number of parts.
    """
    ordered = sorted(cores, key=_place)
    if parts > len(ordered):
        return set(ordered)
    return set(ordered[part * len(ordered) // parts : (part + 1) * len(ordered) // parts])


def _place(core: int) -> tuple[int, int, int]:
    """Return the processor, the physical core in it, and the number of a core."""
    folder = TOPOLOGY / f"cpu{core}" / "topology"
    try:
        return int((folder / "physical_package_id").read_text()), int((folder / "core_id").read_text()), core
    except (OSError, ValueError):  # some containers do not tell
        return 0, core, core
