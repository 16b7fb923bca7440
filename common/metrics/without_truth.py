"""Distortion of an image at full scale, where there is no truth: D_lambda, D_s and QNR. NumPy only.

    D_lambda   mean over pairs of bands l != r of |Q(fused_l, fused_r) - Q(coarse_l, coarse_r)|
    D_s        mean over bands l of |Q(fused_l, guide_l) - Q(coarse_l, degraded guide_l)|
    QNR        (1 - D_lambda) (1 - D_s)
    HQNR       the same with D_lambda of Khan et al., 1 - Q2n of the degraded fused image against the coarse image

Q is UIQ (`common/metrics/window_indices.py` has its formula), here the mean over blocks that do not overlap; blocks of fused and
coarse image cover the same ground. Exponents p, q, alpha and beta are 1. Distortions: 0 is perfect, lower is better; QNR and
HQNR: 1 is perfect, higher is better. A copy of the guide, or blocks of repeated pixels, can score well: these indices
measure agreement with the inputs, not truth.

References:
    Alparone et al. 2008, doi:10.14358/PERS.74.2.193 (QNR); Khan et al. 2009, doi:10.1109/TGRS.2009.2029094;
    Aiazzi et al. 2014, doi:10.1117/12.2067770 (HQNR).
"""

from collections.abc import Sequence

import numpy as np

from common.metrics.blocks import BlockMean, BlockMoments
from common.metrics.hypercomplex import block_q2n
from common.metrics.image_pairs import quotient


class FusedQuality:
    """D_lambda, D_s, QNR and HQNR of one method, from a scene that comes in parts.

    Args:
        side: rows and columns of a block, in coarse pixels.
        scale_factor: ratio of the GSDs of coarse and fused image.
    """

    def __init__(self, side: int, scale_factor: int):
        self.uiq, self.likeness = BlockMean(block_uiq, side * scale_factor), BlockMean(block_q2n, side)

    def add(
        self, fused: np.ndarray, guides: np.ndarray, coarse: np.ndarray, degraded: np.ndarray, counted: np.ndarray
    ) -> None:
        """Add a part of the scene.

        Args:
            fused: (rows, cols, bands).
            guides: fine bands on the same grid, (rows, cols, guides).
            coarse: the bands before fusion, (rows / scale_factor, cols / scale_factor, bands).
            degraded: the fused bands, degraded with the MTF of each band, shape of coarse.
            counted: which blocks count, see `common.metrics.blocks.whole_blocks`.
        """
        self.uiq.add((fused, guides), counted)
        self.likeness.add((coarse, degraded), counted)

    def metrics(self, coarse: BlockMean, guide_of_band: Sequence[int]) -> dict[str, float]:
        """Return the indices by name; none if no block was added.

        Args:
            coarse: the mean `block_uiq` of the coarse bands, then the degraded guides, over the same blocks.
            guide_of_band: index of the guide of each band.
        """
        likeness = self.likeness.mean()
        if likeness is None:
            return {}
        bands = np.arange(len(guide_of_band))
        with_guide = (bands, len(bands) + np.asarray(guide_of_band))
        of_coarse, of_fused = coarse.mean(), self.uiq.mean()
        spectral = spectral_distortion(of_coarse[: len(bands), : len(bands)], of_fused[: len(bands), : len(bands)])
        spatial = spatial_distortion(of_coarse[with_guide], of_fused[with_guide])
        khan = 1 - float(likeness)
        return {
            "d_lambda": spectral,
            "d_lambda_khan": khan,
            "d_s": spatial,
            "qnr": (1 - spectral) * (1 - spatial),
            "hqnr": (1 - khan) * (1 - spatial),
        }


def block_uiq(moments: BlockMoments) -> np.ndarray:
    """Return the UIQ of each two bands in each block, (blocks, bands, bands); a factor of 0 / 0 counts as 1."""
    means, variances = moments.means, np.diagonal(moments.covariances, axis1=1, axis2=2)
    squares = means**2
    contrast = quotient(2 * moments.covariances, variances[:, :, None] + variances[:, None, :], 1.0)
    luminance = quotient(2 * means[:, :, None] * means[:, None, :], squares[:, :, None] + squares[:, None, :], 1.0)
    return (contrast * luminance).clip(-1.0, 1.0)


def spectral_distortion(coarse: np.ndarray, fused: np.ndarray) -> float:
    """Return D_lambda from the UIQ of each two bands, (bands, bands) both; 0 for one band."""
    bands = len(coarse)
    return float(np.abs(fused - coarse).sum() / max(bands * (bands - 1), 1))  # the diagonals are 1


def spatial_distortion(coarse: np.ndarray, fused: np.ndarray) -> float:
    """Return D_s from the UIQ of each band with its guide, (bands,) both."""
    return float(np.abs(fused - coarse).mean())
