"""Choose patches for validation: whole scenes, or blocks of scenes if there are few scenes.

Random patches of one scene overlap, so that validation would measure pixels that were trained on. Scenes that show the
same ground, such as two dates of a tile or two tiles that overlap, therefore stay on the same side of the split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import SettingError

Footprint = tuple[float, float, float, float]  # west, south, east, north in degrees
HeldOut = dict[str, tuple[int, ...]]  # scene name -> its blocks that validate
FEW_SCENES = 5  # with fewer groups of scenes, blocks are held out: whole scenes would be too large a share
LEAST_OVERLAP = 0.002  # share of the smaller footprint; tiles that meet at a corner share 0.008


@dataclass(frozen=True)
class SceneBlocks:
    """The facts about a scene that a split needs.

    Attributes:
        name: name of the scene.
        footprint: west, south, east, north in degrees.
        blocks: indices of the blocks that have patches.
    """

    name: str
    footprint: Footprint
    blocks: tuple[int, ...]


def overlaps(a: Footprint, b: Footprint) -> bool:
    """Return whether two footprints share more than LEAST_OVERLAP of the smaller one."""
    height = min(a[3], b[3]) - max(a[1], b[1])
    # A footprint may cross 180 degrees, so that its east is less than its west: add a full turn, and try all turns.
    spans = [(west, east if east > west else east + 360) for west, east in ((a[0], a[2]), (b[0], b[2]))]
    width = max(min(spans[0][1], spans[1][1] + turn) - max(spans[0][0], spans[1][0] + turn) for turn in (-360, 0, 360))
    smaller = min((spans[0][1] - spans[0][0]) * (a[3] - a[1]), (spans[1][1] - spans[1][0]) * (b[3] - b[1]))
    return width > 0 and height > 0 and width * height > LEAST_OVERLAP * smaller


def group_by_ground(footprints: Sequence[Footprint]) -> list[int]:
    """Return a group for each footprint; footprints that overlap, directly or through others, have the same group."""
    groups = list(range(len(footprints)))
    for i, first in enumerate(footprints):
        for j in range(i):
            if overlaps(first, footprints[j]) and groups[i] != groups[j]:
                old, new = groups[i], groups[j]
                groups = [new if group == old else group for group in groups]
    return groups


def choose_validation(scenes: Sequence[SceneBlocks], fraction: float, rng: np.random.Generator) -> HeldOut:
    """Choose the blocks that are held out for validation.

    Args:
        scenes: all scenes of the run.
        fraction: share of the units to hold out, see `split_units`; unless it is 0, at least one unit is held out.
        rng: source of the random choice.

    Returns:
        Scene name -> its blocks that are held out, for every scene.

    Raises:
        SettingError: all patches belong to one unit, which cannot be on both sides.
    """
    units = split_units(scenes)
    if fraction == 0:
        return {scene.name: () for scene in scenes}
    if len(units) < 2:
        raise SettingError(
            f"{', '.join(scene.name for scene in scenes)} cannot be split into training and validation without "
            f"sharing ground; give more or larger scenes, or --validation-fraction 0."
        )
    count = min(len(units) - 1, max(1, round(fraction * len(units))))
    chosen = {pair for unit_index in rng.permutation(len(units))[:count] for pair in units[unit_index]}
    return {scene.name: tuple(block for block in scene.blocks if (scene.name, block) in chosen) for scene in scenes}


def split_units(scenes: Sequence[SceneBlocks]) -> list[list[tuple[str, int]]]:
    """Return the units of a split: lists of (scene name, block) that must stay on the same side.

    A group of scenes that show the same ground is one unit. If there are few groups, each block of a group is one unit,
    provided that all its scenes have one footprint: blocks of the same index then show the same ground.
    """
    group_of_scene = group_by_ground([scene.footprint for scene in scenes])
    groups = [
        [scene for scene, own_group in zip(scenes, group_of_scene, strict=True) if own_group == group]
        for group in dict.fromkeys(group_of_scene)
    ]
    units = []
    for group in groups:
        same_grid = all(scene.footprint == group[0].footprint for scene in group)
        blocks = sorted({block for scene in group for block in scene.blocks})
        if len(groups) >= FEW_SCENES or not same_grid:
            units.append([(scene.name, block) for scene in group for block in scene.blocks])
        else:
            units += [[(scene.name, block) for scene in group if block in scene.blocks] for block in blocks]
    return units


def describe_split(scenes: Sequence[SceneBlocks], held_out: HeldOut) -> str:
    """Return the text of `split.txt` in the run folder, a scene a line."""
    lines = ["# scene, then the blocks held out for validation (all others train)"]
    for scene in scenes:
        blocks = held_out[scene.name]
        text = "none" if not blocks else "all" if len(blocks) == len(scene.blocks) else ",".join(map(str, blocks))
        lines.append(f"{scene.name} {text}")
    return "\n".join(lines) + "\n"
