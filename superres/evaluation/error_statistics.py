"""Errors of estimates by location, by class of pixel and by reflectance, as figures draw them. NumPy only, no I/O.

Images are (rows, cols, bands) in reflectance * 10000, which is DN without offset. Bands are processed one by one, and
estimates are added one by one, so that a whole tile fits into memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from superres.evaluation.pixel_groups import (
    BINS,
    CLASSES,
    QUANTILES,
    block_means,
    classify,
    group_means,
    quantile_bins,
)

MAP_PX = 400  # most rows and columns of an error map


class ErrorStatistics:
    """Errors of the estimates of one scene.

    Args:
        truth: (rows, cols, bands).
        input_10m: (rows, cols, 4), B02, B03, B04, B08 on the same grid.
        valid: (rows, cols) bool, which pixels count; at least one.

    Attributes:
        class_counts: (classes,) pixels in each of CLASSES.
        class_truth: (classes, bands) mean of the truth; NaN for a class without pixels.
        class_means: method -> (classes, bands) mean of its estimate; NaN for a class without pixels.
        reflectance: (BINS, bands) mean of the truth between neighbouring QUANTILES of the band; NaN for an empty bin.
        rmse: method -> (BINS, bands) RMSE in each bin.
        mae: method -> (BINS, bands) mean of |estimate - truth| in each bin.
        bias: method -> (BINS, bands) mean of estimate - truth in each bin.
        error_maps: method -> mean of |estimate - truth| over bands and over blocks of step x step pixels; NaN for a block
            without a pixel that counts.
        step: pixels on a side of such a block.
    """

    def __init__(self, truth: np.ndarray, input_10m: np.ndarray, valid: np.ndarray):
        bands = range(truth.shape[2])
        self._truth, self._valid = truth, valid
        self._classes = classify(input_10m, valid)
        self._bins = np.stack([quantile_bins(truth[..., band], valid) for band in bands], axis=2)
        self.step = -(-max(truth.shape[:2]) // MAP_PX)
        self.class_counts = np.bincount(self._classes.ravel(), minlength=len(CLASSES) + 1)[1:]
        self.class_truth = self._means_by_class(truth)
        self.reflectance = np.stack(
            [group_means(truth[..., band], self._bins[..., band], BINS) for band in bands], axis=1
        )
        self.class_means: dict[str, np.ndarray] = {}
        self.rmse: dict[str, np.ndarray] = {}
        self.mae: dict[str, np.ndarray] = {}
        self.bias: dict[str, np.ndarray] = {}
        self.error_maps: dict[str, np.ndarray] = {}

    def add(self, method_name: str, estimate: np.ndarray) -> None:
        """Add the estimate of a method, (rows, cols, bands)."""
        bands = range(estimate.shape[2])
        rmse, mae, bias = np.empty((3, BINS, len(bands)))
        total = np.zeros(estimate.shape[:2], np.float32)
        for band in bands:
            error = estimate[..., band] - self._truth[..., band]
            bias[:, band] = group_means(error, self._bins[..., band], BINS)
            rmse[:, band] = np.sqrt(group_means(error**2, self._bins[..., band], BINS))
            size = np.abs(error)
            mae[:, band] = group_means(size, self._bins[..., band], BINS)
            total += size
        self.class_means[method_name] = self._means_by_class(estimate)
        self.rmse[method_name], self.mae[method_name], self.bias[method_name] = rmse, mae, bias
        self.error_maps[method_name] = block_means(total / len(bands), self._valid, self.step)

    def _means_by_class(self, image: np.ndarray) -> np.ndarray:
        """Return the mean of each band over each class: (classes, bands)."""
        bands = range(image.shape[2])
        return np.stack([group_means(image[..., band], self._classes, len(CLASSES)) for band in bands], axis=1)


class ReflectanceRow(NamedTuple):
    """One line of `reflectance.csv`: errors at the pixels of a band between two of QUANTILES.

    Attributes:
        scene: name of the scene.
        method: name of the method.
        band: such as `B05`.
        above, below: the two quantiles, as shares of the band's pixels, 0 to 1.
        reflectance: mean of the truth, in reflectance * 10000, the unit of rmse, bias and mae too.
        rmse: of the estimate.
        bias: mean of estimate - truth.
        mae: mean of |estimate - truth|.
    """

    scene: str
    method: str
    band: str
    above: float
    below: float
    reflectance: float
    rmse: float
    bias: float
    mae: float


def reflectance_rows(statistics: ErrorStatistics, scene_name: str, bands: Sequence[str]) -> list[ReflectanceRow]:
    """Return the errors of all methods in one scene by reflectance, without bins that hold no pixel."""
    edges = (0.0, *QUANTILES, 1.0)
    return [
        ReflectanceRow(
            scene_name,
            method_name,
            band,
            *edges[bin_index : bin_index + 2],
            *(
                float(table[bin_index, band_index])
                for table in (statistics.reflectance, rmse, statistics.bias[method_name], statistics.mae[method_name])
            ),
        )
        for method_name, rmse in statistics.rmse.items()
        for band_index, band in enumerate(bands)
        for bin_index in range(BINS)
        if not np.isnan(statistics.reflectance[bin_index, band_index])
    ]
