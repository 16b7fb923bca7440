#!/usr/bin/env bash
# Guess:    keras.ops.image.gaussian_blur blurs rows and columns of each band, with any backend. Keras takes images as
#           (rows, cols, bands) by default, and its manual says that data_format falls back to this default.
# Software: Keras 3.15.1 on JAX 0.10.2. Tried by hand: PyTorch 2.13 gives the same numbers, TensorFlow 2.21 and OpenVINO 2026.4
#           blur as guessed.
# Seen:     Without data_format, the blur goes over columns and bands, and not over rows. A flat image whose first band is 0.4 and
#           whose others are 0 gets values in its other bands. A bright row does not spread to the rows beside it.
#           With data_format="channels_last" the result is right. No exception, no warning.
# Output:   default: bands of a flat image: 0.160 0.097 0.022 0.002; rows around a bright one: 0.000 0.280 0.000
#           channels_last: bands of a flat image: 0.400 0.000 0.000 0.000; rows around a bright one: 0.097 0.160 0.097
# Why:      To train super-resolution, images are blurred before they are made coarse. With JAX and PyTorch, the coarse images get
#           reflectance from other bands and keep their detail along columns; with TensorFlow they do not.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: keras==3.15.1 "jax[cpu]==0.10.2" numpy==2.4.6
cat > finding.py <<'PYEOF'
import os, sys, warnings

os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy as np

warnings.simplefilter("error")  # a warning would end this


def blurred(image, **options):
    """Blur (rows, cols, bands) by sigma 1 px; the window of 9 px holds all of it."""
    return np.asarray(keras.ops.image.gaussian_blur(image[None], (9, 9), (1.0, 1.0), **options))[0]


def shown(values):
    return " ".join(f"{value:.3f}" for value in values)


flat, line = np.zeros((2, 32, 32, 4), "float32")
flat[:, :, 0] = 0.4
line[16] = 0.4
seen = []
for name, options in {"default": {}, "channels_last": {"data_format": "channels_last"}}.items():
    bands, rows = blurred(flat, **options)[16, 16], blurred(line, **options)[15:18, 16, 0]
    seen.append(f"{name}: bands of a flat image: {shown(bands)}; rows around a bright one: {shown(rows)}")
expected = [
    "default: bands of a flat image: 0.160 0.097 0.022 0.002; rows around a bright one: 0.000 0.280 0.000",
    "channels_last: bands of a flat image: 0.400 0.000 0.000 0.000; rows around a bright one: 0.097 0.160 0.097",
]
assert keras.config.image_data_format() == "channels_last", "the default of Keras is set to something else here"
print(f"Keras {keras.__version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
