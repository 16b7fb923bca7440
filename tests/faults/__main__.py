"""Make faults and print a table of what they did.

    python -m tests.faults kills --tries 20
    python -m tests.faults                      all faults

Exit code 1 if a fault lost finished work, or left something behind.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from common.runs import imports
from tests.faults import applications, flips, kills, power_cuts, refusing_disks, two_jobs, written_files
from tests.faults.bench import Benches
from tests.faults.table import Outcome, table

Fault = Callable[[Benches, int, np.random.Generator], Iterator[Outcome]]
FAULTS: dict[str, tuple[Fault, int]] = {  # and the number of tries
    "kills": (kills.try_kills, 20),
    "power-cuts": (power_cuts.try_power_cuts, 6),
    "power-cuts-of-files": (written_files.try_power_cuts_of_files, 4),
    "flips": (flips.try_flips, 40),
    "two-jobs": (two_jobs.try_two_jobs, len(two_jobs.PAIRS)),
    "full-disk": (refusing_disks.try_full_disk, 4),
    "read-only": (refusing_disks.try_read_only, 4),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"{', '.join(FAULTS)} (all)")
    parser.add_argument("--tries", type=int, metavar="N", help="tries of each fault (what takes a few minutes)")
    parser.add_argument("--seed", type=int, default=0, help="seed of moments, signals and bits (0)")
    parser.add_argument(
        "--application", nargs="+", choices=applications.COMMANDS, default=list(applications.COMMANDS), help="(all)"
    )
    parser.add_argument("--keep", metavar="DIR", help="folder for all runs and logs, which stays (a temporary folder)")
    return parser


def main() -> int:
    """Run the faults; return the exit code."""
    options = build_parser().parse_args()
    unknown = set(options.faults) - set(FAULTS)
    if unknown:
        build_parser().error(f"unknown fault {', '.join(unknown)}; choose from {', '.join(FAULTS)}")
    imports.speed_up_imports()  # as in commands
    applications.import_everything()
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        benches = Benches(folder, options.application)
        for name in options.faults or FAULTS:
            fault, tries = FAULTS[name]
            for outcome in fault(benches, options.tries or tries, np.random.default_rng(options.seed)):
                outcomes.append(outcome)
                print(describe(outcome), file=sys.stderr, flush=True)
    print(table(outcomes))
    return int(any(outcome.did_harm for outcome in outcomes))


def describe(outcome: Outcome) -> str:
    """Return a line about one fault."""
    harm = [*outcome.lost, *outcome.untidy, *([f"skipped: {outcome.skipped}"] if outcome.skipped else [])]
    return f"{outcome.fault}: {'; '.join(harm) or 'fine'}"


if __name__ == "__main__":
    sys.exit(main())
