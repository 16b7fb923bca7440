"""Hold out ground for validation: whole areas, or blocks of scenes if there are few areas.

Random patches of one scene overlap, so that validation would measure pixels that were trained on. Here a part of the
ground is held out: a whole scene, a block of a scene, or a side of a block. Patches inside it validate, in whatever scene
they lie. Patches near it are left out, because they share pixels with a validation patch; the pixels that the blur of the
degradation mixes into a patch count, too. All others train. So two dates of a tile, two tiles that overlap, and two UTM
zones that show the same ground never put it on both sides.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.errors import SettingError
from common.patches.degraded_scene import check_patch_fits, target_shape
from common.patches.ground import ScenePatches, grown, is_inside, overlaps, patches_on_ground, touches
from common.patches.sampling import blur_margin_px, corner_positions
from common.patches.settings import PatchSettings
from common.patches.split_units import Part, Unit, side_units, split_units
from common.rasters.grids import describe_crs, is_same_crs, transform_bounds
from common.scenes.scene import Scene

LEAST_FRACTION = 1e-9  # holds out one unit
TRAINING, VALIDATION, LEFT_OUT = range(3)  # the sides of a split
Sides = tuple[np.ndarray, ...]  # for each scene, the side of each patch, (N,) int


class Cut(NamedTuple):
    """Patches that are cut from a scene."""

    scene: Scene
    settings: PatchSettings


@dataclass(frozen=True)
class Split:
    """A split of patches into training and validation.

    Attributes:
        parts: the ground that is held out.
        sides: for each scene, the side of each patch, (N,) int: TRAINING, VALIDATION or LEFT_OUT.
    """

    parts: tuple[Part, ...]
    sides: Sides

    def count(self, side: int) -> int:
        """Return the number of patches on a side."""
        return sum(int((scene_sides == side).sum()) for scene_sides in self.sides)


def split_ground(scenes: Sequence[ScenePatches], margin_m: float, fraction: float, rng: np.random.Generator) -> Split:
    """Split the patches of all scenes into training and validation.

    Args:
        scenes: all scenes of the run with their patches.
        margin_m: metres that the blur of the degradation reaches beyond a patch.
        fraction: share of the areas or blocks to hold out; unless it is 0, something is held out.
        rng: source of the random choice.

    Raises:
        SettingError: all patches share ground, so that none could validate.
    """
    ground = HeldOutGround(scenes, margin_m)
    if fraction == 0:
        return ground.split()
    units = split_units(scenes)
    ground.hold_out([units[index] for index in rng.permutation(len(units))], fraction * len(units))
    if not ground.parts:  # one block, or scenes that all overlap
        sides = side_units(scenes, fraction, margin_m)
        ground.hold_out([sides[index] for index in rng.permutation(len(sides))], 1)
    if not ground.parts:
        raise SettingError(
            f"{', '.join(scene.name for scene in scenes)} cannot be split into training and validation without "
            f"sharing ground; give more or larger scenes, or --validation-fraction 0."
        )
    return ground.split()


def check_split(cuts: Sequence[Cut]) -> None:
    """Check before any patch is cut that patches can be split into training and validation. Reads headers only.

    Raises:
        ProductError: a scene is too small for a patch, or its georeference cannot be read.
        SettingError: as `split_ground`.
    """
    ground = []
    for scene, settings in cuts:
        rows, cols = target_shape(scene, settings)
        check_patch_fits(scene, rows, cols, settings)
        ground.append(patches_on_ground(scene, corner_positions(rows, cols, settings), settings))
    margin = max(margin_m(settings) for _, settings in cuts)
    split_ground(ground, margin, LEAST_FRACTION, np.random.default_rng(0))


def margin_m(settings: PatchSettings) -> float:
    """Return how many metres beyond a patch the blur of the degradation reaches."""
    return blur_margin_px(settings) * settings.gsd


class HeldOutGround:
    """The patches of all scenes, and the ground that has been held out so far.

    Args:
        scenes: all scenes with their patches.
        margin_m: metres that the blur reaches beyond a patch.

    Attributes:
        parts: the ground that is held out.
    """

    def __init__(self, scenes: Sequence[ScenePatches], margin_m: float):
        self.scenes, self.margin_m = scenes, margin_m
        self.parts: list[Part] = []
        # The pixels that a patch is made of. A scene has no others, so they end at its edge.
        self.sources = [grown(scene.boxes, margin_m, scene.extent) for scene in scenes]
        self.neighbours = [
            [i for i, other in enumerate(scenes) if overlaps(scene.footprint, other.footprint, least=0)]
            for scene in scenes
        ]
        self.validates = [np.zeros(len(scene.boxes), bool) for scene in scenes]
        self.trains = [np.ones(len(scene.boxes), bool) for scene in scenes]

    def hold_out(self, units: Sequence[Unit], wanted: float) -> None:
        """Hold out units in their order, about `wanted` of them, and at least one if patches to train on remain."""
        count = min(len(units) - 1, max(1, round(wanted)))
        held = 0
        for unit in units:
            if held >= count:
                break
            held += self._hold_out_unit(unit)

    def _hold_out_unit(self, unit: Unit) -> bool:
        """Hold out a unit, unless no patch to train on would remain; return whether it is held out."""
        validates, trains = self.validates.copy(), self.trains.copy()
        for part in unit:
            grid = self.scenes[part.scene].grid
            for index in self.neighbours[part.scene]:
                scene = self.scenes[index]
                if not is_same_crs(grid.crs_wkt, scene.grid.crs_wkt):
                    continue  # its patches are turned against the part: they are near it, but not inside it
                inside = is_inside(scene.boxes, part.box)
                if inside.any():
                    validates[index] = validates[index] | inside
                    self._leave_out(trains, index, grown(np.array(part.box), self.margin_m, scene.extent))
        if not any(scene_trains.any() for scene_trains in trains):
            return False
        self.validates, self.trains = validates, trains
        self.parts += unit
        return True

    def _leave_out(self, trains: list[np.ndarray], held: int, box: np.ndarray) -> None:
        """Remove from `trains` the patches that share pixels with a box in the CRS of the scene `held`."""
        for index in self.neighbours[held]:
            bounds = transform_bounds(tuple(box), self.scenes[held].grid, self.scenes[index].grid)
            trains[index] = trains[index] & ~touches(self.sources[index], bounds)

    def split(self) -> Split:
        """Return the split."""
        sides = [
            np.where(validates, VALIDATION, np.where(trains, TRAINING, LEFT_OUT))
            for validates, trains in zip(self.validates, self.trains, strict=True)
        ]
        return Split(tuple(self.parts), tuple(sides))


def summarize_split(scenes: Sequence[ScenePatches], split: Split) -> str:
    """Return one line that says which ground is held out, and how many patches train and validate."""
    parts = Counter(scenes[part.scene].name for part in split.parts)
    if len(split.parts) == 1:
        ground = f"{split.parts[0].name} of {scenes[split.parts[0].scene].name}"
    else:
        ground = f"{len(split.parts)} parts of {len(parts)} of {len(scenes)} scenes"
    training, validation, left_out = (split.count(side) for side in (TRAINING, VALIDATION, LEFT_OUT))
    share = 100 * validation / (training + validation)
    return f"validation holds out {ground}: {validation} patches, {share:.1f} %; {training} patches train" + (
        f", {left_out} between them are left out" if left_out else ""
    )


def describe_split(scenes: Sequence[ScenePatches], split: Split) -> str:
    """Return the text of `split.txt` in the run folder: the patches of each scene, then the ground that is held out."""
    lines = ["# scene, patches to train on, to validate on, left out because they share ground with both"]
    for scene, sides in zip(scenes, split.sides, strict=True):
        lines.append(
            f"{scene.name} {' '.join(str((sides == side).sum()) for side in (TRAINING, VALIDATION, LEFT_OUT))}"
        )
    lines += ["", "# ground held out for validation: scene, part, CRS, x_min, y_min, x_max, y_max in metres"]
    for part in split.parts:
        scene = scenes[part.scene]
        bounds = " ".join(f"{value:.0f}" for value in part.box)
        lines.append(f"{scene.name} {part.name.replace(' ', '-')} {describe_crs(scene.grid)} {bounds}")
    return "\n".join(lines) + "\n"
