"""Networks on Keras backends: what TensorFlow does better, and the same results on JAX where JAX is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import networks
from common.networks.backends import add_all, computed_before

REPOSITORY = Path(__file__).resolve().parents[3]


def test_adds_all() -> None:
    assert np.asarray(add_all([tf.constant([1.0, 2.0])] * 4)).tolist() == [4, 8]


def test_operations_are_computed_after_the_tensors() -> None:
    with tf.Graph().as_default():
        first = tf.constant(1.0)
        with computed_before([first]):
            second = tf.constant(2.0)
        assert second.op.control_inputs == [first.op]


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed")
def test_networks_give_the_same_results_on_jax_without_tensorflow(tmp_path: Path) -> None:
    networks.main([str(tmp_path / "tensorflow.h5"), "--quick"])
    code = "import sys; sys.modules['tensorflow'] = None; from benchmarks import gpu; sys.exit(gpu.main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "--quick", "--reference", str(tmp_path / "tensorflow.h5")],
        cwd=REPOSITORY,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
