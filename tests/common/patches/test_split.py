"""Validation patches share no ground with training patches, and equal seeds give equal splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import SettingError
from common.patches.split import (
    FEW_SCENES,
    SceneBlocks,
    choose_validation,
    describe_split,
    group_by_ground,
    overlaps,
    split_units,
)

many = settings(max_examples=100, deadline=None)
# Squares of one degree on a coarse lattice: many touch, overlap or are equal.
footprints = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(
    lambda corner: (corner[0] / 2, corner[1] / 2, corner[0] / 2 + 1, corner[1] / 2 + 1)
)
block_lists = st.lists(st.integers(0, 8), min_size=1, max_size=5, unique=True).map(lambda blocks: tuple(sorted(blocks)))
scene_lists = st.lists(st.tuples(footprints, block_lists), min_size=1, max_size=10).map(
    lambda items: [SceneBlocks(f"scene{i}", footprint, blocks) for i, (footprint, blocks) in enumerate(items)]
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def apart(count: int, blocks: tuple[int, ...] = (0, 1, 2, 3)) -> list[SceneBlocks]:
    """Scenes that share no ground."""
    return [SceneBlocks(f"scene{i}", (2 * i, 0, 2 * i + 1, 1), blocks) for i in range(count)]


@many
@given(scene_lists, st.floats(0.01, 0.99), st.integers(0, 9))
def test_both_sides_share_no_ground(scenes, fraction, seed):
    if len(split_units(scenes)) < 2:
        with pytest.raises(SettingError, match="cannot be split into training and validation without sharing ground"):
            choose_validation(scenes, fraction, rng(seed))
        return
    held_out = choose_validation(scenes, fraction, rng(seed))
    assert held_out == choose_validation(scenes, fraction, rng(seed))
    assert held_out.keys() == {scene.name for scene in scenes}
    sides = {(scene.name, block): block in held_out[scene.name] for scene in scenes for block in scene.blocks}
    assert set(sides.values()) == {True, False}
    assert sum(map(len, held_out.values())) == sum(sides.values())  # no block that a scene does not have
    for a in scenes:
        for b in scenes:
            if a.footprint == b.footprint:  # one grid: equal numbers are equal ground
                assert all(sides[a.name, k] == sides[b.name, k] for k in set(a.blocks) & set(b.blocks))
            elif overlaps(a.footprint, b.footprint):
                assert len({sides[scene.name, k] for scene in (a, b) for k in scene.blocks}) == 1


@many
@given(scene_lists)
def test_units_hold_every_block_once(scenes):
    pairs = [pair for unit in split_units(scenes) for pair in unit]
    assert sorted(pairs) == sorted((scene.name, block) for scene in scenes for block in scene.blocks)


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


def test_two_dates_of_a_tile_across_180_degrees_stay_together():
    box = (179.4, -17.2, -179.6, -16.2)
    scenes = [SceneBlocks("a", box, (0, 1)), SceneBlocks("b", box, (0, 1))]
    held_out = choose_validation(scenes, 0.5, rng())
    assert held_out["a"] == held_out["b"] != ()


def test_neighbours_on_both_sides_of_180_degrees_overlap():
    across, east = (179.4, 0, -179.6, 1), (-179.9, 0, -178.9, 1)
    assert overlaps(across, east)
    assert overlaps(east, across)
    assert not overlaps((178.0, 0, 179.0, 1), east)


def test_a_very_small_overlap_does_not_count():
    assert not overlaps((0, 0, 1, 1), (0.999, 0, 1.999, 1))
    assert overlaps((0, 0, 1, 1), (0.99, 0, 1.99, 1))
    # Sentinel-2 tiles are 109.8 km wide and 100 km apart: those that meet at a corner share ground.
    assert overlaps((0, 0, 1.098, 1.098), (1.0, 1.0, 2.098, 2.098))
    assert overlaps((0, 0, 1, 1), (0.4, 0.4, 0.5, 0.5))  # a small scene inside a large one


def test_many_scenes_are_held_out_whole():
    held_out = choose_validation(apart(10), 0.2, rng())
    assert sorted(held_out.values()) == [()] * 8 + [(0, 1, 2, 3)] * 2


def test_of_few_scenes_blocks_are_held_out():
    scenes = apart(FEW_SCENES - 1)
    held_out = choose_validation(scenes, 0.25, rng())
    assert sum(map(len, held_out.values())) == 4  # of 16
    assert not any(len(blocks) == 4 for blocks in held_out.values())


def test_each_side_has_at_least_one_block():
    scene = apart(1)
    assert len(choose_validation(scene, 0.01, rng())["scene0"]) == 1
    assert len(choose_validation(scene, 0.99, rng())["scene0"]) == 3


def test_one_block_cannot_be_split():
    with pytest.raises(
        SettingError,
        match=r"scene0 cannot be split .*; give more or larger scenes, or "
        r"--validation-fraction 0",
    ):
        choose_validation(apart(1, blocks=(0,)), 0.1, rng())


def test_fraction_zero_holds_nothing_out():
    assert choose_validation(apart(1, blocks=(0,)), 0, rng()) == {"scene0": ()}
    assert choose_validation(apart(7), 0, rng()) == {f"scene{i}": () for i in range(7)}


def test_other_seeds_give_other_splits():
    chosen = {tuple(choose_validation(apart(20), 0.2, rng(seed)).values()) for seed in range(5)}
    assert len(chosen) == 5


def test_the_description_names_the_blocks_of_each_scene():
    scenes = [*apart(2), SceneBlocks("third", (20, 0, 21, 1), (4,))]
    text = describe_split(scenes, {"scene0": (1, 3), "scene1": (), "third": (4,)})
    assert text.splitlines()[1:] == ["scene0 1,3", "scene1 none", "third all"]
    assert text.startswith("# scene")
