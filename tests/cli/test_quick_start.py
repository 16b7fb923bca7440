"""Commands parse their options before they import anything heavy: help comes at once, and prints nothing else."""

import subprocess
import sys

import pytest

COMMANDS = (
    "bigearthnet.train",
    "bigearthnet.evaluate",
    "bigearthnet.predict",
    "bigearthnet.prepare",
    "superres.train",
    "superres.evaluate",
    "superres.predict",
    "superres.compare",
    "superres.weights",
)
HEAVY = {"tensorflow", "keras", "horovod", "matplotlib", "sklearn", "skimage", "osgeo"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    program = f"import sys, {command}\ntry: {command}.main(['--help'])\nfinally: print({HEAVY} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("\nset()\n"), result.stdout.splitlines()[-1]
    assert result.stderr == ""
