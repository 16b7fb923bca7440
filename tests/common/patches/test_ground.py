"""Boxes of patches on the ground, footprints that overlap, and areas."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from common.patches.ground import (
    group_by_ground,
    grown,
    is_inside,
    overlaps,
    patch_boxes,
    patches_on_ground,
    touches,
)
from common.patches.settings import PatchSettings
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import UPPER_LEFT
from tests.support.scenes_on_ground import ORIGIN, grid_at, scene_on_ground

# Squares of one degree on a coarse lattice: many touch, overlap or are equal.
footprints = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(
    lambda corner: (corner[0] / 2, corner[1] / 2, corner[0] / 2 + 1, corner[1] / 2 + 1)
)


def test_boxes_of_patches():
    boxes = patch_boxes(grid_at(10, 5, 100, 100), np.array([(0, 0, 7), (4, 60, 8)]), 32)
    x, y = ORIGIN[0] + 100, ORIGIN[1] - 200
    assert boxes.tolist() == [[x, y - 640, x + 640, y], [x + 1200, y - 720, x + 1840, y - 80]]


def test_patches_of_a_product(fake_product):
    scene = patches_on_ground(open_scene(fake_product), np.array([(0, 2, 4), (10, 0, 5)]), PatchSettings(20, 1))
    x, y = UPPER_LEFT
    assert scene.boxes.tolist() == [[x + 40, y - 640, x + 680, y], [x, y - 840, x + 640, y - 200]]
    assert scene.blocks.tolist() == [4, 5]
    assert scene.extent == (x, y - 2400, x + 2400, y)
    assert scene.block_box(5) == (x, y - 840, x + 640, y - 200)
    assert overlaps(scene.footprint, scene.footprint)


def test_a_common_edge_is_no_common_ground():
    boxes = np.array([[0.0, 0, 10, 10], [10, 0, 20, 10], [9, 9, 20, 20]])
    assert touches(boxes, (0, 0, 10, 10)).tolist() == [True, False, True]
    assert touches(boxes + 0.01, (0, 0, 10, 10)).tolist() == [True, False, True]  # rounding of coordinates
    assert is_inside(boxes, (0, 0, 20, 10)).tolist() == [True, True, False]
    assert is_inside(boxes + 0.01, (0, 0, 20, 10)).tolist() == [True, True, False]


def test_boxes_grow_up_to_the_edge_of_their_scene():
    assert grown(np.array([[0.0, 5, 10, 10]]), 3, (0, 0, 12, 20)).tolist() == [[0, 2, 12, 13]]


def test_the_box_of_a_block_holds_its_patches():
    scene = scene_on_ground("a", grid_at(0, 0, 300, 200), PatchSettings(20, 100))
    for block in np.unique(scene.blocks):
        assert is_inside(scene.boxes, scene.block_box(block)).tolist() == (scene.blocks == block).tolist()


@given(st.lists(footprints, min_size=1, max_size=8))
def test_groups_are_connected_ground(boxes):
    groups = group_by_ground(boxes)
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes):
            if overlaps(a, b):
                assert groups[i] == groups[j]
    sizes = sorted(groups.count(group) for group in set(groups))
    backwards = group_by_ground(boxes[::-1])
    assert sizes == sorted(backwards.count(group) for group in set(backwards))  # the order does not matter


def test_a_chain_of_neighbours_is_one_group():
    boxes = [(0, 0, 1, 1), (1.8, 0, 2.8, 1), (0.9, 0, 1.9, 1), (5, 0, 6, 1)]
    groups = group_by_ground(boxes)
    assert groups[0] == groups[1] == groups[2] != groups[3]


@given(footprints, footprints, st.one_of(st.floats(-180, 180), st.floats(173, 180)))
def test_overlap_is_symmetric_and_the_same_across_180_degrees(a, b, shift):
    def around(box):
        west, south, east, north = box
        return (west + shift + 180) % 360 - 180, south, (east + shift + 180) % 360 - 180, north

    assert overlaps(a, b) == overlaps(b, a)
    assert overlaps(around(a), around(b)) == overlaps(a, b)


def test_neighbours_on_both_sides_of_180_degrees_overlap():
    across, east = (179.4, 0, -179.6, 1), (-179.9, 0, -178.9, 1)
    assert overlaps(across, east)
    assert overlaps(east, across)
    assert not overlaps((178.0, 0, 179.0, 1), east)


def test_a_very_small_overlap_does_not_count():
    assert not overlaps((0, 0, 1, 1), (0.999, 0, 1.999, 1))
    assert overlaps((0, 0, 1, 1), (0.999, 0, 1.999, 1), least=0)
    assert overlaps((0, 0, 1, 1), (0.99, 0, 1.99, 1))
    # Sentinel-2 tiles are 109.8 km wide and 100 km apart: those that meet at a corner share ground.
    assert overlaps((0, 0, 1.098, 1.098), (1.0, 1.0, 2.098, 2.098))
    assert overlaps((0, 0, 1, 1), (0.4, 0.4, 0.5, 0.5))  # a small scene inside a large one
