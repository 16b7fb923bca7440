"""Load weights into our networks: of our own run folders, or as published with the DSen2 paper's code.

    python superres/weights.py    fetches the published weights and prints where they are

Published files are Keras 2 HDF5 whose Lambda layers no longer load, so the arrays of `model_weights` are read one by
one. Their networks see the 10 m bands as B04, B03, B02, B08; ours as B02, B03, B04, B08.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import logging
import sys
from collections.abc import Sequence

from common.errors import WeightsError
from common.runs import cli
from superres.networks.published import LICENCE, PUBLISHED
from superres.networks.trained import find_weights

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Fetch the published DSen2 weights, 80 MB, and print where they are. Licence: " + LICENCE + ".",
        "python superres/weights.py",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PUBLISHED)} (all)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(fetch, build_parser(), argv)


def fetch(arguments: argparse.Namespace) -> None:
    """Print name and file of each of the weights asked for."""
    unknown = [name for name in arguments.names if name not in PUBLISHED]
    if unknown:
        raise WeightsError(
            f"no weights are published as {unknown[0]}; give some of {', '.join(PUBLISHED)}, or none for all."
        )
    for name in arguments.names or PUBLISHED:
        print(f"{name}  {find_weights(name)}")


if __name__ == "__main__":
    sys.exit(main())
