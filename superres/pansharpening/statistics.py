"""Statistics of a whole scene that pansharpening needs before the first pixel is sharpened. NumPy only, no I/O.

The variables are the coarse bands and the 10 m bands, degraded to their grid, at each coarse pixel. Means, covariance and
semivariances of these variables are all that methods know of a whole scene: every regression, gain, subspace and variogram
of theirs follows from them. A scene is added in strips of rows, so memory does not grow with it.

Only pixels without nodata and saturation count, because both would bend a regression. Values are in reflectance * 10000.
"""

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from superres.pansharpening.catalogue import Images
from superres.pansharpening.moments import LAGS, Moments


class SceneStatistics:
    """Sums over the strips of a scene, from which the moments follow.

    Args:
        settings: GSD and degradation.
    """

    def __init__(self, settings: PatchSettings):
        self.settings = settings
        self._sums = {sigma: _Sums() for sigma in settings.sigmas(settings.gsd)}

    @property
    def pixels(self) -> int:
        """Number of coarse pixels that count."""
        return next(iter(self._sums.values())).pixels

    def add(self, images: Images, valid: np.ndarray, inner: Window) -> None:
        """Add a strip.

        Args:
            images: by input name, (rows / factor, cols / factor, bands) float32, with margins.
            valid: (rows / s, cols / s) bool, the coarse pixels that count.
            inner: the strip without its margins, on the grid of `input_10m`.
        """
        factor = self.settings.scale_factor
        fine, coarse = images["input_10m"], images[f"input_{self.settings.gsd}m"]
        for sigma, sums in self._sums.items():
            degraded = degrade(fine, factor, (sigma,) * fine.shape[2])
            sums.add(np.concatenate([coarse, degraded], axis=2), valid, inner.coarsened(factor))

    def moments(self) -> list[Moments]:
        """Return the moments for each coarse band: the 10 m bands are degraded with the blur of this band."""
        settings = self.settings
        by_sigma = {sigma: sums.moments(len(BANDS_BY_GSD[settings.gsd])) for sigma, sums in self._sums.items()}
        return [by_sigma[sigma] for sigma in settings.sigmas(settings.gsd)]


class _Sums:
    """Sums of products of the variables, and of their differences over each lag."""

    def __init__(self) -> None:
        self.pixels = 0
        self.shift: np.ndarray | None = None  # about the mean, so that little is lost when the mean is subtracted
        self.first: np.ndarray | float = 0.0
        self.second: np.ndarray | float = 0.0
        self.pairs = np.zeros(LAGS)
        self.differences: np.ndarray | float = 0.0

    def add(self, variables: np.ndarray, valid: np.ndarray, inner: Window) -> None:
        """Add the pixels of a window, and their pairs with pixels to the right and below, in the window or not."""
        values = variables[inner.slices][valid[inner.slices]].astype(np.float64)
        if not len(values):
            return
        if self.shift is None:
            self.shift = values[0].copy()
        values -= self.shift
        self.pixels += len(values)
        self.first = self.first + values.sum(axis=0)
        self.second = self.second + values.T @ values
        by_lag = [self._add_lag(variables, valid, inner, lag) for lag in range(1, LAGS + 1)]
        self.differences = self.differences + np.stack(by_lag)

    def _add_lag(self, variables: np.ndarray, valid: np.ndarray, inner: Window, lag: int) -> np.ndarray:
        """Count the pairs of one lag; return the sum of d d^T over them."""
        total = np.zeros((variables.shape[2],) * 2)
        whole = Window(0, 0, *valid.shape)
        for rows, cols in ((lag, 0), (0, lag)):
            there = inner.moved(rows, cols).overlap(whole)
            here = there.moved(-rows, -cols)
            both = valid[here.slices] & valid[there.slices]
            differences = (variables[there.slices][both] - variables[here.slices][both]).astype(np.float64)
            self.pairs[lag - 1] += len(differences)
            total += differences.T @ differences
        return total

    def moments(self, bands: int) -> Moments:
        """Return the moments; a lag without pairs has semivariance 0."""
        mean = self.first / self.pixels
        covariance = self.second / self.pixels - np.outer(mean, mean)
        semivariances = self.differences / (2 * np.maximum(self.pairs, 1))[:, None, None]
        return Moments(bands, mean + self.shift, covariance, semivariances)
