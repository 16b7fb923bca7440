"""Which parts of the ground are held out together."""

from common.patches.settings import PatchSettings
from common.patches.split_units import LEAST_AREAS, side_units, split_units
from tests.support.scenes_on_ground import grid_at, scene_on_ground

CUT = PatchSettings(20, 1000)
PATCH_M, MARGIN_M = 640, 40


def scenes_at(*cols: int, size: int = 200):
    """Scenes of 2 x 2 blocks, at columns of 20 m pixels."""
    return [scene_on_ground(f"scene{i}", grid_at(0, col, size, size), CUT) for i, col in enumerate(cols)]


def names(units) -> list[list[str]]:
    return [[f"{part.scene} {part.name}" for part in unit] for unit in units]


def test_many_areas_are_whole_units():
    assert names(split_units(scenes_at(0, 300, 600, 900, 1200))) == [[f"{i} whole scene"] for i in range(5)]


def test_scenes_of_an_area_stay_together():
    units = split_units(scenes_at(0, 150, 400, 700, 1000, 1300))  # the first two overlap
    assert names(units)[:2] == [["0 whole scene", "1 whole scene"], ["2 whole scene"]]
    assert len(units) == LEAST_AREAS


def test_few_areas_have_their_blocks_as_units():
    assert names(split_units(scenes_at(0, 300))) == [
        [f"{scene} block {block}"] for scene in (0, 1) for block in range(4)
    ]


def test_one_large_area_among_many_has_blocks_as_units():
    units = split_units(scenes_at(0, 150, 300, 450, 900, 1200, 1500, 1800))  # four overlap, four are alone
    assert len(units) == 8 * 4


def test_dates_of_a_tile_share_their_blocks():
    assert names(split_units(scenes_at(0, 300, 0))) == [
        *[[f"0 block {block}", f"2 block {block}"] for block in range(4)],
        *[[f"1 block {block}"] for block in range(4)],
    ]


def test_neighbours_have_blocks_of_their_own():
    assert len(split_units(scenes_at(0, 150, 300))) == 12


def test_sides_are_as_deep_as_the_fraction_but_at_least_a_patch():
    scene = scene_on_ground("a", grid_at(0, 0, 180, 90), CUT)  # one block
    x_min, y_min, x_max, y_max = scene.extent
    depths = {}
    for fraction in (0.1, 0.5, 0.9):
        units = side_units([scene], fraction, MARGIN_M)
        boxes = {part.name.split()[0]: part.box for (part,) in units}
        assert boxes["west"][:2] == boxes["south"][:2] == (x_min, y_min)
        assert boxes["east"][2:] == boxes["north"][2:] == (x_max, y_max)
        west, east = boxes["west"][2] - x_min, x_max - boxes["east"][0]
        south, north = boxes["south"][3] - y_min, y_max - boxes["north"][1]
        assert (west, south) == (east, north)
        depths[fraction] = west, south
    # 90 px are 1800 m, 180 px are 3600 m. A patch and the margins leave 1080 and 2880 m.
    assert depths == {0.1: (PATCH_M, PATCH_M), 0.5: (900, 1800), 0.9: (1080, 2880)}
