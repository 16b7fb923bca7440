"""Hold out patches for validation: by scene, or by blocks where there are few scenes.

Random patches of one scene on both sides of a split are leakage: they overlap. Scenes that show the same ground (another
date of a tile, a neighbour that overlaps it) stay on the same side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import SettingError

Footprint = tuple[float, float, float, float]  # west, south, east, north in degrees
FEW_SCENES = 5  # with fewer, holding out whole ones would cost too much of the training data
LEAST_OVERLAP = 0.002  # of the smaller footprint; tiles that meet at a corner share 0.008


@dataclass(frozen=True)
class SceneBlocks:
    """A scene, as far as a split needs to know it.

    Attributes:
        name: of the scene.
        footprint: west, south, east, north in degrees.
        blocks: numbers of the blocks that have patches.
    """

    name: str
    footprint: Footprint
    blocks: tuple[int, ...]


def overlaps(a: Footprint, b: Footprint) -> bool:
    """Do two footprints share more than LEAST_OVERLAP of the smaller one?"""
    height = min(a[3], b[3]) - max(a[1], b[1])
    # West and east are compared the way round the globe that brings them closest: scenes may cross 180 degrees.
    spans = [(west, east if east > west else east + 360) for west, east in ((a[0], a[2]), (b[0], b[2]))]
    width = max(min(spans[0][1], spans[1][1] + turn) - max(spans[0][0], spans[1][0] + turn) for turn in (-360, 0, 360))
    smaller = min((spans[0][1] - spans[0][0]) * (a[3] - a[1]), (spans[1][1] - spans[1][0]) * (b[3] - b[1]))
    return width > 0 and height > 0 and width * height > LEAST_OVERLAP * smaller


def group_by_ground(footprints: Sequence[Footprint]) -> list[int]:
    """A group number for each footprint: those that overlap, directly or through others, have the same."""
    group = list(range(len(footprints)))
    for i, first in enumerate(footprints):
        for j in range(i):
            if overlaps(first, footprints[j]) and group[i] != group[j]:
                old, new = group[i], group[j]
                group = [new if number == old else number for number in group]
    return group


def choose_validation(
    scenes: Sequence[SceneBlocks], fraction: float, rng: np.random.Generator
) -> dict[str, tuple[int, ...]]:
    """Choose what is held out for validation.

    Args:
        scenes: all scenes of the run.
        fraction: share to hold out; at least one unit is, unless it is 0.
        rng: where the choice comes from.

    Returns:
        Scene name -> its blocks that are held out.

    Raises:
        SettingError: there is just one unit, which cannot be on both sides.
    """
    units = split_units(scenes)
    if fraction == 0:
        return {scene.name: () for scene in scenes}
    if len(units) < 2:
        raise SettingError(
            f"{', '.join(scene.name for scene in scenes)} cannot be split into training and validation without "
            f"sharing ground; give more or larger scenes, or --validation-fraction 0."
        )
    wanted = min(len(units) - 1, max(1, round(fraction * len(units))))
    chosen = {pair for number in rng.permutation(len(units))[:wanted] for pair in units[number]}
    return {scene.name: tuple(b for b in scene.blocks if (scene.name, b) in chosen) for scene in scenes}


def split_units(scenes: Sequence[SceneBlocks]) -> list[list[tuple[str, int]]]:
    """What must stay together: lists of (scene name, block)."""
    numbers = group_by_ground([scene.footprint for scene in scenes])
    groups = [
        [scene for scene, own in zip(scenes, numbers, strict=True) if own == number]
        for number in dict.fromkeys(numbers)
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


def describe_split(scenes: Sequence[SceneBlocks], held_out: dict[str, tuple[int, ...]]) -> str:
    """The split as text, a scene a line, as it is written to the run folder."""
    lines = ["# scene, then the blocks held out for validation (all others train)"]
    for scene in scenes:
        out = held_out[scene.name]
        blocks = "none" if not out else "all" if len(out) == len(scene.blocks) else ",".join(map(str, out))
        lines.append(f"{scene.name} {blocks}")
    return "\n".join(lines) + "\n"
