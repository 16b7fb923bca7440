"""Commands start without packages that Keras imports and does not need, and Python's collector leaves TensorFlow's objects alone."""

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
import gc, tensorflow, keras
left_out = ("IPython", "matplotlib", "pandas", "scipy", "sklearn")
print([name for name in left_out if name in sys.modules], keras.layers.Dense(2)(keras.Input((3,))).shape)
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
import matplotlib.figure, pandas, scipy.ndimage, sklearn.metrics
"""


def test_keras_starts_quietly_and_without_packages_that_commands_do_not_need() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, lines_without_onednn(done.stderr)) == (0, "[] (None, 2)\nTrue True\n", [])
