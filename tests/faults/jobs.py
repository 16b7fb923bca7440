"""Jobs that faults strike: a forked process, or ranks under mpirun. Each has a session of its own.

The fork spares the seconds in which TensorFlow is imported. This is safe as long as the harness computes nothing with
TensorFlow itself.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from common.runs import signals
from tests.support.launcher import MPIRUN_ANYWHERE

ROOT = Path(__file__).resolve().parents[2]
FAILED_IN_HARNESS = 70  # exit code of a forked process whose function raised an exception


class Job:
    """A function that runs in a process of its own, with its output in a log file.

    Args:
        log: file for stdout and stderr, which does not exist.
        function: returns the exit code.
    """

    def __init__(self, log: Path, function: Callable[[], int]):
        self.log = log
        self.code: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.process_id = os.fork()
        if self.process_id == 0:
            _run_and_exit(log, function)

    @property
    def output(self) -> str:
        """The output of this job so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def has_ended(self) -> bool:
        """Return whether the first process of the job has ended; `code` is then its exit code."""
        if self.code is None:
            process_id, status = os.waitpid(self.process_id, os.WNOHANG)
            if process_id:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self, seconds: float) -> int | None:
        """Return the exit code, negative for a signal; None if the job does not end in time."""
        self.wait_until(lambda: False, seconds)
        return self.code

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> bool:
        """Return whether a condition becomes true before the job ends and before the time is over."""
        end = time.monotonic() + seconds
        while not self.has_ended() and time.monotonic() < end:
            if is_ready():
                return True
            time.sleep(0.01)
        return False

    def processes(self) -> list[int]:
        """Return the ids of all processes of the job that run."""
        return [process_id for process_id in _process_ids() if _session(process_id) == self.process_id]

    def ranks(self) -> dict[int, int]:
        """Return rank -> process id of a job under mpirun."""
        found = {}
        for process_id in self.processes():
            rank = _environment(process_id).get("OMPI_COMM_WORLD_RANK")
            if rank is not None:
                found[int(rank)] = process_id
        return found

    def send(self, signal_number: int, process_ids: list[int]) -> None:
        """Send a signal to processes of the job that still run."""
        for process_id in process_ids:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal_number)

    def left_after(self, seconds: float) -> list[int]:
        """Return the processes that still run some seconds after the job has ended, and end them."""
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.processes()
        self.end()
        return left

    def end(self) -> None:
        """End all processes of the job."""
        self.send(signal.SIGKILL, self.processes())
        self.wait(10)


def exec_function(*words: object, **environment: str) -> Callable[[], int]:
    """Return a function for `Job` that runs another program."""

    def run() -> int:
        os.chdir(ROOT)
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        os.execvpe(str(words[0]), [str(word) for word in words], variables)

    return run


def mpirun(ranks: int, *arguments: object) -> Callable[[], int]:
    """Return a function for `Job` that runs a Python command on several ranks, also on a machine with one core."""
    return exec_function("mpirun", "-np", ranks, "--bind-to", "none", sys.executable, *arguments, **MPIRUN_ANYWHERE)


def _run_and_exit(log: Path, function: Callable[[], int]) -> None:
    """Run the function of a job in the process that was just forked."""
    code = FAILED_IN_HARNESS
    try:
        os.setsid()
        nowhere, output = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for descriptor, target in ((nowhere, 0), (output, 1), (output, 2)):
            os.dup2(descriptor, target)
        for number in signals.STOPPING:  # a shell ignores SIGINT for what runs in the background
            signal.signal(number, signal.SIG_DFL)
        signals.install()  # as a command does at its first import; another program gets the defaults
        code = function()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _process_ids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _session(process_id: int) -> int | None:
    """Return the session of a process; None if it has ended."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[3])


def _environment(process_id: int) -> dict[str, str]:
    try:
        items = Path(f"/proc/{process_id}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(item.split("=", 1) for item in items if "=" in item)
