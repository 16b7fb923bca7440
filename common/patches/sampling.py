"""Choose patch positions in a scene and cut the patches there. NumPy, no I/O."""

from itertools import pairwise

import numpy as np

from common.errors import ProductError
from common.patches.degraded_scene import degrade_scene
from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.windows import Window, spread_positions
from common.scenes.scene import Scene

MOST_BLOCKS = 10  # a side of a scene
BLOCK_PATCHES = 3  # at least so many patches fit side by side in a block, where the scene is large enough


def block_windows(rows: int, cols: int, settings: PatchSettings) -> list[Window]:
    """Cut the target grid into blocks that share no pixel, and no pixel that the degradation mixes in.

    Blocks are kept apart by twice the reach of the blur; corners are multiples of the scale factor.
    """
    factor = settings.scale_factor
    reach = max(degrade.blur_reach(sigma) for sigma in settings.sigmas(settings.gsd))
    margin = -(-reach // factor)
    edges = [axis_blocks(length // factor, settings.patch_px // factor, margin) for length in (rows, cols)]
    return [
        Window(top, left, bottom - top, right - left).scaled(factor)
        for top, bottom in edges[0]
        for left, right in edges[1]
    ]


def axis_blocks(length: int, patch: int, margin: int) -> list[tuple[int, int]]:
    """Start and end of the blocks along one axis, each shortened by `margin` where it meets another."""
    count = min(MOST_BLOCKS, max(1, length // (BLOCK_PATCHES * patch)))
    edges = [number * length // count for number in range(count + 1)]
    return [(start + margin * (start > 0), end - margin * (end < length)) for start, end in pairwise(edges)]


def candidate_positions(rows: int, cols: int, settings: PatchSettings) -> np.ndarray:
    """Positions that a patch may take: (N, 3) int of row, col, block.

    They lie on a lattice inside the blocks, half a patch apart; a quarter, where that gives fewer than are wanted.
    """
    factor, patch = settings.scale_factor, settings.patch_px // settings.scale_factor
    blocks = [window.coarsened(factor) for window in block_windows(rows, cols, settings)]
    for step in (patch // 2, patch // 4):
        positions = [
            (factor * (block.row + row), factor * (block.col + col), number)
            for number, block in enumerate(blocks)
            for row in spread_positions(block.height, patch, step)
            for col in spread_positions(block.width, patch, step)
        ]
        if len(positions) >= settings.count:
            break
    return np.array(positions, dtype=np.int64).reshape(-1, 3)


def holds_only(valid: np.ndarray, positions: np.ndarray, size: int) -> np.ndarray:
    """For each position: are all of its size x size pixels valid? (N,) bool."""
    invalid = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), dtype=np.int64)
    np.cumsum(np.cumsum(~valid, axis=0), axis=1, out=invalid[1:, 1:])
    row, col = positions[:, 0], positions[:, 1]
    return (
        invalid[row + size, col + size] - invalid[row, col + size] - invalid[row + size, col] + invalid[row, col]
    ) == 0


def cut(image: np.ndarray, positions: np.ndarray, size: int, factor: int) -> np.ndarray:
    """Patches (N, size / factor, size / factor, bands) of an image whose pixels are `factor` times coarser."""
    patches = np.empty((len(positions), size // factor, size // factor, image.shape[2]), image.dtype)
    for patch, (row, col) in zip(patches, positions[:, :2] // factor, strict=True):
        patch[...] = image[row : row + size // factor, col : col + size // factor]
    return patches


def extract_patches(scene: Scene, settings: PatchSettings) -> tuple[dict[str, np.ndarray], int]:
    """Cut patches at random positions of a scene.

    Returns:
        The arrays of a patch file (`common/patches/file.py`), and how many positions were left out because they hold nodata
        or saturated pixels.

    Raises:
        ProductError: the scene is damaged, too small for a patch, or holds no patch without nodata.
    """
    degraded = degrade_scene(scene, settings)
    rows, cols = degraded.valid.shape
    size = settings.patch_px
    candidates = candidate_positions(rows, cols, settings)
    if not len(candidates):
        raise ProductError(
            f"{scene.name} has {rows} x {cols} px at {settings.gsd} m, too few for a patch of "
            f"{size} px; take it out of the list."
        )
    usable = candidates[holds_only(degraded.valid, candidates, size)]
    if not len(usable):
        raise ProductError(
            f"{scene.name} has no patch of {size} px without nodata at {settings.gsd} m; take it out of the list."
        )
    positions = np.random.default_rng(settings.seed).permutation(usable)[: settings.count]
    arrays = {name: cut(image, positions, size, rows // image.shape[0]) for name, image in degraded.inputs.items()}
    arrays["target"] = cut(degraded.target, positions, size, 1)
    arrays["row"], arrays["col"] = positions[:, 0].astype(np.int32), positions[:, 1].astype(np.int32)
    arrays["block"] = positions[:, 2].astype(np.int16)
    return arrays, len(candidates) - len(usable)
