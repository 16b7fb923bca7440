"""Commands parse their options before they import anything heavy: help comes at once, and prints nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "bigearthnet/train.py",
    "bigearthnet/evaluate.py",
    "bigearthnet/predict.py",
    "bigearthnet/prepare.py",
    "superres/train.py",
    "superres/evaluate.py",
    "superres/predict.py",
    "superres/compare.py",
    "superres/weights.py",
    "common/sample.py",
)
HEAVY = {"tensorflow", "keras", "horovod", "mpi4py", "matplotlib", "sklearn", "skimage", "osgeo", "h5py", "pystac"}
ALLOWED = {"bigearthnet/prepare.py": {"h5py"}}


@pytest.mark.parametrize("script", COMMANDS)
def test_help_imports_nothing_heavy(script: str) -> None:
    """As a script, from another folder."""
    command = [sys.executable, "-X", "importtime", str(ROOT / script), "--help"]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imports = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in imports}
    assert "common.errors" in imported
    assert imported & HEAVY <= ALLOWED.get(script, set())
    assert len(imports) == len(done.stderr.splitlines()), "the command prints on stderr"
    assert re.search(r"\nexample:\n  .+\n\Z", done.stdout)
