"""A reduced-rank method in the manner of ResSR: bands in a subspace of few dimensions, then a residual correction.

    z = argmin_z sum_b gamma_b (y_b - m_b - V_b z)^2 + noise z^T S^-1 z      of each pixel, y upsampled, bands in deviations
    fused_k = e_k + up(coarse_k - degrade(e_k)),  e_k = m_k + V_k z

V holds the RANK strongest eigenvectors of the correlation of coarse and 10 m bands, S their variances. The weight gamma is
FINE_WEIGHT for the 10 m bands and 1 - FINE_WEIGHT for the coarse ones. The result is linear in the pixel, so nothing is solved
for each pixel.

Where we leave the paper: subspace and deviations come from all valid coarse pixels, not from a sample of upsampled pixels and
percentiles; the residual is that of the blur that the scene was degraded with, not of a block mean; the 60 m bands are sharpened
without the 20 m bands, which changes their errors by 1 DN.

Reference:
    H. Duba-Sullivan et al., ResSR: a computationally efficient residual approach to super-resolving multispectral images,
    arXiv:2408.13225.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.guides import upsample
from superres.pansharpening.moments import ROUNDING_VARIANCE, Moments

RANK = 2
FINE_WEIGHT = 0.99
NOISE = 0.02**2


def fit(moments: Sequence[Moments], settings: PatchSettings) -> Sharpen:
    """Return the method for one scene; see `superres.pansharpening.catalogue`."""
    bands = len(moments)
    gamma = np.repeat([1 - FINE_WEIGHT, FINE_WEIGHT], [bands, len(moments[0].mean) - bands])[:, None]
    rows, offsets = [], []
    for band, of_band in enumerate(moments):
        deviation = np.sqrt(np.maximum(np.diag(of_band.covariance), ROUNDING_VARIANCE))
        variances, vectors = np.linalg.eigh(of_band.covariance / np.outer(deviation, deviation))
        basis = vectors[:, -RANK:] * np.sqrt(np.maximum(variances[-RANK:], 0))  # z has variance 1
        weighted = basis * gamma
        to_z = np.linalg.solve(basis.T @ weighted + NOISE * np.eye(RANK), weighted.T / deviation)
        rows.append(deviation[band] * basis[band] @ to_z)
        offsets.append(of_band.mean[band] - rows[-1] @ of_band.mean)
    weights = np.stack(rows, axis=1)
    return partial(
        _sharpen,
        coarse_weights=weights[:bands],
        fine_weights=weights[bands:],
        offsets=np.array(offsets),
        settings=settings,
    )


def _sharpen(
    images: Images, coarse_weights: np.ndarray, fine_weights: np.ndarray, offsets: np.ndarray, settings: PatchSettings
) -> np.ndarray:
    coarse, fine = images[f"input_{settings.gsd}m"], images["input_10m"]
    estimate = fine @ fine_weights.astype(np.float32) + offsets.astype(np.float32)
    estimate += upsample(coarse, fine.shape) @ coarse_weights.astype(np.float32)
    missed = coarse - degrade(estimate, settings.scale_factor, settings.sigmas(settings.gsd))
    return estimate + upsample(missed, fine.shape)
