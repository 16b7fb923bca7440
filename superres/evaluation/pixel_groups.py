"""Groups of pixels by class or by reflectance, and means over them. NumPy only, no I/O.

Images are (rows, cols, bands) in reflectance * 10000. A group image is (rows, cols) uint8: 0 for pixels that do not
count, otherwise the number of the group, counted from 1.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from common.metrics.image_pairs import quotient, row_strips

CLASSES = ("water", "vegetation", "bright", "other")
WATER_NDWI = 0.1  # (B03 - B08) / (B03 + B08) is larger; McFeeters 1996
VEGETATION_NDVI = 0.4  # (B08 - B04) / (B08 + B04) is larger; Tucker 1979
BRIGHT_PERCENTILE = 98  # of the mean of B02, B03 and B04: clouds, roofs, sand
# Tenths of the pixels of each band; the outer tenths are divided again, to show extreme values.
QUANTILES = (0.01, *(tenth / 10 for tenth in range(1, 10)), 0.99)
BINS = len(QUANTILES) + 1
STRIP_PIXELS = 2**20


def strips(shape: Sequence[int], step: int = 1) -> Iterator[slice]:
    """Return the strips of rows of an image (rows, cols, ...): of at most STRIP_PIXELS, and of a multiple of `step` rows."""
    return row_strips(*shape[:2], step=step, strip_pixels=STRIP_PIXELS)


def classify(input_10m: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the class of each pixel as a group image, in the order of CLASSES.

    A bright pixel belongs to no other class.

    Args:
        input_10m: (rows, cols, 4), B02, B03, B04, B08.
        valid: (rows, cols) bool, which pixels count; at least one.
    """
    visible = np.concatenate([_visible(input_10m[rows])[valid[rows]] for rows in strips(valid.shape)])
    threshold = np.percentile(visible, BRIGHT_PERCENTILE, overwrite_input=True)
    groups = np.concatenate([_classify_strip(input_10m[rows], threshold) for rows in strips(valid.shape)])
    groups[~valid] = 0
    return groups


def _visible(input_10m: np.ndarray) -> np.ndarray:
    blue, green, red, _ = np.moveaxis(input_10m, 2, 0)
    return (blue + green + red) / 3


def _classify_strip(input_10m: np.ndarray, threshold: float) -> np.ndarray:
    """Return the class of each pixel, 1 .. len(CLASSES); `threshold` is that of bright pixels."""
    _, green, red, infrared = np.moveaxis(input_10m, 2, 0)
    conditions = {
        "bright": _visible(input_10m) > threshold,
        "water": green - infrared > WATER_NDWI * (green + infrared),
        "vegetation": infrared - red > VEGETATION_NDVI * (infrared + red),
    }
    groups = np.full(green.shape, 1 + CLASSES.index("other"), np.uint8)
    for name in reversed(conditions):  # the first condition that is true decides
        groups[conditions[name]] = 1 + CLASSES.index(name)
    return groups


def quantile_edges(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the QUANTILES of each band over the pixels that count: (quantiles, bands).

    Args:
        image: (rows, cols, bands).
        valid: (rows, cols) bool, which pixels count.
    """
    return np.stack([np.quantile(image[..., band][valid], QUANTILES) for band in range(image.shape[2])], axis=1)


def quantile_bins(image: np.ndarray, edges: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the bin between two QUANTILES of each pixel as a group image for each band, 1 .. BINS from dark to bright.

    Args:
        image: (rows, cols, bands), or some rows of it.
        edges: the quantiles of each band, (quantiles, bands).
        valid: (rows, cols) bool, which pixels count.

    Returns:
        Shape of image, uint8.
    """
    bins = np.zeros(image.shape, np.uint8)
    for band in range(image.shape[2]):
        bins[valid, band] = 1 + np.searchsorted(edges[:, band], image[..., band][valid])
    return bins


def group_sums(plane: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the sum of a band, or of some rows of it, and the number of pixels in each group: (2, count) float64.

    Args:
        plane: (rows, cols).
        groups: a group image with the groups 1 .. count.
        count: number of groups.
    """
    sums = np.bincount(groups.ravel(), plane.ravel(), count + 1)
    return np.stack([sums, np.bincount(groups.ravel(), minlength=count + 1)])[:, 1:]


def group_means(plane: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Return the mean of a band over each group: (count,) float64; NaN for an empty group. Arguments as in `group_sums`."""
    sums = np.zeros((2, count))
    for rows in strips(plane.shape):
        sums += group_sums(plane[rows], groups[rows], count)
    return mean_of_sums(*sums)


def mean_of_sums(sums: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return sums / pixels, shape of sums; NaN where there are no pixels."""
    return quotient(sums, pixels, np.nan)


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
    return mean_of_sums(sums, pixels)
