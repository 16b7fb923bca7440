"""Give all readers of outside input damaged copies of valid inputs, and print a table of what they did.

    python -m tests.fuzz --inputs 20000

Exit code 1 if a reader raised an error that is not ours, took more than 10 s or more than 2 GB for an input, or died.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.runs import imports
from tests.fuzz.readers import READERS
from tests.fuzz.runner import Outcome, run_reader

HEADER = ("reader", "inputs", "accepted", "refused", "foreign", "slowest s", "memory MB", "inputs/s")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="inputs of all readers together (20000)")
    parser.add_argument("--reader", nargs="+", choices=READERS, metavar="NAME", help=f"of {', '.join(READERS)} (all)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same inputs (0)")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="most seconds of a processor for all readers (no limit)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="write inputs and tracebacks of findings to this folder"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = build_parser().parse_args(argv)
    names = options.reader or list(READERS)
    total = sum(READERS[name].share for name in names)
    print(_line(HEADER), flush=True)
    imports.speed_up_imports()  # as in commands
    outcomes, left = [], options.seconds
    for number, name in enumerate(names):
        inputs = max(1, round(options.inputs * READERS[name].share / total))
        outcome = run_reader(name, inputs, options.seed, left / (len(names) - number))
        left -= outcome.seconds  # a reader that is done early leaves time to others
        outcomes.append(outcome)
        print(_line(_cells(outcome)), flush=True)
        for finding in outcome.findings:
            print(f"    input {finding.index}: {finding.kind}, {outcome.found[finding.kind]} times", flush=True)
        if options.keep:
            _keep(outcome, options.keep)
    inputs, found = (
        sum(outcome.inputs for outcome in outcomes),
        sum(sum(outcome.found.values()) for outcome in outcomes),
    )
    print(f"{inputs:,} inputs, {found:,} findings, seed {options.seed}")
    return 1 if found else 0


def _cells(outcome: Outcome) -> list[str]:
    return [
        outcome.reader,
        f"{outcome.inputs:,}",
        f"{outcome.accepted:,}",
        f"{outcome.refused:,}",
        f"{sum(outcome.found.values()):,}",
        f"{outcome.slowest_s:.2f}",
        f"{outcome.most_bytes / 2**20:.0f}",
        f"{outcome.inputs / max(outcome.seconds, 1e-3):,.0f}",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"{cells[0]:16}" + "".join(f"{cell:>11}" for cell in cells[1:])


def _keep(outcome: Outcome, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for finding in outcome.findings:
        stem = folder / f"{finding.reader.replace(' ', '-')}-{finding.index}"
        stem.with_suffix(".input").write_bytes(finding.content)
        stem.with_suffix(".txt").write_text(f"{finding.kind}\n{finding.details}", errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
