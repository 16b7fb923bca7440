"""The units of a split: the parts of the ground that may be held out for validation. NumPy, no I/O."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.patches.ground import Box, ScenePatches, group_by_ground

# Whole areas are held out if they are at least so many, and none has more than this share of the scenes. Otherwise a
# whole area would be too much: blocks are held out.
LEAST_AREAS, LARGEST_SHARE = 5, 1 / 3


class Part(NamedTuple):
    """A rectangle of ground that is held out.

    Attributes:
        scene: index of the scene that gives the rectangle and its CRS.
        name: `whole scene`, `block 3`, or such as `west of block 0`.
        box: the rectangle.
    """

    scene: int
    name: str
    box: Box


Unit = tuple[Part, ...]  # parts that are held out together


def split_units(scenes: Sequence[ScenePatches]) -> list[Unit]:
    """Return the units of a split: whole areas, or blocks if there are few areas.

    An area is the ground of scenes that overlap, directly or through others. A block of the same index in scenes of the
    same footprint, such as two dates of a tile, is one unit.
    """
    area_of_scene = group_by_ground([scene.footprint for scene in scenes])
    areas = [[i for i, own in enumerate(area_of_scene) if own == area] for area in dict.fromkeys(area_of_scene)]
    if len(areas) >= LEAST_AREAS and max(map(len, areas)) <= LARGEST_SHARE * len(scenes):
        return [tuple(Part(i, "whole scene", scenes[i].extent) for i in area) for area in areas]
    units = []
    for area in areas:
        for footprint in dict.fromkeys(scenes[i].footprint for i in area):
            dates = [i for i in area if scenes[i].footprint == footprint]
            for block in sorted({int(block) for i in dates for block in np.unique(scenes[i].blocks)}):
                units.append(
                    tuple(
                        Part(i, f"block {block}", scenes[i].block_box(block))
                        for i in dates
                        if block in scenes[i].blocks
                    )
                )
    return units


def side_units(scenes: Sequence[ScenePatches], fraction: float, margin_m: float) -> list[Unit]:
    """Return the four sides of each block of each scene.

    A side is as deep as `fraction` of its block, but at least a patch, and leaves ground for a patch to train on.
    """
    units = []
    for i, scene in enumerate(scenes):
        size = scene.boxes[0, 2] - scene.boxes[0, 0]
        for block in np.unique(scene.blocks):
            x_min, y_min, x_max, y_max = scene.block_box(block)
            across, down = (
                max(size, min(fraction * length, length - size - 2 * margin_m))
                for length in (x_max - x_min, y_max - y_min)
            )
            sides = {
                "west": (x_min, y_min, x_min + across, y_max),
                "east": (x_max - across, y_min, x_max, y_max),
                "south": (x_min, y_min, x_max, y_min + down),
                "north": (x_min, y_max - down, x_max, y_max),
            }
            units += [(Part(i, f"{side} of block {block}", box),) for side, box in sides.items()]
    return units
