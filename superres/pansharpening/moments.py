"""Moments of a scene, and the regressions that follow from them. NumPy only, no I/O.

The variables are the coarse bands, and the 10 m bands degraded to their grid; values are in reflectance * 10000.
"""

from typing import NamedTuple

import numpy as np

LAGS = 4  # longest distance of the semivariances, in coarse pixels
ROUNDING_VARIANCE = 1 / 12  # DN^2, of rounding to DN: no band is known better, and no variance below it divides


class Moments(NamedTuple):
    """Statistics of the variables: `bands` coarse bands, then the 10 m bands, degraded with one blur.

    Attributes:
        bands: number of coarse bands.
        mean: (variables,) float64.
        covariance: (variables, variables) float64.
        semivariances: (LAGS, variables, variables) float64: half the mean of d d^T over pairs of pixels that lie 1 .. LAGS
            pixels apart in a row or a column, where d is their difference.
    """

    bands: int
    mean: np.ndarray
    covariance: np.ndarray
    semivariances: np.ndarray

    def regression(self, targets: np.ndarray, predictors: slice) -> tuple[np.ndarray, np.ndarray]:
        """Return the linear regression of combinations of the variables on some variables.

        Args:
            targets: (variables, n), the weights of the variables in each combination.
            predictors: of the variables.

        Returns:
            Weights (predictors, n) and intercepts (n,), float64. A predictor that does not vary has weight 0.
        """
        own = self.covariance[predictors, predictors]
        with_targets = self.covariance[predictors] @ targets
        weights = np.linalg.solve(own + ROUNDING_VARIANCE * np.eye(len(own)), with_targets)
        return weights, self.mean @ targets - self.mean[predictors] @ weights
