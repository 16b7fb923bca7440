#!/usr/bin/env bash
# Guess:    The mean of bfloat16 numbers is as exact as they are, to 0.4 %: for float16, NumPy's manual says that mean computes in float32.
# Software: NumPy 2.4.6 with ml_dtypes 0.6.0. The bfloat16 tensors of TensorFlow and JAX become such arrays in NumPy.
# Seen:     NumPy adds bfloat16 numbers in bfloat16, one after another, until the sum is so large that adding one more changes nothing.
#           The mean of a patch of 64 px is 0.03 instead of 0.23, and that of 1,000 px 0.0001. So too std, var and everything else
#           that is a mean, such as an RMSE. No exception, no warning. mean(dtype="float32") and the median are right.
# Output:   64 px: mean 0.03125 instead of 0.2253; RMSE 0.01343 instead of 0.02008
#           1000 px: mean 0.0001278 instead of 0.2251; RMSE 0.001495 instead of 0.01999
#           1000 px: float16: mean 0.2251
# Why:      Networks that predict in bfloat16 look better than they are when they are measured in NumPy: the error is 1.5 times too
#           small for small patches, and 13 times for large images.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: numpy==2.4.6 ml_dtypes==0.6.0
cat > finding.py <<'PYEOF'
import sys, warnings

import ml_dtypes, numpy as np

warnings.simplefilter("error")  # a warning would end this


def mean_and_rmse(truth, estimate):
    return f"{np.mean(truth):.4g}", f"{np.sqrt(np.mean((estimate - truth) ** 2)):.4g}"


rng = np.random.default_rng(0)
truth = rng.uniform(0.05, 0.4, (1000, 1000))  # reflectance
pair = [image.astype(ml_dtypes.bfloat16) for image in (truth, truth + rng.normal(0, 0.02, truth.shape))]
seen = []
for px in (64, 1000):
    patches = [image[:px, :px] for image in pair]
    mean, rmse = mean_and_rmse(*patches)
    true_mean, true_rmse = mean_and_rmse(*(patch.astype("float32") for patch in patches))
    seen.append(f"{px} px: mean {mean} instead of {true_mean}; RMSE {rmse} instead of {true_rmse}")
seen.append(f"1000 px: float16: mean {truth.astype('float16').mean():.4g}")

expected = [
    "64 px: mean 0.03125 instead of 0.2253; RMSE 0.01343 instead of 0.02008",
    "1000 px: mean 0.0001278 instead of 0.2251; RMSE 0.001495 instead of 0.01999",
    "1000 px: float16: mean 0.2251",
]
print(f"NumPy {np.__version__}, ml_dtypes {ml_dtypes.__version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
