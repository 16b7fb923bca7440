#!/usr/bin/env bash
# Guess:    The universal image quality index of an image with itself is 1, and does not depend on the unit: every term of its formula
#           is a ratio (Wang and Bovik 2002). D_lambda and QNR are made of it.
# Software: torchmetrics 1.9.0 with PyTorch 2.13.0, whose wheels for some machines are large.
# Seen:     torchmetrics adds 1.2e-7 to the denominator, against a division by 0. In reflectance of 0 to 1, the denominator of water of
#           0.03 with a deviation of 0.002 is 1.4e-8 without it, and the index of this water with itself is 0.04. D_lambda is then
#           near 0, its best value, because it compares indices that are all near 0. No exception, no warning. In DN, or in float64,
#           the numbers are right.
# Output:   reflectance: index of an image with itself 0.04, D_lambda of another 0.0004
#           DN: index of an image with itself 1.00, D_lambda of another 0.0139
# Why:      QNR of one and the same pair of scenes depends on the unit, and on dark scenes every method looks almost perfect. Compute
#           it in DN, and compare no values whose unit is not known.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: torchmetrics==1.9.0 torch==2.13.0 numpy==2.4.6 scipy==1.17.1
cat > finding.py <<'PYEOF'
import sys, warnings

import numpy as np, torch
from scipy.ndimage import gaussian_filter
import torchmetrics
from torchmetrics.functional.image import spectral_distortion_index, universal_image_quality_index

warnings.simplefilter("error")  # a warning would end this
rng = np.random.default_rng(0)


def texture(sigma):
    """Four bands of smooth noise, (1, bands, rows, cols), with a deviation of 1."""
    noise = gaussian_filter(rng.normal(size=(1, 4, 128, 128)), (0, 0, sigma, sigma))
    return noise / noise.std()


water = 0.03 + 0.002 * texture(2)
estimate = water + 0.001 * texture(1)
seen = []
for unit, factor in {"reflectance": 1, "DN": 10_000}.items():
    truth, other = (torch.tensor(image * factor, dtype=torch.float32) for image in (water, estimate))
    index, distortion = universal_image_quality_index(truth, truth), spectral_distortion_index(other, truth)
    seen.append(f"{unit}: index of an image with itself {index:.2f}, D_lambda of another {distortion:.4f}")
expected = [
    "reflectance: index of an image with itself 0.04, D_lambda of another 0.0004",
    "DN: index of an image with itself 1.00, D_lambda of another 0.0139",
]
print(f"torchmetrics {torchmetrics.__version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
