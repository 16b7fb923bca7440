"""The rooms of the code: who may import whom."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def test_imports_keep_the_contracts() -> None:
    """The contracts are in pyproject.toml; the output names the import that breaks one."""
    command = [sys.executable, "-c", "import importlinter.cli; importlinter.cli.lint_imports_command()", "--no-cache"]
    linted = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr
