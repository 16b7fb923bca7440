"""Groups of pixels by class or by reflectance, and means over them. NumPy only, no I/O.

Images are (rows, cols, bands) in reflectance * 10000. A group image is (rows, cols) uint8: 0 for pixels that do not
count, otherwise the number of the group, counted from 1.
"""

import numpy as np

from common.pixels.windows import grid

CLASSES = ("water", "vegetation", "bright", "other")
WATER_NDWI = 0.1  # (B03 - B08) / (B03 + B08) is larger; McFeeters 1996
VEGETATION_NDVI = 0.4  # (B08 - B04) / (B08 + B04) is larger; Tucker 1979
BRIGHT_PERCENTILE = 98  # of the mean of B02, B03 and B04: clouds, roofs, sand
# Tenths of the pixels of each band; the outer tenths are divided again, to show extreme values.
QUANTILES = (0.01, *(tenth / 10 for tenth in range(1, 10)), 0.99)
BINS = len(QUANTILES) + 1
STRIP_PIXELS = 2**20


def classify(input_10m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the class of each pixel as a group image, in the order of CLASSES.

    A bright pixel belongs to no other class.

    Args:
        input_10m: (rows, cols, 4), B02, B03, B04, B08.
        valid: (rows, cols) bool, which pixels count; at least one.
    """
    blue, green, red, infrared = np.moveaxis(input_10m, 2, 0)
    visible = (blue + green + red) / 3
    conditions = {
        "bright": visible > np.percentile(visible[valid], BRIGHT_PERCENTILE),
        "water": green - infrared > WATER_NDWI * (green + infrared),
        "vegetation": infrared - red > VEGETATION_NDVI * (infrared + red),
    }
    groups = np.full(valid.shape, 1 + CLASSES.index("other"), np.uint8)
    for name in reversed(conditions):  # the first condition that is true decides
        groups[conditions[name]] = 1 + CLASSES.index(name)
    groups[~valid] = 0
    return groups


def quantile_bins(plane: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the bin between two QUANTILES of each pixel as a group image, 1 .. BINS from dark to bright.

    Args:
        plane: one band, (rows, cols).
        valid: (rows, cols) bool, which pixels count; the quantiles are those of these pixels.
    """
    bins = np.zeros(plane.shape, np.uint8)
    values = plane[valid]
    bins[valid] = 1 + np.searchsorted(np.quantile(values, QUANTILES), values)
    return bins


def group_means(plane: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of a band over each group: (count,) float64; NaN for an empty group.

    Args:
        plane: one band, (rows, cols).
        groups: a group image with the groups 1 .. count.
        count: number of groups.
    """
    sums, pixels = np.zeros((2, count + 1))
    rows, cols = plane.shape
    for window in grid(rows, cols, max(1, STRIP_PIXELS // cols), cols):
        strip_groups = groups[window.slices].ravel()
        sums += np.bincount(strip_groups, plane[window.slices].ravel(), count + 1)
        pixels += np.bincount(strip_groups, minlength=count + 1)
    return np.divide(sums, pixels, out=np.full(count + 1, np.nan), where=pixels > 0)[1:]


def block_means(plane: np.ndarray, valid: np.ndarray, step: int) -> np.ndarray:
    """Return the mean over blocks of step x step pixels; NaN for a block without a pixel that counts.

    Blocks that are cut by the lower or right edge are left out.

    Args:
        plane: one band, (rows, cols).
        valid: (rows, cols) bool, which pixels count.
        step: pixels on a side of a block.

    Returns:
        (rows // step, cols // step) float64.
    """
    rows, cols = (side // step for side in plane.shape)
    whole_blocks = (slice(rows * step), slice(cols * step))
    shape = (rows, step, cols, step)
    pixels = valid[whole_blocks].reshape(shape).sum(axis=(1, 3))
    sums = np.where(valid, plane, 0)[whole_blocks].reshape(shape).sum(axis=(1, 3))
    return np.divide(sums, pixels, out=np.full((rows, cols), np.nan), where=pixels > 0)
