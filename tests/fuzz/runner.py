"""Run a reader on damaged inputs in a process of its own, with limits of time and memory.

A process that dies, or stands still, is a finding: another one continues with the next input.
"""

import faulthandler
import importlib
import io
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from common.errors import S2Error
from tests.fuzz.mutations import Seed, mutate
from tests.fuzz.readers import READERS, Reader

MOST_SECONDS = 10  # of a processor, for one input; others may use the machine, too
MOST_BYTES = 2 * 2**30  # of memory for one input
STANDS_STILL_S = 120  # on the clock; then a process is ended from outside
ACCEPTED, REFUSED, NEXT = range(3)  # counters that the two processes share

_processes = multiprocessing.get_context("fork")


class Finding(NamedTuple):
    """An input that a reader neither accepts nor refuses as it should.

    Attributes:
        reader: its name.
        kind: what happened, such as `TypeError in common/scenes/safe.py:12`.
        index: number of the input.
        details: traceback.
        content: the input.
    """

    reader: str
    kind: str
    index: int
    details: str
    content: bytes


@dataclass
class Outcome:
    """What a reader did with its inputs. `findings`: one of each kind; `found`: how often each kind occurred."""

    reader: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    most_bytes: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    found: dict[str, int] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        if finding.kind not in self.found:
            self.findings.append(finding)
        self.found[finding.kind] = self.found.get(finding.kind, 0) + 1


class TooSlow(BaseException):
    """An input took longer than MOST_SECONDS."""


def run_reader(name: str, inputs: int, seed: int, seconds: float) -> Outcome:
    """Run a reader on `inputs` damaged inputs, or for `seconds` of a processor. The same seed gives the same inputs."""
    for package in READERS[name].imports:
        importlib.import_module(package)
    outcome, start, first = Outcome(name), _children_seconds(), 0
    while first < inputs and (left := seconds - (_children_seconds() - start)) > 0:
        shared = _processes.RawArray("q", 3)
        shared[NEXT] = -1
        receiver, sender = _processes.Pipe(duplex=False)
        process = _processes.Process(target=_work, args=(name, range(first, inputs), seed, left, shared, sender))
        process.start()
        sender.close()
        has_stood_still = _receive(receiver, process, shared, outcome)
        process.join()
        outcome.accepted += shared[ACCEPTED]
        outcome.refused += shared[REFUSED]
        if process.exitcode == 0:
            break
        if shared[NEXT] < 0:
            raise RuntimeError(f"{name}: its process died before the first input, exit code {process.exitcode}")
        kind = f"more than {STANDS_STILL_S} s" if has_stood_still else f"process died, exit code {process.exitcode}"
        outcome.add(Finding(name, kind, shared[NEXT], "", b""))
        first = shared[NEXT] + 1
    outcome.inputs = outcome.accepted + outcome.refused + sum(outcome.found.values())
    outcome.seconds = _children_seconds() - start
    return outcome


def _receive(receiver: Connection, process: multiprocessing.Process, shared: Sequence[int], outcome: Outcome) -> bool:
    """Take in the findings of a process until it ends; end it, and return True, if it stands still."""
    last, since = -1, time.monotonic()
    while True:
        if receiver.poll(1):
            try:
                message = receiver.recv()
            except EOFError:
                return False
            if isinstance(message, str):
                raise RuntimeError(f"{outcome.reader} cannot be made ready: {message}")
            if isinstance(message, Finding):
                outcome.add(message)
            else:
                outcome.slowest_s = max(outcome.slowest_s, message[0])
                outcome.most_bytes = max(outcome.most_bytes, message[1])
        if shared[NEXT] != last:
            last, since = shared[NEXT], time.monotonic()
        elif last >= 0 and time.monotonic() - since > STANDS_STILL_S:
            process.kill()
            return True


def _work(name: str, indices: range, seed: int, seconds: float, shared: Sequence[int], sender: Connection) -> None:
    """Run a reader on inputs; the process of this function belongs to it alone."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(quiet, "w"), errors="backslashreplace")
    faulthandler.disable()  # of pytest
    _check_log_messages()
    socket.socket.connect = socket.getaddrinfo = refuse_network
    os.environ["SSL_CERT_FILE"] = os.devnull  # reading certificates takes long
    signal.signal(signal.SIGPROF, _raise_too_slow)
    memory = (
        "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    )  # each input is a file: memory is faster than a disk
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as folder:
        os.chdir(folder)
        reader = READERS[name]
        try:
            seeds, read = reader.make(Path(folder))
        except Exception:
            sender.send(traceback.format_exc())
            raise
        _limit_memory()
        peak, slowest, end = _peak(), 0.0, time.process_time() + seconds
        before = _resident()
        for index in indices:
            if time.process_time() > end:
                break
            shared[NEXT] = index
            content, kind, details, took = _try(reader, seeds, read, random.Random(f"{seed} {name} {index}"), shared)
            slowest = max(slowest, took)
            if (now := _peak()) > peak:
                peak = now
                if peak - before > MOST_BYTES and not kind:
                    kind = "more than 2 GB"
            if kind:
                sender.send(Finding(name, kind, index, details, content))
        sender.send((slowest, peak - before))
    sender.close()
    os._exit(0)  # without the exit handlers of the parent


def _try(reader: Reader, seeds: Sequence[Seed], read, rng: random.Random, shared) -> tuple[bytes, str, str, float]:
    """Give a reader one damaged input; return the input, the kind and details of a finding, and the seconds."""
    chosen = rng.choice(seeds)
    content = mutate(chosen, seeds, rng)
    kind = details = ""
    start = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        read(content, chosen.index)
        counter = ACCEPTED
    except S2Error:
        counter = REFUSED
    except reader.refusals:
        counter = REFUSED
    except BaseException as error:
        counter, kind, details = None, describe(error), traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if counter is not None:
        shared[counter] += 1
    return content, kind, details, time.process_time() - start


def describe(error: BaseException) -> str:
    """Return the kind of an error, and the last line of our code that it passed."""
    root = Path(__file__).parents[2]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    ours = [frame for frame in frames if ".venv" not in frame.filename and "tests" not in Path(frame.filename).parts]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).relative_to(root)}:{frame.lineno}"


def _raise_too_slow(_signal: int, _frame: object) -> None:
    raise TooSlow


def refuse_network(*_arguments: object) -> None:
    raise OSError("inputs name servers, which are not asked")


class _Formatter(logging.Handler):
    """Formats each log message, and lets the errors of that through."""

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()


def _check_log_messages() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Formatter()]
    root.setLevel(logging.INFO)


def _limit_memory() -> None:
    """Let a request for much more than MOST_BYTES fail, so that it does not stop the machine."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_BYTES * 3 // 2
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _children_seconds() -> float:
    """Return the seconds that ended processes of this one took of a processor: the same when other jobs are busy."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
