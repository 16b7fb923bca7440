"""Flip single bits of files, read the files as training and prediction do, and count the flips that nobody notices."""

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import S2Error
from tests.faults.bench import Benches
from tests.faults.flip_kinds import KINDS, FlipKind
from tests.faults.jobs import Job
from tests.faults.table import Outcome
from tests.support.flips import flip_bit

SECONDS_WITHOUT_RESULT = 90
FOUND, SAME = "found", "nothing changed"  # results that are right


def try_flips(benches: Benches, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Flip this many bits in each kind of file; yield an outcome for each flip."""
    for kind in KINDS:
        yield from flip_bits(kind, benches.folder / kind.name.replace(" ", "-"), tries, rng)


def flip_bits(kind: FlipKind, folder: Path, tries: int, rng: np.random.Generator) -> Iterator[Outcome]:
    """Flip bits of one kind of file.

    A forked process makes and reads the files, so that a crash does not end the harness. After one, the next process
    goes on behind the flip that caused it.
    """
    good, results = folder / "good", folder / "results.txt"
    good.mkdir(parents=True)
    maker = Job(folder / "make.log", lambda: kind.make(good))
    if maker.wait(SECONDS_WITHOUT_RESULT) != 0:
        raise RuntimeError(f"{kind.name}: cannot be made:\n{maker.output}")
    flips = [choose_bit(kind, good, rng) for _ in range(tries)]
    lines: list[str] = []
    results.touch()
    while len(lines) < tries:
        position = len(lines)
        reader = Job(folder / "read.log", lambda: read_flipped(kind, good, flips, position, results))  # noqa: B023
        lines = wait_for_results(reader, results, tries)
        if len(lines) < tries:
            lines.append(f"crash: the reading process ended with {reader.code}")
            results.write_text("".join(f"{line}\n" for line in lines))
    for line in lines:
        outcome = Outcome(f"a flipped bit in a {kind.name}")
        if line in (FOUND, SAME):
            outcome.fine = line
        elif line.startswith("silent"):
            outcome.lost.append(line)
        else:
            outcome.untidy.append(line)
        yield outcome


def choose_bit(kind: FlipKind, good: Path, rng: np.random.Generator) -> tuple[Path, int, int]:
    """Return a random bit of the files of a kind: name of the file, byte, and bit."""
    parts = kind.parts(good)
    sizes = np.array([end - start for _, start, end in parts])
    path, start, end = parts[int(rng.choice(len(parts), p=sizes / sizes.sum()))]
    return path.relative_to(good), int(rng.integers(start, end)), int(rng.integers(8))


def wait_for_results(reader: Job, results: Path, tries: int) -> list[str]:
    """Return the lines of results when the reading process has ended, or has read one file for too long."""
    seen, last = -1, time.monotonic()
    while not reader.has_ended():
        count = len(results.read_text().splitlines())
        if count != seen:
            seen, last = count, time.monotonic()
        if time.monotonic() - last > SECONDS_WITHOUT_RESULT:
            reader.end()
        time.sleep(0.05)
    return results.read_text().splitlines()[:tries]


def read_flipped(
    kind: FlipKind, good: Path, flips: Sequence[tuple[Path, int, int]], position: int, results: Path
) -> int:
    """Flip each bit in a copy of the files, read it, and append the result as a line. Runs in a forked process."""
    expected = fingerprint(kind.read(good))
    if fingerprint(kind.read(good)) != expected:
        raise RuntimeError(f"{kind.name}: two readings of the good file differ")
    for number, flip in enumerate(flips[position:], start=position):
        copy = good.with_name(f"flipped{number}")  # a new name: some checks are made once a file
        shutil.copytree(good, copy)
        flip_bit(copy / flip[0], *flip[1:])
        with open(results, "a") as file:
            file.write(f"{read_once(kind, copy, expected)}\n")
        shutil.rmtree(copy)
    return 0


def read_once(kind: FlipKind, folder: Path, expected: str) -> str:
    """Read files with a flipped bit, and return the result in one line."""
    try:
        content = fingerprint(kind.read(folder))
    except S2Error:
        return FOUND
    except Exception as error:
        return f"foreign error: {type(error).__name__}"
    return SAME if content == expected else "silent: other content is read"


def fingerprint(value: Any) -> str:
    """Return a checksum over nested mappings and sequences of arrays, texts and numbers."""
    if isinstance(value, dict):
        parts = [f"{name}={fingerprint(part)}" for name, part in sorted(value.items())]
    elif isinstance(value, (list, tuple)):
        parts = [fingerprint(part) for part in value]
    elif isinstance(value, np.ndarray) and value.dtype != object:
        parts = [str(value.dtype), str(value.shape), hashlib.sha256(np.ascontiguousarray(value)).hexdigest()]
    else:
        parts = [repr(value)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
