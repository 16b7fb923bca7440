"""Print speeds and memory, mostly as ratios of two measurements of the same run.

python benchmarks/bench.py                     all benchmarks, on a made product of half size
python benchmarks/bench.py --product SCENE     all benchmarks, on a product of yours
python benchmarks/bench.py --only loading      one benchmark
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # `benchmarks` and `tests` are not installed

MADE_PX = 5490
# Module of a benchmark, which is imported only to run it -> arguments of its `run`.
BENCHMARKS = {
    "startup": (),
    "extraction": ("product",),
    "prediction": ("product", "precision"),
    "joint": ("precision",),
    "engines": ("precision",),
    "roofline": ("precision",),
    "resnet50": ("precision",),
    "remote": ("product",),
    "loading": (),
    "bigearthnet": (),
    "classification": (),
    "ranks": ("precision",),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--product",
        help="scene to cut patches from and to sharpen (a made one of 5490 px, which takes 30 %% of the time of a full tile)",
    )
    parser.add_argument(
        "--only",
        choices=BENCHMARKS,
        action="append",
        help="benchmark to run; may be repeated (all)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="precision of prediction, engines, roofline, resnet50 and ranks (float32)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code."""
    arguments = build_parser().parse_args(argv)
    print(f"{describe_machine()}\n")
    print("| Measured | Value | Goal |\n|---|---|---|")
    for name in arguments.only or BENCHMARKS:
        with product_at(arguments.product, needed="product" in BENCHMARKS[name]) as product:
            values = {"product": product, "precision": arguments.precision}
            for row in import_module(f"benchmarks.{name}").run(*(values[key] for key in BENCHMARKS[name])):
                print(f"| {row.name} | {row.value} | {row.goal} |", flush=True)
    return 0


def describe_machine() -> str:
    """Return one line: the processor, its instruction sets, and the cores that this process may use."""
    from common.machine import usable_cores
    from common.networks.precision import processor_record

    processor = processor_record()
    instructions = ", ".join(processor["instruction_sets"]) or "no known instruction sets"
    return f"{processor['processor']}, {usable_cores()} cores, {instructions}; speeds depend on other work beside this one."


@contextmanager
def product_at(path: str | None, needed: bool) -> Iterator[str | None]:
    """Return the path of a product inside this block: the given one, or a made one if one is needed."""
    if path or not needed:
        yield path
        return
    import numpy as np

    from tests.support.fake_safe import textured_pixels, write_safe

    with tempfile.TemporaryDirectory() as folder:
        pixels = textured_pixels(np.random.default_rng(0), MADE_PX)
        yield str(write_safe(Path(folder), pixels=pixels, size=MADE_PX))


if __name__ == "__main__":
    sys.exit(main())
