"""TensorFlow's notes about its own build are not shown, whichever package is imported first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(code: str) -> tuple[int, str, str]:
    """Run Python code without a log level from outside; return exit code, stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("package", ["common", "superres", "bigearthnet"])
def test_each_package_sets_the_log_level(package: str) -> None:
    """TensorFlow reads it when it is imported: `tests/common/runs/test_imports.py` shows that it is quiet."""
    assert run(f"import {package}, os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])") == (0, "2\n", "")
