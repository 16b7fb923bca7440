"""Seconds from the start of a command to its help, to an error in a file name, and to the end of the first step of a training.

The first step is that of the training's log. TensorFlow builds its graph in it, and computes on four patches. Patch files and
prepared file are there already.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path

from benchmarks.measure import REPOSITORY, Result, seconds

ROUNDS = 2
BATCH, PATCHES = 4, 16
MOST_HELP_S, MOST_FIRST_STEP_S = 0.5, 5
IMPORT_KERAS = "import common.runs.imports as imports; imports.speed_up_imports(); import keras"


def run_command(words: Sequence[object], code: int = 0) -> str:
    """Run Python with these words, and return what it writes to stderr. Exit if its exit code is another one."""
    done = subprocess.run([sys.executable, *map(str, words)], cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stderr


def best(function: Callable[[], float]) -> float:
    """Return the smallest of some measurements."""
    return min(function() for _ in range(ROUNDS))


def help_seconds() -> tuple[float, str]:
    """Return the seconds of the slowest --help, and its command."""
    commands = [entry for entry in distribution("jeoparda").entry_points if entry.group == "console_scripts"]
    return max(
        (best(lambda module=entry.module: seconds(lambda: run_command(["-m", module, "--help"]))), entry.name)
        for entry in commands
    )


def first_step_seconds(words: Sequence[object]) -> float:
    """Return the seconds to the end of the first step of a training, as its log says."""
    return float(re.search(r"first step done, ([\d.]+) s after", run_command(words)).group(1))


def superres_words(folder: Path) -> list[object]:
    """Write scenes, and return the words of a training of DSen2 on them, whose patch files exist."""
    from tests.support.tiny_training import write_scenes

    options = ["--tiles", write_scenes(folder), "--patches-per-tile", PATCHES, "--patch-cache", folder / "patches"]
    words = [
        "superres/train.py",
        *options,
        "--batch-size",
        BATCH,
        "--epochs",
        1,
        "--run-dir",
        folder / "dsen2",
        "--overwrite",
    ]
    run_command(words)
    return words


def bigearthnet_words(folder: Path) -> list[object]:
    """Write a prepared file, and return the words of a training of ResNet50 on it."""
    from tests.support.made_patches import split_names, write_made

    data = write_made(folder / "made.h5", split_names(PATCHES, BATCH, BATCH))
    options = ["--data", data, "--model", "resnet50", "--batch-size", BATCH, "--epochs", 1]
    return ["bigearthnet/train.py", *options, "--run-dir", folder / "resnet50", "--overwrite"]


def run() -> list[Result]:
    """Return the rows of this benchmark."""
    slowest_help, command = help_seconds()
    error = best(lambda: seconds(lambda: run_command(["superres/train.py", "--tiles", "missing.txt"], code=1)))
    importing = best(lambda: seconds(lambda: run_command(["-c", IMPORT_KERAS])))
    rows = [
        Result(f"--help of the slowest command, {command}", f"{slowest_help:.2f} s", f"under {MOST_HELP_S} s"),
        Result("a tile list that is missing", f"{error:.2f} s", ""),
        Result("import of TensorFlow and Keras alone", f"{importing:.1f} s", ""),
    ]
    for title, write in (
        ("DSen2 20 m, warm patch cache", superres_words),
        ("ResNet50, prepared file", bigearthnet_words),
    ):
        with tempfile.TemporaryDirectory() as folder:
            words = write(Path(folder))
            first_step = best(lambda words=words: first_step_seconds(words))
        rows.append(
            Result(
                f"start to first step, {title}, {BATCH} patches",
                f"{first_step:.1f} s ({first_step - importing:.1f} s beside that import)",
                f"within {MOST_FIRST_STEP_S} s",
            )
        )
    return rows
