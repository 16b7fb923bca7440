"""Print speeds and memory, mostly as ratios of two measurements of the same run.

python benchmarks/bench.py                     all benchmarks, on a made product of half size
python benchmarks/bench.py --product SCENE     all benchmarks, on a product of yours
python benchmarks/bench.py --only loading      one benchmark
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `benchmarks` and `tests` are not installed

from benchmarks import bigearthnet, classification, extraction, loading, prediction, ranks, remote
from benchmarks.measure import Result

MADE_PX = 5490


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--product",
        help="scene to cut patches from and to sharpen (a made one of 5490 px, which takes 30 %% of the time of a full tile)",
    )
    parser.add_argument(
        "--only",
        choices=("extraction", "loading", "prediction", "remote", "bigearthnet", "classification", "ranks"),
        action="append",
        help="benchmark to run; may be repeated (all)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="precision of prediction and ranks (float32)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code."""
    arguments = build_parser().parse_args(argv)
    benchmarks: dict[str, Callable[[], list[Result]]] = {
        "extraction": lambda: with_product(arguments.product, extraction.run),
        "prediction": lambda: with_product(arguments.product, lambda path: prediction.run(path, arguments.precision)),
        "remote": lambda: with_product(arguments.product, remote.run),
        "loading": loading.run,
        "bigearthnet": bigearthnet.run,
        "classification": classification.run,
        "ranks": lambda: ranks.run(arguments.precision),
    }
    print("| Measured | Value | Goal |\n|---|---|---|")
    for name, run in benchmarks.items():
        if not arguments.only or name in arguments.only:
            for row in run():
                print(f"| {row.name} | {row.value} | {row.goal} |", flush=True)
    return 0


def with_product(product: str | None, run: Callable[[str], list[Result]]) -> list[Result]:
    """Run a benchmark on the given product, or on a made one."""
    if product:
        return run(product)
    from tests.support.fake_safe import textured_pixels, write_safe

    with tempfile.TemporaryDirectory() as folder:
        pixels = textured_pixels(np.random.default_rng(0), MADE_PX)
        return run(str(write_safe(Path(folder), pixels=pixels, size=MADE_PX)))


if __name__ == "__main__":
    sys.exit(main())
