"""How often a training patch comes in an epoch. NumPy only.

Repeat factors, after Gupta et al. 2019, LVIS (arXiv:1908.03195), section 5.2. Class c is in the share f_c of the training
patches. Its repeat factor is r_c = max(1, sqrt(t / f_c)), and that of a patch the largest of its classes. The paper has
t = 0.001 for 1,203 classes; here t is the median of f_c, so that half of the classes come more often than they would.
An epoch has as many patches as without repeat factors, so that runs of either kind take the same steps.
"""

import numpy as np

from bigearthnet.training.config import BALANCED


def patch_weights(sampling: str, labels: np.ndarray) -> np.ndarray | None:
    """Return the weight of each training patch for `common.training.batches.draw_patches`; None: each patch once an epoch.

    Args:
        sampling: of the settings.
        labels: (N, C) of 0 and 1, of the training patches.
    """
    return repeat_factors(labels) if sampling == BALANCED else None


def repeat_factors(labels: np.ndarray) -> np.ndarray:
    """Return the repeat factor of each patch, (N,) float64, at least 1; labels are (N, C) of 0 and 1."""
    shares = np.asarray(labels, dtype=np.float64).mean(axis=0)
    held = shares > 0
    if not held.any():
        return np.ones(len(labels))
    of_classes = np.ones(len(shares))
    of_classes[held] = np.maximum(1, np.sqrt(np.median(shares[held]) / shares[held]))
    return np.where(np.asarray(labels) > 0, of_classes, 1.0).max(axis=1)
