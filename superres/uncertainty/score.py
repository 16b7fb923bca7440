"""The score of a pixel: large where its error may be large. NumPy only, no I/O.

    score = M(|estimate - upsampled|)                                        one network
    score = sqrt( M(|estimate - upsampled|) * M(spread of the members) )     several members

M is the mean over 5 x 5 pixels. `upsampled` is the coarse band, upsampled bilinearly: its difference to the estimate is the
detail that the network has added. Images are (rows, cols, bands) float32, reflectance * 10000, and so is the score.

Errors are large where much detail was added, and where members disagree (B. Lakshminarayanan et al., Simple and scalable
predictive uncertainty estimation using deep ensembles, NeurIPS 2017, arXiv:1612.01474). The score only ranks pixels:
`superres/uncertainty/calibration.py` says how large errors are.
"""

import numpy as np

SIDE_PX = 5  # of the squares of M
REACH_PX = SIDE_PX // 2  # pixels, to each side, of which the score needs the estimate


def error_score(estimate: np.ndarray, upsampled: np.ndarray, spread: np.ndarray | None = None) -> np.ndarray:
    """Return the score of each pixel.

    Args:
        estimate: the sharpened bands; with several members, their mean.
        upsampled: the coarse bands, upsampled to the same grid.
        spread: standard deviation of the members' estimates; None for one network.

    Returns:
        Shape of estimate, float32, at least 0. A pixel depends on REACH_PX pixels to each side. The border is repeated.
    """
    score = _local_mean(np.abs(estimate - upsampled))
    return score if spread is None else np.sqrt(score * _local_mean(spread))


def _local_mean(image: np.ndarray) -> np.ndarray:
    """Return the mean over SIDE_PX x SIDE_PX pixels, float32.

    Each square is added anew. A running sum would depend on the pixels before it, and windows would not fit together.
    """
    padded = np.pad(image, ((REACH_PX, REACH_PX), (REACH_PX, REACH_PX), (0, 0)), mode="edge")
    rows, cols = image.shape[:2]
    tall = sum(padded[first : first + rows] for first in range(SIDE_PX))
    return sum(tall[:, first : first + cols] for first in range(SIDE_PX)) / np.float32(SIDE_PX**2)
