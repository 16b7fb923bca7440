"""Shared by all benchmarks: time of a call, peak memory of a process, results of a child process, rows of the table."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
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
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
