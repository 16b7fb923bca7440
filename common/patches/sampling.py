"""Choose patch positions in a scene and cut patches out of its images. NumPy, no I/O.

Positions are the upper-left corners of patches, in pixels of the target grid. They are multiples of a pixel of the coarsest
input.
"""

from itertools import pairwise

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.windows import Window, spread_positions

MOST_BLOCKS = 10  # along one side of a scene
BLOCK_PATCHES = 3  # patches that fit side by side into a block, at least, if the scene is large enough


def block_windows(rows: int, cols: int, settings: PatchSettings) -> list[Window]:
    """Cut the target grid into blocks between which the degradation mixes no pixels.

    Blocks are at least twice the reach of the blur apart. Corners are multiples of a pixel of the coarsest input.
    """
    factor = settings.step_px
    margin = blur_margin_px(settings) // factor
    row_blocks, col_blocks = (
        axis_blocks(length // factor, settings.patch_px // factor, margin) for length in (rows, cols)
    )
    return [
        Window(top, left, bottom - top, right - left).scaled(factor)
        for top, bottom in row_blocks
        for left, right in col_blocks
    ]


def axis_blocks(length: int, patch: int, margin: int) -> list[tuple[int, int]]:
    """Return start and end of the blocks along one axis, each shortened by `margin` at the side of a neighbour."""
    count = min(MOST_BLOCKS, max(1, length // (BLOCK_PATCHES * patch)))
    edges = [index * length // count for index in range(count + 1)]
    return [(start + margin * (start > 0), end - margin * (end < length)) for start, end in pairwise(edges)]


def candidate_positions(rows: int, cols: int, settings: PatchSettings) -> np.ndarray:
    """Return all positions that a patch may have, (N, 3) int: row, col, index of the block.

    Positions are half a patch apart, on a lattice inside each block. If that gives fewer positions than patches are
    wanted, they are a quarter of a patch apart.
    """
    factor, patch = settings.step_px, settings.patch_px // settings.step_px
    blocks = [window.coarsened(factor) for window in block_windows(rows, cols, settings)]
    for step in (patch // 2, patch // 4):
        positions = [
            (factor * (block.row + row), factor * (block.col + col), block_index)
            for block_index, block in enumerate(blocks)
            for row in spread_positions(block.height, patch, step)
            for col in spread_positions(block.width, patch, step)
        ]
        if len(positions) >= settings.count:
            break
    return np.array(positions, dtype=np.int64).reshape(-1, 3)


def corner_positions(rows: int, cols: int, settings: PatchSettings) -> np.ndarray:
    """Return the positions in the corners of each block, (N, 3) int: row, col, index of the block.

    They are among the candidate positions, and the farthest from each other: if these share ground, all do.
    """
    size = settings.patch_px
    corners = {
        (row, col, block_index): None
        for block_index, block in enumerate(block_windows(rows, cols, settings))
        if min(block.height, block.width) >= size
        for row in (block.row, block.row + block.height - size)
        for col in (block.col, block.col + block.width - size)
    }
    return np.array(list(corners), dtype=np.int64).reshape(-1, 3)


def blur_margin_px(settings: PatchSettings) -> int:
    """Return how many pixels of the target grid the blur of the degradation reaches, as whole pixels of the coarsest input."""
    reach_m = max(degrade.blur_reach(sigma) * gsd for gsd in settings.input_gsds for sigma in settings.sigmas(gsd))
    return -(-reach_m // (settings.gsd * settings.step_px)) * settings.step_px


def holds_only(valid: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """Return for each position whether all size x size pixels from there are valid, (N,) bool.

    Args:
        valid: (rows, cols) bool.
        positions: (N, 2 or more) int, row and col first.
        size: rows and columns of a patch.
    """
    invalid_above = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), dtype=np.int64)
    np.cumsum(np.cumsum(~valid, axis=0), axis=1, out=invalid_above[1:, 1:])
    row, col = positions[:, 0], positions[:, 1]
    return (
        invalid_above[row + size, col + size]
        - invalid_above[row, col + size]
        - invalid_above[row + size, col]
        + invalid_above[row, col]
    ) == 0


def cut_patches(image: np.ndarray, positions: np.ndarray, size: int, factor: int) -> np.ndarray:
    """Cut patches out of an image whose pixels are `factor` times larger than those of the target grid.

    Args:
        image: (rows, cols, bands).
        positions: (N, 2 or more) int, row and col first, multiples of factor.
        size: rows and columns of a patch on the target grid, a multiple of factor.
        factor: size of a pixel of the image in pixels of the target grid.

    Returns:
        (N, size / factor, size / factor, bands), dtype of image.
    """
    patches = np.empty((len(positions), size // factor, size // factor, image.shape[2]), image.dtype)
    for patch, (row, col) in zip(patches, positions[:, :2] // factor, strict=True):
        patch[...] = image[row : row + size // factor, col : col + size // factor]
    return patches
