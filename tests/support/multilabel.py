"""Random labels and probabilities of multi-label classification."""

import numpy as np

NAMES = ("a", "b", "c", "d")


def random_case(seed: int, patches: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities, thresholds; the last class is in no patch."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((patches, 4)) < [0.5, 0.2, 0.05, 0]).astype(np.uint8)
    probabilities = (0.6 * rng.random((patches, 4)) + 0.3 * labels).astype(np.float32)
    return labels, probabilities, rng.uniform(0.2, 0.7, 4)
