#!/usr/bin/env bash
# Guess:    OpenVINO converts a network of TensorFlow to one that returns the same array, or refuses it.
# Software: OpenVINO 2026.4.1, TensorFlow 2.21.0.
# Seen:     tf.tile that follows a pooling or a convolution repeats another axis after the conversion: an image of (rows, cols, bands)
#           that is repeated along its bands comes back repeated along its rows. The size of the image may be fixed. Without a pooling
#           before it, tile is right, and so is tf.concat of the same image. No exception, no warning; convert_model raises only if an
#           operation after tile does not accept the shape.
# Output:   alone: TensorFlow (1, 8, 6, 9), OpenVINO (1, 8, 6, 9), equal
#           after pooling: TensorFlow (1, 8, 6, 9), OpenVINO (1, 24, 6, 3)
#           after a convolution: TensorFlow (1, 8, 6, 9), OpenVINO (1, 24, 6, 3)
#           concat after pooling: TensorFlow (1, 8, 6, 9), OpenVINO (1, 8, 6, 9), equal
# Why:      Networks repeat bands to compare them with the pixels of a folded block or with a local mean. An exported one that ends with
#           tile has the number of values that one expects, in another order.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: openvino==2026.4.1 tensorflow-cpu==2.21.0
cat > finding.py <<'PYEOF'
import warnings

import numpy as np, openvino, tensorflow as tf

warnings.simplefilter("error")  # a warning would end this
image = np.random.default_rng(0).uniform(0, 1, (1, 8, 6, 3)).astype("float32")
kernel = tf.constant(np.random.default_rng(1).normal(size=(3, 3, 3, 3)), tf.float32)
ways = {
    "alone": lambda x: tf.tile(x, (1, 1, 1, 3)),
    "after pooling": lambda x: tf.tile(tf.nn.avg_pool2d(x, 3, 1, "SAME"), (1, 1, 1, 3)),
    "after a convolution": lambda x: tf.tile(tf.nn.conv2d(x, kernel, 1, "SAME"), (1, 1, 1, 3)),
    "concat after pooling": lambda x: tf.concat([tf.nn.avg_pool2d(x, 3, 1, "SAME")] * 3, -1),
}
for name, way in ways.items():
    graph = tf.function(way, input_signature=[tf.TensorSpec(image.shape, tf.float32)])
    expected = graph(image).numpy()
    got = openvino.compile_model(openvino.convert_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(image)[0]
    equal = ", equal" if got.shape == expected.shape and np.allclose(got, expected, atol=1e-5) else ""
    print(f"{name}: TensorFlow {expected.shape}, OpenVINO {got.shape}{equal}")
PYEOF
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python finding.py 2>errors | tee got || { cat errors >&2; exit 1; }
cat > expected <<'END'
alone: TensorFlow (1, 8, 6, 9), OpenVINO (1, 8, 6, 9), equal
after pooling: TensorFlow (1, 8, 6, 9), OpenVINO (1, 24, 6, 3)
after a convolution: TensorFlow (1, 8, 6, 9), OpenVINO (1, 24, 6, 3)
concat after pooling: TensorFlow (1, 8, 6, 9), OpenVINO (1, 8, 6, 9), equal
END
cmp -s got expected || { echo "the behaviour has changed; expected:"; cat expected; exit 1; } >&2
