"""What all benchmarks share: time, peak memory of a child process, and a row of the table."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent


class Result(NamedTuple):
    """A row of the table: what was measured, the number with its unit, and what it should reach."""

    name: str
    value: str
    goal: str


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def peak_memory_gib() -> float:
    """Most memory that this process has held so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run_child(command: list[str], **environment: str) -> list[dict]:
    """Run a command from the repository's folder; its lines of JSON, one a rank."""
    import os

    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
