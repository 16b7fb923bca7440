"""Area-to-point kriging on a regular grid: from coarse pixels to fine ones. NumPy and SciPy, no I/O.

A coarse pixel is a weighted mean of fine pixels (blur and block mean, `common/pixels/degrade.py`), so its value varies less
than that of fine pixels. The variogram of fine pixels is found by deconvolution: of exponential models exp(-h / range), the
one is taken whose semivariances between coarse pixels, computed with the weights of the sensor, are nearest to those of the
scene. The sill cancels in the weights.

All fine pixels at the same place in a coarse pixel have the same weights, so kriging is a filter of NEIGHBOURS x NEIGHBOURS
coarse pixels for each of the s x s places.

References:
    P. C. Kyriakidis, A geostatistical framework for area-to-point spatial interpolation, Geographical Analysis 2004,
    doi:10.1111/j.1538-4632.2004.tb01135.x.
    P. Goovaerts, Kriging and semivariogram deconvolution in the presence of irregular geographical units, Mathematical
    Geosciences 2008, doi:10.1007/s11004-007-9129-1.
"""

import numpy as np
from scipy.ndimage import correlate

from common.pixels.degrade import point_spread

NEIGHBOURS = 5  # rows and columns of coarse pixels that a fine pixel depends on
RANGES = np.geomspace(0.1, 20, 40)  # that are tried, in coarse pixels


def kriging_weights(semivariances: np.ndarray, scale_factor: int, sigma: float) -> np.ndarray:
    """Return the weights of the coarse pixels around a fine pixel, by ordinary kriging.

    Args:
        semivariances: of coarse pixels 1, 2, .. pixels apart, (lags,).
        scale_factor: s, the ratio of the two GSDs.
        sigma: standard deviation of the blur, in fine pixels.

    Returns:
        (s, s, NEIGHBOURS, NEIGHBOURS) float64: row and column of the fine pixel in its coarse pixel, then the coarse pixels.
        The weights of a fine pixel have the sum 1.
    """
    spread = point_spread(sigma, scale_factor).astype(np.float64)
    overlap = np.correlate(spread, spread, mode="full")
    range_px = fit_range(semivariances, overlap, scale_factor)
    steps = np.arange(NEIGHBOURS)
    rows, cols = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    table = mean_covariance(*np.meshgrid(scale_factor * steps, scale_factor * steps), overlap, range_px)
    between = table[np.abs(np.subtract.outer(rows, rows)), np.abs(np.subtract.outer(cols, cols))]
    places = scale_factor * (NEIGHBOURS // 2) + np.arange(scale_factor) - (scale_factor - 1) / 2
    place_rows, place_cols = (axis.ravel() for axis in np.meshgrid(places, places, indexing="ij"))
    heights, widths = (np.subtract.outer(scale_factor * a, b) for a, b in ((rows, place_rows), (cols, place_cols)))
    to_points = mean_covariance(heights, widths, spread, range_px)
    ones = np.ones((len(rows), 1))
    system = np.block([[between, ones], [ones.T, np.zeros((1, 1))]])  # the last row makes the sum 1
    solution = np.linalg.solve(system, np.concatenate([to_points, np.ones((1, len(place_rows)))]))
    return solution[:-1].T.reshape(scale_factor, scale_factor, NEIGHBOURS, NEIGHBOURS)


def fit_range(semivariances: np.ndarray, overlap: np.ndarray, scale_factor: int) -> float:
    """Return the range of the exponential model of fine pixels, in fine pixels; its sill is fitted too, and dropped.

    Args:
        semivariances: of coarse pixels 1, 2, .. pixels apart, (lags,).
        overlap: weights of the distances between the fine pixels of two coarse pixels, along one axis.
        scale_factor: s, the ratio of the two GSDs.
    """
    distances = np.arange(len(semivariances) + 1) * scale_factor
    errors = []
    for range_px in RANGES * scale_factor:
        covariance = mean_covariance(distances, np.zeros_like(distances), overlap, range_px)
        model = covariance[0] - covariance[1:]
        sill = model @ semivariances / (model @ model)
        errors.append(np.square(semivariances - sill * model).sum())
    return RANGES[np.argmin(errors)] * scale_factor


def mean_covariance(rows: np.ndarray, cols: np.ndarray, weights: np.ndarray, range_px: float) -> np.ndarray:
    """Return the mean of exp(-h / range) over the places around each distance.

    Args:
        rows, cols: distances in fine pixels, of one shape.
        weights: of the places around a distance, along one axis.
        range_px: in fine pixels.
    """
    places = np.arange(len(weights)) - (len(weights) - 1) / 2
    heights, widths = rows[..., None, None] + places[:, None], cols[..., None, None] + places
    return np.exp(-np.hypot(heights, widths) / range_px) @ weights @ weights


def krige(coarse: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (rows / s, cols / s) at the fine pixels, (rows, cols) float32; mirrored at the edges.

    Args:
        coarse: the image.
        weights: from `kriging_weights`.
    """
    factor = len(weights)
    fine = np.empty((coarse.shape[0] * factor, coarse.shape[1] * factor), np.float32)
    for row in range(factor):
        for col in range(factor):
            correlate(coarse, weights[row, col], output=fine[row::factor, col::factor], mode="reflect")
    return fine
