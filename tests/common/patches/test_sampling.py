"""Positions of patches: inside blocks, apart from each other; and the pixels that are cut there."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.patches.sampling import (
    axis_blocks,
    block_windows,
    candidate_positions,
    corner_positions,
    cut_patches,
    holds_only,
)
from common.patches.settings import PatchSettings
from common.pixels import degrade

few = settings(max_examples=25, deadline=None)
grids = st.sampled_from(
    [(20, False), (60, False), (10, True), (20, True), (60, True)]
)  # GSD, whether the network is joint


@few
@given(
    grids,
    st.sampled_from(["gaussian", "mtf"]),
    st.integers(32, 700),
    st.integers(32, 700),
    st.integers(1, 3000),
)
def test_blocks_and_positions(grid: tuple[int, bool], degradation: str, rows: int, cols: int, count: int) -> None:
    gsd, joint = grid
    cut = PatchSettings(gsd, count, degradation, joint=joint)
    factor, size = cut.step_px, cut.patch_px
    rows, cols = rows - rows % factor, cols - cols % factor
    reach = max(-(-degrade.blur_reach(sigma) * g // gsd) for g in cut.input_gsds for sigma in cut.sigmas(g))
    blocks = block_windows(rows, cols, cut)
    painted = np.zeros((rows, cols), int)
    for block in blocks:
        assert not any(pixels % factor for pixels in (block.row, block.col, block.height, block.width))
        painted[block.grown(reach, rows, cols).slices] += 1
    assert painted.max() == 1  # no pixel is in two blocks, or mixed into two by the blur
    positions = candidate_positions(rows, cols, cut)
    assert not (positions[:, :2] % factor).any()
    for row, col, block_index in positions:
        block = blocks[block_index]
        assert block.row <= row
        assert row + size <= block.row + block.height
        assert block.col <= col
        assert col + size <= block.col + block.width
    assert bool(len(positions)) == (min(rows, cols) >= size)
    assert len(np.unique(positions, axis=0)) == len(positions)


@few
@given(st.sampled_from([20, 60]), st.integers(32, 700), st.integers(32, 700))
def test_corner_positions_are_the_outermost_candidates(gsd: int, rows: int, cols: int) -> None:
    cut = PatchSettings(gsd, 1)
    rows, cols = rows - rows % cut.scale_factor, cols - cols % cut.scale_factor
    candidates, corners = candidate_positions(rows, cols, cut), corner_positions(rows, cols, cut)
    assert set(map(tuple, corners)) <= set(map(tuple, candidates))
    for block in np.unique(candidates[:, 2]):
        for outermost in (np.min, np.max):
            assert (
                outermost(corners[corners[:, 2] == block], axis=0).tolist()
                == outermost(candidates[candidates[:, 2] == block], axis=0).tolist()
            )


@few
@given(st.integers(1, 3000), st.integers(1, 40), st.integers(0, 5))
def test_blocks_of_an_axis_are_apart_by_twice_the_margin(length: int, patch: int, margin: int) -> None:
    blocks = axis_blocks(length, patch, margin)
    assert (blocks[0][0], blocks[-1][1]) == (0, length)
    for (_, end), (start, _) in pairwise(blocks):
        assert start - end == 2 * margin


@pytest.mark.parametrize("gsd", [20, 60])
def test_more_patches_than_positions_make_the_lattice_denser(gsd: int) -> None:
    size = PatchSettings(gsd, 1).patch_px
    spacings = []
    for count in (1, 10_000):
        positions = candidate_positions(3 * size, 3 * size, PatchSettings(gsd, count))
        spacings.append(np.diff(np.unique(positions[:, 0])).max())
    assert spacings == [size // 2, size // 4]


@few
@given(st.integers(0, 999), st.integers(1, 5), st.floats(0, 0.3))
def test_a_position_is_usable_if_its_whole_patch_is_valid(seed: int, size: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    valid = rng.random((12, 9)) >= share
    positions = np.argwhere(np.ones((12 - size + 1, 9 - size + 1), bool))
    expected = [valid[row : row + size, col : col + size].all() for row, col in positions]
    np.testing.assert_array_equal(holds_only(valid, positions, size), expected)


@pytest.mark.parametrize("factor", [1, 2, 6])
def test_patches_are_cut_at_their_positions(factor: int) -> None:
    """Each pixel of the image tells its row and column on the target grid."""
    rows, cols = np.mgrid[0:36:factor, 0:48:factor].astype(np.uint16)
    image = np.stack([rows, cols, rows + cols], axis=-1)
    positions = np.array([(0, 0, 7), (12, 6, 7), (24, 36, 8)])
    patches = cut_patches(image, positions, 12, factor)
    assert (patches.shape, patches.dtype) == ((3, 12 // factor, 12 // factor, 3), np.uint16)
    np.testing.assert_array_equal(patches[:, 0, 0, :2], positions[:, :2])
    np.testing.assert_array_equal(patches[:, -1, -1, :2], positions[:, :2] + 12 - factor)
