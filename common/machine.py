"""This machine, told apart from others that share its disks, its cores, and the processes that run on it."""

import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


class Machine(NamedTuple):
    """A machine, on which a number names one process. Two machines may have one name, as containers often do.

    Attributes:
        host: its name.
        boot: its id since it was started; empty if the system does not tell.
        namespace: in which process numbers count; a container has one of its own. Empty if the system does not tell.
    """

    host: str
    boot: str
    namespace: str


def this_machine() -> Machine:
    """Return the machine, or the container, in which this process runs."""
    try:
        return Machine(platform.node(), _BOOT.read_text().strip(), os.readlink(_NAMESPACE))
    except OSError:  # some containers do not tell
        return Machine(platform.node(), "", "")


def usable_cores() -> int:
    """Return the number of cores that this process may use. mpirun and batch jobs may give it only some cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_exists(process: int) -> bool:
    """Return whether this machine has a process of this number."""
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        pass
    return True


def process_state(process: int) -> tuple[str, bool] | None:
    """Return the start of a process and whether it runs, a dead one that nobody waited for does not; None if unknown.

    The start is in clock ticks after that of the machine.
    """
    try:
        # The name of the program, in parentheses, may hold anything. See proc(5): the state is field 3, the start field 22.
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[19].decode(), fields[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return None


def seconds_since_start() -> float | None:
    """Return the seconds since this process was started; None if the system does not tell."""
    state = process_state(os.getpid())
    return state and time.clock_gettime(time.CLOCK_BOOTTIME) - int(state[0]) / os.sysconf("SC_CLK_TCK")
