"""Measure how well classification learns a made dataset.

python -m benchmarks.classification    train three times on 2,000 made patches (`tests/support/made_patches.py`)
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Result
from bigearthnet import train
from bigearthnet.evaluation.tables import read_metrics
from common.runs import folder as runs
from tests.support.made_patches import RARE, TWINS, split_names, write_made
from tests.support.tiny_training import command_line

PATCHES = split_names(2000, 600, 1000)
MODEL = "small"
EPOCHS = 6


def train_once(data: Path, folder: Path, **settings: object) -> dict[tuple[str, str], float]:
    """Train, and return (class, metric) -> value for the test patches."""
    options = {
        "data": data,
        "run_dir": folder,
        "model": MODEL,
        "epochs": EPOCHS,
        "batch_size": 32,
        "schedule": "cosine",
        **settings,
    }
    if train.main(command_line(options)):
        sys.exit("training failed")
    return {(row.name, row.metric): row.value for row in read_metrics(folder / runs.METRICS)}


def run() -> list[Result]:
    """Compare macro F1 with all bands and with RGB, and the scores of a class in 1 % of the patches with two losses."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = write_made(folder / "made.h5", PATCHES)
        s2 = train_once(data, folder / "s2", bands="s2")
        rgb = train_once(data, folder / "rgb", bands="rgb")
        weighted = train_once(data, folder / "weighted", bands="s2", loss="weighted")
    made = f"{MODEL}, {PATCHES.count('train')} made patches, {EPOCHS} epochs"
    twins = [name for pair in TWINS for name in (pair, TWINS[pair][0])]
    return [
        Result(f"macro F1, s2: {made}", f"{s2['all', 'f1_macro']:.3f}", "above 0.9"),
        Result("macro F1, rgb: the same", f"{rgb['all', 'f1_macro']:.3f}", "clearly lower"),
        Result(
            "mean F1 of classes that look the same in RGB, s2 / rgb",
            " / ".join(f"{np.mean([scores[name, 'f1'] for name in twins]):.3f}" for scores in (s2, rgb)),
            "",
        ),
        Result(
            f"class in 1 % of patches ({RARE}), recall / F1 / AP, bce",
            " / ".join(f"{s2[RARE, metric]:.3f}" for metric in ("recall", "f1", "ap")),
            "",
        ),
        Result(
            "the same, weighted loss",
            " / ".join(f"{weighted[RARE, metric]:.3f}" for metric in ("recall", "f1", "ap")),
            "better than bce",
        ),
    ]


if __name__ == "__main__":
    for row in run():
        print(f"| {row.name} | {row.value} | {row.goal} |", flush=True)
