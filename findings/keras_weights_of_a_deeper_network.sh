#!/usr/bin/env bash
# Guess:    load_weights refuses a file that does not fit the network: skip_mismatch is False by default.
# Software: Keras 3.15.1 (the JAX backend keeps the download small; TensorFlow 2.21 gives the same).
# Seen:     Weights of three layers load into a network of the first two of them: the third layer's arrays are dropped without an
#           exception or a warning. The other way round, two layers into three, is a ValueError.
# Output:   3 layers into 2: loaded, no warning, 2 of 6 arrays dropped
#           2 layers into 3: ValueError
# Why:      Networks for super-resolution differ in the number of equal blocks. The weights of one with more blocks load into one with
#           fewer, and give images that look right and are not. Compare the number of arrays in the file with that of the network.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: keras==3.15.1 "jax[cpu]==0.10.2" h5py==3.16.0 numpy==2.4.6
cat > finding.py <<'PYEOF'
import os, sys, warnings

os.environ["KERAS_BACKEND"] = "jax"
import h5py, keras


def network(layers):
    image = outputs = keras.Input((None, None, 4))
    for _ in range(layers):
        outputs = keras.layers.Conv2D(4, 3, padding="same")(outputs)
    return keras.Model(image, outputs)


def arrays_in(path):
    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return len(names)


def load(network, path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            network.load_weights(path)
        except ValueError:
            return "ValueError"
    dropped = arrays_in(path) - len(network.weights)
    return f"loaded, {'a warning' if caught else 'no warning'}, {dropped} of {arrays_in(path)} arrays dropped"


deep, shallow = network(3), network(2)
deep.save_weights("deep.weights.h5")
shallow.save_weights("shallow.weights.h5")
seen = ["3 layers into 2: " + load(shallow, "deep.weights.h5"), "2 layers into 3: " + load(deep, "shallow.weights.h5")]
expected = ["3 layers into 2: loaded, no warning, 2 of 6 arrays dropped", "2 layers into 3: ValueError"]
print(f"Keras {keras.__version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
