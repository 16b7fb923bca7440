"""Guides: sharp images whose detail the coarse bands receive. NumPy only, no I/O.

Pansharpening was made for one panchromatic band. Sentinel-2 has four bands of 10 m instead, of which each coarse band gets
a guide of its own: the combination of them that predicts it best at the coarse scale (the synthesised band of Wang et al.
2016 and Selva et al. 2015). So do the 60 m bands; `docs/pansharpening.md` says what the 20 m bands would add.

    guide_k = sum_j a_jk fine_j + c_k, from the regression of coarse_k on the 10 m bands, degraded with the blur of band k

References:
    Q. Wang et al., Fusion of Sentinel-2 images, Remote Sensing of Environment 2016, doi:10.1016/j.rse.2016.10.030.
    M. Selva et al., Hyper-sharpening: a first approach on SIM-GA data, IEEE JSTARS 2015, doi:10.1109/JSTARS.2015.2440092.
"""

from collections.abc import Sequence

import numpy as np

from common.pixels.upsampling import BICUBIC
from superres.pansharpening.catalogue import Images
from superres.pansharpening.moments import Moments
from superres.prediction.interpolation import INTERPOLATIONS, interpolate


def upsample(coarse: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Upsample (rows / s, cols / s, bands) to (rows, cols, bands) float32 by a bicubic spline; see `interpolate`."""
    return interpolate(coarse, (*shape[:2], coarse.shape[2]), INTERPOLATIONS[BICUBIC], clip=False)


class Synthesis:
    """The guides of the coarse bands as combinations of the 10 m bands.

    Args:
        moments: for each coarse band.

    Attributes:
        weights: (10 m bands, coarse bands) float64.
        offsets: (coarse bands,) float64.
    """

    def __init__(self, moments: Sequence[Moments]):
        bands = len(moments)
        fits = [
            of_band.regression(np.eye(len(of_band.mean))[:, [band]], slice(bands, None))
            for band, of_band in enumerate(moments)
        ]
        self.weights = np.concatenate([weights for weights, _ in fits], axis=1)
        self.offsets = np.concatenate([offsets for _, offsets in fits])

    def combination(self, band: int) -> np.ndarray:
        """Return the weights of all variables in the degraded guide of a band: (variables, 1) float64."""
        return np.concatenate([np.zeros(len(self.offsets)), self.weights[:, band]])[:, None]

    def guides(self, images: Images) -> np.ndarray:
        """Return the guides: (rows, cols, coarse bands) float32."""
        return images["input_10m"] @ self.weights.astype(np.float32) + self.offsets.astype(np.float32)
