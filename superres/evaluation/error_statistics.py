"""Where in a scene, at which wavelengths and at which reflectances estimates are wrong: what figures are drawn from.

Images are (rows, cols, bands) in reflectance * 10000, which is DN without offset. Bands are gone through one by one and
estimates added one after the other, so that a whole tile fits. NumPy only, no I/O.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.pixels.windows import grid

# Classes of pixels, by the 10 m bands on the truth's grid.
CLASSES = ("water", "vegetation", "bright", "other")
WATER_NDWI = 0.1  # (B03 - B08) / (B03 + B08) is above this; McFeeters 1996
VEGETATION_NDVI = 0.4  # (B08 - B04) / (B08 + B04) is above this; Tucker 1979
BRIGHT_PERCENTILE = 98  # of the mean of B02, B03 and B04: clouds, roofs, sand
# Tenths of the pixels of each band, the outer ones cut once more, so that extreme values show.
QUANTILES = (0.01, *(number / 10 for number in range(1, 10)), 0.99)
BINS = len(QUANTILES) + 1
MAP_PX = 400  # most rows and columns of an error map
STRIP_PIXELS = 2**20


class ErrorStatistics:
    """Errors of the estimates of one scene, by place, by class of pixel, and by reflectance.

    Args:
        truth: (rows, cols, bands).
        input_10m: (rows, cols, 4), B02, B03, B04, B08 on the same grid.
        valid: (rows, cols) bool, which pixels count; one at least.

    Attributes:
        class_counts: (classes,) pixels of each of CLASSES.
        class_truth: (classes, bands) mean of the truth; NaN for a class without pixels.
        class_means: method -> the same of its estimate.
        reflectance: (BINS, bands) mean of the truth between neighbouring QUANTILES of the band; NaN for an empty bin.
        rmse: method -> (BINS, bands) RMSE in each bin.
        bias: method -> (BINS, bands) mean of estimate - truth in each bin.
        error_maps: method -> mean of |estimate - truth| over bands and blocks of step x step pixels; NaN where a block
            holds no pixel that counts.
        step: pixels a side of such a block.
    """

    def __init__(self, truth: np.ndarray, input_10m: np.ndarray, valid: np.ndarray):
        self._truth, self._valid = truth, valid
        self._classes = classify(input_10m, valid)
        self._bins = np.stack([quantile_bins(truth[..., band], valid) for band in range(truth.shape[2])], axis=2)
        self.step = -(-max(truth.shape[:2]) // MAP_PX)
        self.class_counts = np.bincount(self._classes.ravel(), minlength=len(CLASSES) + 1)[1:]
        self.class_truth = self._band_means(truth, self._classes, len(CLASSES))
        self.reflectance = np.stack(
            [group_means(truth[..., band], self._bins[..., band], BINS) for band in range(truth.shape[2])], axis=1
        )
        self.class_means: dict[str, np.ndarray] = {}
        self.rmse: dict[str, np.ndarray] = {}
        self.bias: dict[str, np.ndarray] = {}
        self.error_maps: dict[str, np.ndarray] = {}

    def add(self, method: str, estimate: np.ndarray) -> None:
        """Take in the estimate of a method, (rows, cols, bands)."""
        bands = range(estimate.shape[2])
        self.class_means[method] = self._band_means(estimate, self._classes, len(CLASSES))
        self.rmse[method], self.bias[method] = np.empty((2, BINS, len(bands)))
        total = np.zeros(estimate.shape[:2], np.float32)
        for band in bands:
            error = estimate[..., band] - self._truth[..., band]
            self.bias[method][:, band] = group_means(error, self._bins[..., band], BINS)
            self.rmse[method][:, band] = np.sqrt(group_means(error**2, self._bins[..., band], BINS))
            total += np.abs(error)
        self.error_maps[method] = block_means(total / len(bands), self._valid, self.step)

    @staticmethod
    def _band_means(image: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
        return np.stack([group_means(image[..., band], groups, count) for band in range(image.shape[2])], axis=1)


class ReflectanceRow(NamedTuple):
    """One line of a table of errors by reflectance: the pixels of a band between two of QUANTILES.

    Attributes:
        band: such as `B05`.
        above, below: shares of the band's pixels that are darker than the darkest and the brightest of these.
        reflectance: mean of the truth, in reflectance * 10000, as are rmse and bias, the mean of estimate - truth.
    """

    scene: str
    method: str
    band: str
    above: float
    below: float
    reflectance: float
    rmse: float
    bias: float


def reflectance_rows(statistics: ErrorStatistics, scene: str, bands: Sequence[str]) -> list[ReflectanceRow]:
    """Errors of all methods in one scene by reflectance; bins without pixels are left out."""
    edges = (0.0, *QUANTILES, 1.0)
    return [
        ReflectanceRow(
            scene,
            method,
            band,
            *edges[bin_ : bin_ + 2],
            *(float(table[bin_, number]) for table in (statistics.reflectance, rmse, statistics.bias[method])),
        )
        for method, rmse in statistics.rmse.items()
        for number, band in enumerate(bands)
        for bin_ in range(BINS)
        if not np.isnan(statistics.reflectance[bin_, number])
    ]


def classify(input_10m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The class of each pixel: (rows, cols) uint8, 1 .. len(CLASSES), 0 where it does not count.

    A pixel that is bright is no other class; thresholds stand above.
    """
    blue, green, red, infrared = np.moveaxis(input_10m, 2, 0)
    visible = (blue + green + red) / 3
    found = {
        "bright": visible > np.percentile(visible[valid], BRIGHT_PERCENTILE),
        "water": green - infrared > WATER_NDWI * (green + infrared),
        "vegetation": infrared - red > VEGETATION_NDVI * (infrared + red),
    }
    labels = np.full(valid.shape, 1 + CLASSES.index("other"), np.uint8)
    for name in reversed(found):  # the first that is true counts
        labels[found[name]] = 1 + CLASSES.index(name)
    labels[~valid] = 0
    return labels


def quantile_bins(plane: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Between which QUANTILES of a band each pixel lies: (rows, cols) uint8, 1 .. BINS, 0 where it does not count."""
    bins = np.zeros(plane.shape, np.uint8)
    values = plane[valid]
    bins[valid] = 1 + np.searchsorted(np.quantile(values, QUANTILES), values)
    return bins


def group_means(plane: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Mean of a (rows, cols) plane over the pixels of each group 1 .. count: (count,), NaN for an empty group."""
    sums, pixels = np.zeros((2, count + 1))
    rows, cols = plane.shape
    for window in grid(rows, cols, max(1, STRIP_PIXELS // cols), cols):
        here = groups[window.slices].ravel()
        sums += np.bincount(here, plane[window.slices].ravel(), count + 1)
        pixels += np.bincount(here, minlength=count + 1)
    return np.divide(sums, pixels, out=np.full(count + 1, np.nan), where=pixels > 0)[1:]


def block_means(plane: np.ndarray, valid: np.ndarray, step: int) -> np.ndarray:
    """Mean over blocks of step x step pixels of those that count, without blocks cut by the lower or right edge."""
    rows, cols = (side // step for side in plane.shape)
    blocks = (slice(rows * step), slice(cols * step))
    shape = (rows, step, cols, step)
    pixels = valid[blocks].reshape(shape).sum(axis=(1, 3))
    sums = np.where(valid, plane, 0)[blocks].reshape(shape).sum(axis=(1, 3))
    return np.divide(sums, pixels, out=np.full((rows, cols), np.nan), where=pixels > 0)
