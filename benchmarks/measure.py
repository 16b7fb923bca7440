"""Shared by all benchmarks: time of a call, peak memory of a process, results of other processes, rows of the table."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
# Words before a command that ends it when this process ends, however that happens.
ENDED_WITH_US = ["setpriv", "--pdeathsig", "TERM"] if sys.platform == "linux" else []
PARTS = ("input", "compute", "wait", "average", "update", "bookkeeping")  # of a training step, in their order


class Result(NamedTuple):
    """A row of the table.

    Attributes:
        name: the measured quantity.
        value: the number with its unit.
        goal: the number to reach; may be empty.
    """

    name: str
    value: str
    goal: str


class Spent(NamedTuple):
    """The time of one call.

    Attributes:
        seconds: wall time.
        processor_seconds: processor time of all threads of this process. Other work on the machine changes it less.
    """

    seconds: float
    processor_seconds: float


def best_of_turns(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Spent]:
    """Return the least times of each function, which take turns, after a call that does not count."""
    spent: dict[str, list[Spent]] = {name: [] for name in ways}
    for count in range(rounds + 1):
        for name, run in ways.items():
            started, processor = time.perf_counter(), time.process_time()
            run()
            if count:
                spent[name].append(Spent(time.perf_counter() - started, time.process_time() - processor))
    return {name: Spent(*map(min, zip(*turns, strict=True))) for name, turns in spent.items()}


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call in seconds."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def peak_memory_gib() -> float:
    """Return the peak memory of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run_child(command: list[str], **environment: str) -> list[dict]:
    """Run a command in the folder of the repository, and return its lines of JSON. Exit if it fails.

    Args:
        command: the command.
        environment: variables to add to the environment.
    """
    words = [*ENDED_WITH_US, *command]
    done = subprocess.run(words, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def ask_ranks(command: list[str], changes: Iterable[Callable[[], None]], **environment: str) -> Iterator[dict]:
    """Start ranks that measure for each line on their stdin, and yield their answers, one after each change. Exit if they fail.

    Args:
        command: starts the ranks; rank 0 prints a line when all have started, then each answer as a line of JSON.
        changes: functions to call before the ranks measure, such as a change of the network.
        environment: variables to add to the environment.
    """
    ranks = subprocess.Popen(
        [*ENDED_WITH_US, *command],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ranks.stdout.readline()
    for change in changes:
        change()
        print("measure", file=ranks.stdin, flush=True)
        yield json.loads(ranks.stdout.readline() or sys.exit(f"{' '.join(command)} failed"))
    ranks.stdin.close()
    ranks.wait()


def answer_asker(measure: Callable[[], object]) -> None:
    """Measure for each line on rank 0's stdin, and print what rank 0 returns. Every rank must call it; see `ask_ranks`."""
    import common.distributed as hvd

    hvd.init()
    if hvd.rank() == 0:
        print("ready", flush=True)
    while hvd.on_rank_zero(sys.stdin.readline):
        measured = measure()
        if hvd.rank() == 0:
            print(json.dumps(measured), flush=True)
