"""Commands import nothing heavy before options and files are checked: help and errors come at once, and print nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiny_training import write_scenes

ROOT = Path(__file__).parents[2]
# Words with a file or folder that is missing.
COMMANDS = {
    "bigearthnet/train.py": "--data missing.h5",
    "bigearthnet/evaluate.py": "--data data.h5 --run-dir missing --output scores",
    "bigearthnet/predict.py": "--run-dir missing --output probabilities patches",
    "bigearthnet/prepare.py": "--root missing --output data.h5",
    "bigearthnet/compare.py": "--models small --data missing.h5 --output comparison",
    "superres/train.py": "--tiles missing.txt",
    "superres/evaluate.py": "--tiles missing.txt --run-dir run --output errors",
    "superres/predict.py": "--weights dsen2-l1c-20m --output sharp.tif missing.SAFE",
    "superres/compare.py": "--models dsen2 --tiles missing.txt --test-tiles missing.txt --output comparison",
    "superres/weights.py": None,
    "common/sample.py": None,
}
# The same, where everything else is there: scenes, and a file of weights whose content only TensorFlow would look at.
SCENES, SCENE, WEIGHTS = "--tiles ../given/tiles.txt", "../given/S2A.SAFE", "../given/any.weights.h5"
COMPARED = f"--models dsen2 {SCENES} --test-tiles ../given/test.txt"
WRONG_FILES = [
    *((script, words) for script, words in COMMANDS.items() if words),
    ("superres/train.py", f"{SCENES} --init-weights {WEIGHTS} --teacher missing"),
    ("superres/train.py", f"{SCENES} --init-weights {WEIGHTS} --run-dir ../given/not-missing"),
    ("superres/evaluate.py", f"{SCENES} --weights {WEIGHTS} missing --output errors"),
    ("superres/evaluate.py", f"{SCENES} --weights {WEIGHTS} --output ../given/not-missing"),
    ("superres/predict.py", f"--weights {WEIGHTS} missing --output sharp.tif {SCENE}"),
    ("superres/predict.py", f"--weights {WEIGHTS} --output missing.png {SCENE}"),
    ("superres/predict.py", f"--weights {WEIGHTS} --output sharp.tif {SCENE} --mask ../given/not-missing/notes.txt"),
    ("superres/predict.py", f"--weights {WEIGHTS} --output sharp.tif {SCENE} --roi-pixels 0,0,999,9"),
    ("superres/predict.py", f"--weights {WEIGHTS} --output ../given/not-missing/notes.tif {SCENE} --stac"),
    ("superres/compare.py", f"{COMPARED} --trained {WEIGHTS} --init-weights missing --output comparison"),
    ("superres/compare.py", f"{COMPARED} --trained {WEIGHTS} --output ../given/not-missing"),
]
SECONDS = {"tensorflow", "keras", "horovod", "mpi4py", "matplotlib", "sklearn", "skimage"}  # take seconds to import
HEAVY = SECONDS | {"numpy", "scipy", "osgeo", "h5py", "pystac"}
# Runs each line of words of stdin as a script; writes exit code, stdout, stderr and the heavy packages that it imports first.
RUN_ALL = """
import contextlib, io, json, runpy, sys

for line in sys.stdin:
    before = set(sys.modules)
    sys.argv = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue(), sorted(set(sys.modules) - before)]))
"""
Ran = dict[tuple[str, str], tuple[int, str, str, set[str]]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Script and words -> exit code, stdout, stderr, and the packages that it imports and the runs before it do not.

    All run in one process, as scripts, from another folder; those that may import more come last.
    """
    runs = [(script, "--help") for script in COMMANDS] + [(script, "--wrong") for script in COMMANDS]
    runs += WRONG_FILES
    write_given(tmp_path_factory.mktemp("given", numbered=False))
    lines = [json.dumps([str(ROOT / script), *words.split()]) for script, words in runs]
    command = [sys.executable, "-c", RUN_ALL]
    folder = tmp_path_factory.mktemp("folder")
    done = subprocess.run(command, cwd=folder, input="\n".join(lines), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert not list(folder.iterdir())
    return {
        run: (code, out, err, {name.partition(".")[0] for name in modules})
        for run, (code, out, err, modules) in zip(runs, results, strict=True)
    }


def write_given(folder: Path) -> None:
    """Write what is there: scenes, a file of weights, and a folder that is not empty."""
    tiles = write_scenes(folder, count=2, size=144)
    scene, test_scene = tiles.read_text().split()
    tiles.write_text(scene)
    (folder / "test.txt").write_text(test_scene)
    (folder / "S2A.SAFE").symlink_to(f"{scene}.SAFE")
    (folder / "any.weights.h5").write_text("any")
    (folder / "not-missing").mkdir()
    for name in ("notes.txt", "notes.json"):
        (folder / "not-missing" / name).write_text("mine")


@pytest.mark.parametrize("script", COMMANDS)
def test_help_imports_nothing_heavy(ran: Ran, script: str) -> None:
    code, out, err, imported = ran[script, "--help"]
    assert (code, err, imported & HEAVY) == (0, "", set())
    assert re.search(r"\nexample:\n  .+\n\Z", out)


@pytest.mark.parametrize("script", COMMANDS)
def test_wrong_options_import_nothing_heavy(ran: Ran, script: str) -> None:
    code, out, err, imported = ran[script, "--wrong"]
    assert (code, out, imported & HEAVY) == (2, "", set())
    assert err.startswith(f"usage: {Path(script).name} ")


@pytest.mark.parametrize("script, words", WRONG_FILES)
def test_wrong_files_folders_and_regions_do_not_wait_for_tensorflow(ran: Ran, script: str, words: str) -> None:
    code, out, err, imported = ran[script, words]
    assert (code, out, imported & SECONDS) == (1, "", set())
    assert re.search(r"(^|\n)\w+Error: .*(missing|is not inside the scene).*\n$", err)
