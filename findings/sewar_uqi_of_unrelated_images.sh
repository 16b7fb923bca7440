#!/usr/bin/env bash
# Guess:    The universal image quality index of sewar is that of Wang and Bovik 2002: about 0 for images that have nothing in common, and
#           about -1 for an image and its negative. D_lambda, D_s and QNR of sewar are computed from it.
# Software: sewar 0.4.10 with NumPy 2.4.6 and SciPy 1.17.1.
# Seen:     Unrelated noise of DN 2000 to 4000 has an index of 0.96, and noise and its negative 0.93. No exception, no warning. The formula
#           is written for sums over the window, and is given means (uniform_filter): 64 mean(xy) - mean(x) mean(y) stands where
#           mean(xy) - mean(x) mean(y) belongs, so that the means hide covariance and variances.
# Output:   unrelated: 0.96, by the formula -0.01
#           negative: 0.93, by the formula -1.00
# Why:      Whoever compares fusion methods by these indices finds all of them almost perfect, and cannot tell them apart.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: sewar==0.4.10 numpy==2.4.6 scipy==1.17.1
cat > finding.py <<'PYEOF'
import sys

import numpy as np
import sewar
from numpy.lib.stride_tricks import sliding_window_view


def by_the_formula(x, y):
    """4 cov(x,y) mean(x) mean(y) / ((var x + var y) (mean(x)^2 + mean(y)^2)), the mean over windows of 8 x 8 pixels."""
    x, y = (sliding_window_view(image, (8, 8)).reshape(-1, 64) for image in (x, y))
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    covariance = (x * y).mean(axis=1) - mean_x * mean_y
    return np.mean(4 * covariance * mean_x * mean_y / ((x.var(axis=1) + y.var(axis=1)) * (mean_x**2 + mean_y**2)))


image, other = np.random.default_rng(0).integers(2000, 4000, (2, 64, 64)).astype(float)
pairs = {"unrelated": (image, other), "negative": (image, 6000 - image)}
seen = [f"{name}: {sewar.uqi(*pair):.2f}, by the formula {by_the_formula(*pair):.2f}" for name, pair in pairs.items()]
expected = ["unrelated: 0.96, by the formula -0.01", "negative: 0.93, by the formula -1.00"]
print("sewar 0.4.10", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
