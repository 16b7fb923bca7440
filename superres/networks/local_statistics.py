"""Statistics of the square around each pixel: means, detail, contrast, and how bands depend on sharper ones."""

import keras
import numpy as np
from keras import ops

LEAST_CONTRAST = 0.002  # 4 DN, about the noise of the instrument; dark water has hardly any detail
ROUNDING = 1e-6  # of sums of products in float32, relative


def mean_around(image: keras.KerasTensor, side_px: int) -> keras.KerasTensor:
    """Return the mean of the square around each pixel, of those pixels that the image has: (B, H, W, C) -> (B, H, W, C).

    Along columns and then along rows: the gradient of a square takes several times as long.
    """
    for size in ((side_px, 1), (1, side_px)):
        image = keras.layers.AveragePooling2D(size, strides=1, padding="same", dtype="float32")(image)
    return image


def detail_around(image: keras.KerasTensor, side_px: int) -> keras.KerasTensor:
    """Return what is left without the mean of the square around each pixel: (B, H, W, C) -> (B, H, W, C)."""
    return image - mean_around(image, side_px)


def contrast_around(detail: keras.KerasTensor, side_px: int) -> keras.KerasTensor:
    """Return the root mean square of detail and noise in the square around each pixel: (B, H, W, C) -> (B, H, W, C)."""
    return ops.sqrt(mean_around(detail**2, side_px) + LEAST_CONTRAST**2)


def regress(bands: keras.KerasTensor, guides: keras.KerasTensor, side_px: int) -> keras.KerasTensor:
    """Return the weights of the sum of guides that is nearest to each band, for each pixel, in the square around it.

    Least squares with a ridge: (mean of guide i * guide j, plus ridge if i = j) weights = mean of guide i * band. The ridge is
    the square of `LEAST_CONTRAST`: a guide with as much detail as noise keeps half its weight. A millionth of the guide's
    own square is added, without which rounding to float32 decides where guides are equal and have strong edges.

    Args:
        bands: detail of R bands, (B, H, W, R), in network units.
        guides: detail of C bands, (B, H, W, C), in network units.
        side_px: side of the square.

    Returns:
        (B, H, W, C * R) float32: for each guide, its weights in the bands.
    """
    both = keras.layers.Concatenate()([guides, bands])
    count = guides.shape[-1]
    of_itself = np.eye(count, both.shape[-1], dtype=np.float32)
    rows = [
        mean_around(column(guides, i) * both, side_px) * (1 + ROUNDING * of_itself[i])
        + LEAST_CONTRAST**2 * of_itself[i]
        for i in range(count)
    ]
    return keras.layers.Concatenate()(solve(rows))


def solve(rows: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Solve the linear equations of each pixel by Gaussian elimination.

    Args:
        rows: of a matrix, (B, H, W, C + R) each: C columns of a positive definite matrix, which needs no exchange of
            rows, and R right sides. `linalg.solve` of a backend wants a matrix for each pixel, and OpenVINO has none.

    Returns:
        C solutions, (B, H, W, R) each.
    """
    rows, count = list(rows), len(rows)
    for pivot in range(count):
        rows[pivot] = rows[pivot] / column(rows[pivot], pivot)
        for below in range(pivot + 1, count):
            rows[below] = rows[below] - column(rows[below], pivot) * rows[pivot]
    solutions = [row[..., count:] for row in rows]
    for solved in reversed(range(count)):
        for above in range(solved):
            solutions[above] = solutions[above] - column(rows[above], solved) * solutions[solved]
    return solutions


def column(row: keras.KerasTensor, index: int) -> keras.KerasTensor:
    """Return one band: (B, H, W, C) -> (B, H, W, 1)."""
    return row[..., index : index + 1]
