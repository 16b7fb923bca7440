#!/usr/bin/env bash
# Guess:    predict returns the same numbers, to the precision of bfloat16, with every backend of Keras; or it refuses bfloat16.
# Software: Keras 3.15.1 with its backend OpenVINO 2026.4.1; for comparison its backend JAX 0.10.2.
# Seen:     Under mixed_bfloat16, predict on OpenVINO returns the bits of bfloat16 numbers as an array of float16: 0.25 becomes 1.625.
#           No exception, no warning. Calling the model instead of predict returns 0.25.
# Output:   jax: predict 0.25, call 0.25
#           openvino: predict 1.625 (float16), call 0.25
# Why:      A network that was trained in bfloat16 and is applied with OpenVINO, for which Keras offers this backend, returns images of
#           finite numbers in a narrow range, from 1.2 to 1.7 for reflectance of 0.02 to 0.5.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: keras==3.15.1 openvino==2026.4.1 "jax[cpu]==0.10.2" numpy==2.4.6
cat > finding.py <<'PYEOF'
import warnings

import keras, numpy as np

warnings.simplefilter("error")  # a warning would end this
keras.config.set_dtype_policy("mixed_bfloat16")
image = keras.Input((None, None, 4))
flat = keras.layers.Conv2D(4, 3, padding="same", kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(0.25))
model = keras.Model(image, flat(image))  # 0.25 in every pixel
pixels = np.ones((1, 8, 8, 4), "float32")
predicted, called = model.predict(pixels, verbose=0), keras.ops.convert_to_numpy(model(pixels))
dtype = f" ({predicted.dtype})" if predicted.dtype == "float16" else ""
print(f"{keras.config.backend()}: predict {predicted[0, 4, 4, 0]}{dtype}, call {called[0, 4, 4, 0]}")
PYEOF
for backend in jax openvino; do KERAS_HOME=$T KERAS_BACKEND=$backend env/bin/python finding.py; done | tee got
cat > expected <<'END'
jax: predict 0.25, call 0.25
openvino: predict 1.625 (float16), call 0.25
END
cmp -s got expected || { echo "the behaviour has changed; expected:"; cat expected; exit 1; } >&2
