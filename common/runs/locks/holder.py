"""The process that holds a lock: who it is, and whether it still runs."""

import dataclasses
import getpass
import json
import os
import shlex
import sys
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from common.machine import process_exists, process_state, this_machine

_JOB_VARIABLES = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID")
_LONGEST_COMMAND = 1000  # characters


@dataclass(frozen=True)
class Holder:
    """The holder of a lock, as the lock file describes it.

    Attributes:
        host: name of the machine.
        boot: the machine's id since it was started.
        namespace: in which process numbers count. A container has one of its own.
        process: process number.
        started: start of the process, in clock ticks after that of the machine: process numbers are used again.
        user: name of the user.
        job: number of the batch job, or empty.
        command: command line.
        since: time of this record, UTC.
        record: random, so that no two records are equal.
    """

    host: str
    boot: str
    namespace: str
    process: int
    started: str
    user: str
    job: str
    command: str
    since: str
    record: str

    def __str__(self) -> str:
        job = f"job {self.job}, " if self.job else ""
        return f"process {self.process} on {self.host} ({job}user {self.user}, since {self.since})"

    def to_bytes(self) -> bytes:
        """Return the content of the lock file."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @property
    def is_here(self) -> bool:
        """Whether this process can see the holder among its own machine's processes."""
        return (self.host, self.boot, self.namespace) == this_machine() and bool(self.boot and self.namespace)

    def is_running(self) -> bool | None:
        """Return whether a holder that `is_here` still runs; None if the system does not tell."""
        if not process_exists(self.process):
            return False
        found = process_state(self.process)
        return None if found is None else found == (self.started, True)


def this_process() -> Holder:
    """Return a new record of this process."""
    return Holder(
        *this_machine(),
        process=os.getpid(),
        started=(process_state(os.getpid()) or ("", True))[0],
        user=_user(),
        job=next((os.environ[name] for name in _JOB_VARIABLES if name in os.environ), ""),
        command=shlex.join(sys.argv)[:_LONGEST_COMMAND],
        since=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC",
        record=uuid.uuid4().hex,
    )


def parse_holder(content: bytes) -> Holder | None:
    """Return the holder that a lock file describes; None if the file is empty, cut short or damaged."""
    try:
        values = json.loads(content)
        names = [field.name for field in dataclasses.fields(Holder)]
        holder = Holder(**{name: str(values[name]) for name in names} | {"process": int(values["process"])})
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return holder if 0 < holder.process < 2**31 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container that has no name for it
        return str(os.getuid())
