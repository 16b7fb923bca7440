"""Errors of estimates by location, by class of pixel and by reflectance, as figures draw them. NumPy only, no I/O.

Images are (rows, cols, bands) in reflectance * 10000, which is DN without offset. Estimates are added one by one, and each in
strips of rows, so that a whole tile fits into memory. Only the class of each pixel is kept of the images.
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
    group_sums,
    mean_of_sums,
    quantile_bins,
    quantile_edges,
    strips,
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
        self._classes = classify(input_10m, valid)
        self._edges = quantile_edges(truth, valid)
        self.step = -(-max(truth.shape[:2]) // MAP_PX)
        self.class_counts = np.bincount(self._classes.ravel(), minlength=len(CLASSES) + 1)[1:]
        self.class_truth = self._means_by_class(truth)
        sums = np.zeros((2, BINS, truth.shape[2]))
        for rows in strips(truth.shape):
            sums += sums_by_bin(truth[rows], self._bins(truth[rows], rows))
        self.reflectance, self._bin_pixels = mean_of_sums(*sums), sums[1]
        self.class_means: dict[str, np.ndarray] = {}
        self.rmse: dict[str, np.ndarray] = {}
        self.mae: dict[str, np.ndarray] = {}
        self.bias: dict[str, np.ndarray] = {}
        self.error_maps: dict[str, np.ndarray] = {}

    def add(self, method_name: str, truth: np.ndarray, estimate: np.ndarray) -> None:
        """Add the estimate of a method, (rows, cols, bands); `truth` is that of the scene."""
        sums, maps = np.zeros((3, BINS, estimate.shape[2])), []
        for rows in strips(estimate.shape, self.step):
            bins, error = self._bins(truth[rows], rows), estimate[rows] - truth[rows]
            size = np.abs(error)
            sums += [sums_by_bin(values, bins)[0] for values in (error, error**2, size)]
            maps.append(block_means(size.mean(axis=2), self._classes[rows] > 0, self.step))
        bias, squares, mae = (mean_of_sums(total, self._bin_pixels) for total in sums)
        self.bias[method_name], self.rmse[method_name], self.mae[method_name] = bias, np.sqrt(squares), mae
        self.error_maps[method_name] = np.concatenate(maps)
        self.class_means[method_name] = self._means_by_class(estimate)

    def _means_by_class(self, image: np.ndarray) -> np.ndarray:
        """Return the mean of each band over each class: (classes, bands)."""
        bands = range(image.shape[2])
        return np.stack([group_means(image[..., band], self._classes, len(CLASSES)) for band in bands], axis=1)

    def _bins(self, truth: np.ndarray, rows: slice) -> np.ndarray:
        """Return the bin of each pixel in some rows of the truth, see `quantile_bins`."""
        return quantile_bins(truth, self._edges, self._classes[rows] > 0)


def sums_by_bin(image: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the sums and the pixels of each band in each bin, (2, BINS, bands), of images (rows, cols, bands)."""
    return np.stack([group_sums(image[..., band], bins[..., band], BINS) for band in range(image.shape[2])], axis=2)


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
