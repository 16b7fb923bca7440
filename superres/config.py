"""Settings of super-resolution training: every default with its meaning, unit and source."""

import math
from dataclasses import dataclass

from common.errors import SettingError
from common.patches import PATCHES_PER_TILE, PatchSettings
from common.run import RunConfig, setting
from superres.losses import PIXEL_LOSSES
from superres.networks import NETWORKS, UPSAMPLINGS, check_network

DN_DIVISOR = 2000.0  # network unit = reflectance * 10000 / DN_DIVISOR (DSen2)


@dataclass(frozen=True, kw_only=True)
class SuperresConfig(RunConfig):
    """What `superres/train.py` needs to know; see `common/run.py` for the settings of every application."""

    tiles: str = setting("file with a scene a line to train on", metavar="FILE")
    test_tiles: str | None = setting("file with a scene a line to measure on after training", None, metavar="FILE")
    data_dir: str | None = setting(
        "folder of scenes listed without a path (the list's own folder)", None, metavar="DIR"
    )
    gsd: int = setting("native GSD in metres of the bands to sharpen", 20, choices=(20, 60))
    model: str = setting(f"network: {', '.join(NETWORKS)}", "dsen2", metavar="NAME")
    upsample: str = setting(
        "how the coarse bands reach the fine grid before the network sees them and adds its result to them; none: not "
        "at all, for networks that can do without",
        "bilinear",
        choices=UPSAMPLINGS,
    )
    patches_per_tile: int | None = setting(
        f"most patches to cut from a scene ({PATCHES_PER_TILE[20]} at 20 m, {PATCHES_PER_TILE[60]} at 60 m)", None
    )
    validation_fraction: float = setting("share of scenes, or of blocks in few scenes, held out for validation", 0.1)
    degradation: str = setting(
        "blur before the scale factor is taken: gaussian as in the DSen2 paper, or mtf, each band as its sensor",
        "gaussian",
        choices=("gaussian", "mtf"),
    )
    loss: str = setting("what training makes small, see superres/losses.py", "l1", choices=tuple(PIXEL_LOSSES))
    brightness_power: float = setting(
        "weight of a pixel in the loss: its reflectance to this power; 1 makes bright ones count more, -1 relative "
        "errors count, 0 all alike",
        0.0,
    )
    patch_cache: str = setting(
        "folder of the patch files; those that are there are used again", "patches", metavar="DIR"
    )
    init_weights: str | None = setting(
        "weights to start from: a file, a run folder, or published ones such as dsen2-l1c-20m", None, metavar="FILE"
    )

    teacher: str | None = setting(
        "learn what this network predicts, not the native bands: a run folder, or published weights such as "
        "dsen2-l1c-20m",
        None,
        metavar="WEIGHTS",
    )

    @property
    def patches(self) -> PatchSettings:
        """What to cut from each scene. Positions do not depend on `seed`: runs with other seeds share the files."""
        count = PATCHES_PER_TILE[self.gsd] if self.patches_per_tile is None else self.patches_per_tile
        return PatchSettings(self.gsd, count, self.degradation)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_network(self.model, self.upsample)
        if not 0 <= self.validation_fraction < 1:
            raise SettingError(f"--validation-fraction must be at least 0 and below 1; got {self.validation_fraction}.")
        if not math.isfinite(self.brightness_power):
            raise SettingError(f"--brightness-power must be a finite number; got {self.brightness_power}.")
        if self.patches_per_tile is not None and self.patches_per_tile < 1:
            raise SettingError(f"--patches-per-tile must be at least 1; got {self.patches_per_tile}.")
