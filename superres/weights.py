"""Fetch the published DSen2 weights into the cache.

    python superres/weights.py

Every command that takes a file of weights also takes these names, and fetches the weights if they are missing.
"""

import argparse
import sys
from collections.abc import Sequence

from common.errors import WeightsError
from common.runs import cli
from superres.networks.published import LICENCE, PUBLISHED, fetch_published


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Fetch the published DSen2 weights, 80 MB, and print the paths of their files. Licence: " + LICENCE + ".",
        "python superres/weights.py",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"weights to fetch, of {', '.join(PUBLISHED)} (all)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: fetch(options.names), build_parser(), argv)


def fetch(names: Sequence[str]) -> None:
    """Fetch published weights, and print their names and files.

    Args:
        names: keys of PUBLISHED; none means all.

    Raises:
        WeightsError: no weights are published under a name.
        DownloadError: the weights cannot be fetched.
    """
    unknown = [name for name in names if name not in PUBLISHED]
    if unknown:
        raise WeightsError(
            f"no weights are published as {unknown[0]}; give names of {', '.join(PUBLISHED)}, or no name for all."
        )
    for name in names or PUBLISHED:
        print(f"{name}  {fetch_published(name)}")


if __name__ == "__main__":
    sys.exit(main())
