"""Patches to train on and to validate on share no pixel, and ground is held out wherever that is possible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osgeo import osr

from common.errors import ProductError, SettingError
from common.patches.ground import ScenePatches, grown
from common.patches.sampling import blur_margin_px
from common.patches.settings import PatchSettings
from common.patches.split import (
    LEFT_OUT,
    TRAINING,
    VALIDATION,
    Cut,
    Split,
    check_split,
    describe_split,
    margin_m,
    split_ground,
    summarize_split,
)
from common.pixels.windows import Window
from common.rasters.grids import GeoReference
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import UPPER_LEFT, write_safe
from tests.support.scenes_on_ground import ORIGIN, crs_wkt, grid_at, scene_on_ground

many, few = settings(max_examples=50, deadline=None), settings(max_examples=10, deadline=None)
CUT = PatchSettings(20, 1000)
# Corner and size of scenes, in units of a 60 m pixel: 1.9 to 8.4 km wide, within 12 km, so that most overlap.
places = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(16, 70), st.integers(16, 70)),
    min_size=1,
    max_size=5,
)


def split(scenes: list[ScenePatches], fraction: float = 0.1, cut: PatchSettings = CUT, seed: int = 0) -> Split:
    return split_ground(scenes, margin_m(cut), fraction, np.random.default_rng(seed))


def scenes_at(*cols: int, size: int = 300, cut: PatchSettings = CUT) -> list[ScenePatches]:
    return [scene_on_ground(f"scene{i}", grid_at(0, col, size, size), cut) for i, col in enumerate(cols)]


def held_out_blocks(scene: ScenePatches, sides: np.ndarray) -> list[int]:
    """Return the blocks that validate, after a check that all their patches do."""
    blocks = np.unique(scene.blocks[sides == VALIDATION])
    assert (np.isin(scene.blocks, blocks) == (sides == VALIDATION)).all()
    return blocks.tolist()


def source(box: np.ndarray, grid: GeoReference, margin: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the pixels, of an image whose corner is ORIGIN, that the patch with this box is made of."""
    gsd, (row, col) = grid.geotransform[1], corner_of(grid)
    top, left = (ORIGIN[1] - box[3]) / gsd, (box[0] - ORIGIN[0]) / gsd
    size = (box[2] - box[0]) / gsd
    inside = Window(int(top) - row, int(left) - col, int(size), int(size)).grown(margin, grid.rows, grid.cols)
    return inside.moved(row, col).overlap(Window(0, 0, *shape)).slices


def corner_of(grid: GeoReference) -> tuple[int, int]:
    x, gsd, _, y, _, _ = grid.geotransform
    return int((ORIGIN[1] - y) / gsd), int((x - ORIGIN[0]) / gsd)


@many
@given(places, st.sampled_from([20, 60]), st.floats(0.01, 0.9), st.integers(1, 60), st.integers(0, 9))
def test_no_pixel_is_on_both_sides(places, gsd, fraction, count, seed):
    cut, scale = PatchSettings(gsd, count), 60 // gsd if gsd == 20 else 2
    margin, rng = blur_margin_px(cut), np.random.default_rng(seed)
    grids = [grid_at(*(scale * number for number in place), gsd) for place in places]
    grids = [grid for grid in grids if min(grid.rows, grid.cols) >= cut.patch_px] or [grid_at(0, 0, 192, 96, gsd)]
    scenes = [scene_on_ground(f"scene{i}", grid, cut, rng) for i, grid in enumerate(grids)]
    try:
        result = split(scenes, fraction, cut, seed)
    except SettingError:
        assert_all_share_pixels(scenes, margin)
        return
    again = split(scenes, fraction, cut, seed)
    assert all((a == b).all() for a, b in zip(result.sides, again.sides, strict=True))  # equal on all ranks
    painted = {side: np.zeros((520, 520), bool) for side in (TRAINING, VALIDATION)}
    for scene, sides in zip(scenes, result.sides, strict=True):
        for box, side in zip(scene.boxes, sides, strict=True):
            if side != LEFT_OUT:
                painted[side][source(box, scene.grid, margin, (520, 520))] = True
    assert painted[TRAINING].any()
    assert painted[VALIDATION].any()
    assert not (painted[TRAINING] & painted[VALIDATION]).any()


def assert_all_share_pixels(scenes: list[ScenePatches], margin: int) -> None:
    """Assert that every patch shares pixels with every other one."""
    sources = np.concatenate([grown(s.boxes, margin * s.grid.geotransform[1], s.extent) for s in scenes])
    lower, upper = (
        np.maximum(sources[:, None, :2], sources[None, :, :2]),
        np.minimum(sources[:, None, 2:], sources[None, :, 2:]),
    )
    assert (lower < upper).all()


@few
@given(st.integers(-150, 150), st.integers(-150, 150), st.floats(0.05, 0.5), st.integers(0, 99))
def test_no_ground_is_on_both_sides_in_two_utm_zones(row, col, fraction, seed):
    """A scene of zone 33 and one of zone 32, whose grids are turned against each other by four degrees."""
    rng = np.random.default_rng(seed)
    cut = PatchSettings(20, 40)
    west_of_border = GeoReference(crs_wkt(32633), (280_000.0, 20, 0, 5_300_000.0, 0, -20), 240, 240)
    x, y, _ = between(32633, 32632).TransformPoint(280_000.0 + 20 * col, 5_300_000.0 + 20 * row)
    east_of_border = GeoReference(crs_wkt(32632), (round(x, -1), 20, 0, round(y, -1), 0, -20), 240, 240)
    scenes = [scene_on_ground(f"scene{i}", grid, cut, rng) for i, grid in enumerate((west_of_border, east_of_border))]
    result = split(scenes, fraction, cut)
    assert result.count(TRAINING) > 0
    assert result.count(VALIDATION) > 0
    sides = [
        [
            grown(scene.boxes[own == side], margin_m(cut), scene.extent)
            for scene, own in zip(scenes, result.sides, strict=True)
        ]
        for side in (TRAINING, VALIDATION)
    ]
    for boxes, epsg in zip(sides[1], ZONES, strict=True):
        for others, other_epsg in zip(sides[0], ZONES, strict=True):
            assert not holds_any(others, points_of(boxes, epsg, other_epsg))


ZONES = (32633, 32632)


def between(source: int, target: int) -> osr.CoordinateTransformation:
    return osr.CoordinateTransformation(osr.SpatialReference(crs_wkt(source)), osr.SpatialReference(crs_wkt(target)))


def points_of(boxes: np.ndarray, source: int, target: int) -> np.ndarray:
    """Return 11 x 11 points of each box, transformed to another CRS, (N, 2)."""
    steps = np.stack(np.meshgrid(*[np.linspace(0, 1, 11)] * 2), axis=-1).reshape(-1, 2)
    points = boxes[:, None, :2] + steps * (boxes[:, None, 2:] - boxes[:, None, :2])
    return np.array(between(source, target).TransformPoints(points.reshape(-1, 2).tolist())).reshape(-1, 3)[:, :2]


def holds_any(boxes: np.ndarray, points: np.ndarray) -> bool:
    """Return whether a point lies inside a box, by more than a metre."""
    inside = (points[:, None] > boxes[:, :2] + 1) & (points[:, None] < boxes[:, 2:] - 1)
    return bool(inside.all(axis=2).any())


def test_a_chain_of_neighbours_holds_out_blocks():
    """Tiles that overlap by a tenth, as Sentinel-2's do; about a tenth of the patches validate."""
    scenes = scenes_at(0, 270, 540, 810, 1080, 1350)
    result = split(scenes)
    assert len(result.parts) == 5  # of 54 blocks
    training, validation, left_out = (result.count(side) for side in (TRAINING, VALIDATION, LEFT_OUT))
    assert 0.08 < validation / (training + validation) < 0.12
    assert 0 < left_out < 0.1 * training


def test_ground_of_a_block_is_held_out_in_all_scenes():
    """Both scenes see the ground of block 2 of the first one; the second one has other blocks there."""
    scenes = scenes_at(0, 160)
    result = split(scenes, 1e-9, seed=next(s for s in range(99) if np.random.default_rng(s).permutation(18)[0] == 2))
    assert [(part.scene, part.name) for part in result.parts] == [(0, "block 2")]
    assert held_out_blocks(scenes[0], result.sides[0]) == [2]
    assert {VALIDATION, LEFT_OUT, TRAINING} == set(result.sides[1].tolist())


def test_of_one_scene_blocks_are_held_out_in_the_order_of_the_generator():
    for fraction, count in ((0.01, 1), (0.25, 2), (0.5, 4), (0.99, 8)):
        (scene,) = scenes_at(0)
        result = split([scene], fraction, seed=3)
        expected = np.random.default_rng(3).permutation(9)[:count]
        assert held_out_blocks(scene, result.sides[0]) == sorted(expected.tolist())
        assert result.count(LEFT_OUT) == 0


def test_of_many_areas_whole_scenes_are_held_out_in_the_order_of_the_generator():
    scenes = scenes_at(*range(0, 4000, 400))
    result = split(scenes, 0.2, seed=3)
    expected = np.random.default_rng(3).permutation(10)[:2]
    assert [index for index, sides in enumerate(result.sides) if (sides == VALIDATION).all()] == sorted(expected)
    assert sum((sides == TRAINING).all() for sides in result.sides) == 8


def test_scenes_that_only_meet_lose_no_patch():
    scenes = scenes_at(*range(0, 300 * 6, 300))
    assert split(scenes, 0.2).count(LEFT_OUT) == 0


def test_scenes_that_overlap_by_a_pixel_lose_patches():
    """The overlap is too small to join them to one area."""
    scenes = [scene_on_ground(f"scene{i}", grid_at(999 * i, 0, 1000, 60), CUT) for i in range(5)]
    result = split(scenes, 0.2)
    assert [part.name for part in result.parts] == ["whole scene"]
    assert result.count(LEFT_OUT) > 0


def test_patches_in_another_crs_do_not_validate():
    """ETRS89 / UTM 33 has the coordinates of WGS 84 / UTM 33, but is another system."""
    scenes = [scene_on_ground(str(epsg), grid_at(0, 0, 200, 200, epsg=epsg), CUT) for epsg in (32633, 25833)]
    result = split(scenes, 0.3)
    held = {part.scene for part in result.parts}
    for index, sides in enumerate(result.sides):
        assert (VALIDATION in sides) == (index in held)
        assert (LEFT_OUT in sides) == (len(held - {index}) > 0)


def test_dates_of_a_tile_hold_out_the_same_blocks():
    cut, rng = PatchSettings(20, 200), np.random.default_rng(5)
    scenes = [scene_on_ground(f"scene{i}", grid_at(0, 0, 300, 300), cut, rng) for i in range(3)]
    result = split(scenes, 0.3)
    blocks = [held_out_blocks(scene, sides) for scene, sides in zip(scenes, result.sides, strict=True)]
    assert blocks[0] == blocks[1] == blocks[2] != []
    assert result.count(LEFT_OUT) == 0


def test_dates_of_a_tile_across_180_degrees_hold_out_the_same_blocks():
    grid = GeoReference(crs_wkt(32701), (170_000.0, 20, 0, 8_100_000.0, 0, -20), 1000, 1000)
    scenes = [scene_on_ground(name, grid, CUT) for name in "ab"]
    assert scenes[0].footprint[0] > scenes[0].footprint[2]
    result = split(scenes)
    assert held_out_blocks(scenes[0], result.sides[0]) == held_out_blocks(scenes[1], result.sides[1]) != []


def test_of_a_single_block_a_side_is_held_out():
    scene = scene_on_ground("small", grid_at(0, 0, 40, 80), PatchSettings(20, 10))
    result = split([scene])
    (part,) = result.parts
    assert part.name in ("west of block 0", "east of block 0")  # in the other direction there is no room
    assert result.count(TRAINING) > 0
    assert result.count(VALIDATION) > 0


@pytest.mark.parametrize("size, fits", [(67, False), (68, True)])
def test_two_patches_and_their_margins_can_be_split(size: int, fits: bool):
    """Two patches of 32 px, each with a margin of 2 px towards the other."""
    scene = scene_on_ground("small", grid_at(0, 0, 32, size - size % 2), PatchSettings(20, 10))
    if fits:
        assert split([scene]).count(VALIDATION) == 1
    else:
        with pytest.raises(
            SettingError, match=r"small cannot be split .*; give more or larger scenes, or --validation-"
        ):
            split([scene])


def test_of_overlapping_tiles_of_60_m_a_tile_is_held_out():
    """Six tiles of 100 x 100 px, 90 px apart: each has one block, and no room for two patches."""
    cut = PatchSettings(60, 40)
    scenes = [scene_on_ground(f"t{i}", grid_at(90 * (i % 3), 90 * (i // 3), 100, 100, 60), cut) for i in range(6)]
    result = split(scenes, 0.1, cut)
    assert len(result.parts) == 1
    assert result.count(TRAINING) > 0
    assert (result.sides[result.parts[0].scene] == VALIDATION).all()


def test_fraction_zero_holds_nothing_out():
    for scenes in (scenes_at(0, size=40), scenes_at(0, 100, 400)):
        result = split(scenes, 0)
        assert result.parts == ()
        assert all((sides == TRAINING).all() for sides in result.sides)


def test_the_description_names_patches_and_ground():
    scenes = scenes_at(0, 270)
    result = split(scenes, 0.05)
    lines = describe_split(scenes, result).splitlines()
    counts = [[int(count) for count in line.split()[1:]] for line in lines[1:3]]
    assert np.sum(counts, axis=0).tolist() == [result.count(side) for side in (TRAINING, VALIDATION, LEFT_OUT)]
    (part,) = result.parts
    name, block, crs, *bounds = lines[-1].split()
    assert (name, block, crs) == (f"scene{part.scene}", part.name.replace(" ", "-"), "EPSG:32633")
    assert tuple(map(float, bounds)) == part.box
    assert summarize_split(scenes, result).startswith(f"validation holds out {part.name} of {name}: ")
    assert summarize_split(scenes, split(scenes, 0.2)).startswith("validation holds out 4 parts of ")


def test_the_check_reads_no_pixels(tmp_path):
    """The pixels of these products cannot be decoded."""
    x, y = UPPER_LEFT
    product = write_safe(tmp_path, size=144, upper_left=(x, y))
    small = write_safe(tmp_path, tile="T32TPS", size=64, upper_left=(x + 9000, y))
    tiny = write_safe(tmp_path, tile="T32TQS", size=60, upper_left=(x + 9000, y))
    for path in tmp_path.rglob("*.jp2"):
        data = path.read_bytes()
        headers = data.index(b"\xff\x93") + 2  # the marker "start of data"
        path.write_bytes(data[:headers] + bytes(len(data) - headers - 2) + data[-2:])
    check_split([Cut(open_scene(product), CUT)])
    check_split([Cut(open_scene(path), CUT) for path in (product, small)])
    with pytest.raises(SettingError, match=r"T32TPS\S+ cannot be split"):
        check_split([Cut(open_scene(small), CUT)])
    with pytest.raises(ProductError, match=r"T32TQS\S+ has 30 x 30 px at 20 m, too few for a patch of 32 px"):
        check_split([Cut(open_scene(path), CUT) for path in (product, tiny)])
