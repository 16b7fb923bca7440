"""Commands start without packages that Keras imports and does not need."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.commands import lines_without_onednn

ROOT = Path(__file__).parents[3]
CODE = """
import sys
sys.argv = ["superres/train.py"]  # a command
import common
import tensorflow, keras
from common.runs.imports import LEFT_OUT
print([name for name in LEFT_OUT if name in sys.modules], keras.layers.Dense(2)(keras.Input((3,))).shape)
import matplotlib.figure, pandas, sklearn.metrics
"""


def test_keras_starts_quietly_and_without_packages_that_commands_do_not_need() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, lines_without_onednn(done.stderr)) == (0, "[] (None, 2)\n", [])
