"""Settings of super-resolution training: every default with its meaning, unit and source."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from common.errors import SettingError
from common.patches.settings import PATCHES_PER_TILE, PatchSettings
from common.pixels.degrade import DEGRADATIONS
from common.runs.config import RunConfig, setting
from superres.networks.catalogue import (
    DEFAULT_UPSAMPLING,
    GAN,
    NETWORKS,
    UPSAMPLINGS,
    check_network,
    trained_network_name,
)

# The keys of PIXEL_LOSSES and ADVERSARIAL_LOSSES, whose modules import TensorFlow.
PIXEL_LOSS_NAMES = ("l1", "charbonnier", "l2")
ADVERSARIAL_LOSS_NAMES = ("least-squares", "relativistic")
MOST_VARIANTS = 100  # a patch file of the default size then takes 19 GB


def gan_setting(help: str, default: Any, **metadata: Any) -> Any:
    """A setting of adversarial training alone."""
    return setting(f"{GAN}: {help}", default, of=GAN, **metadata)


@dataclass(frozen=True, kw_only=True)
class SuperresConfig(RunConfig):
    """What `superres/train.py` needs to know; see `common/runs/folder.py` for the settings of every application."""

    tiles: str = setting("file with a scene a line to train on", metavar="FILE")
    test_tiles: str | None = setting("file with a scene a line to measure on after training", None, metavar="FILE")
    data_dir: str | None = setting(
        "folder of scenes listed without a path (the list's own folder)", None, metavar="DIR"
    )
    gsd: int = setting("native GSD in metres of the bands to sharpen", 20, choices=(20, 60))
    model: str = setting(
        f"network: {', '.join(NETWORKS)}; or {GAN}: adversarial training of the network --generator",
        "dsen2",
        metavar="NAME",
    )
    upsample: str = setting(
        "how the coarse bands reach the fine grid before the network sees them and adds its result to them; none: not "
        "at all, for networks that can do without",
        DEFAULT_UPSAMPLING,
        choices=UPSAMPLINGS,
    )
    patches_per_tile: int | None = setting(
        f"most patches to cut from a scene ({PATCHES_PER_TILE[20]} at 20 m, {PATCHES_PER_TILE[60]} at 60 m)", None
    )
    validation_fraction: float = setting("share of scenes, or of blocks in few scenes, held out for validation", 0.1)
    degradation: str = setting(
        "blur before the scale factor is taken: gaussian as in the DSen2 paper, or mtf, each band as its sensor",
        "gaussian",
        choices=DEGRADATIONS,
    )
    loss: str = setting("what training makes small, see superres/training/losses.py", "l1", choices=PIXEL_LOSS_NAMES)
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
    teacher_variants: int = setting(
        "of each patch that a teacher answers for: all but the first with each band brighter or darker at random", 1
    )
    generator: str = gan_setting(f"network that is trained: {', '.join(NETWORKS)}", "dsen2", metavar="NAME")
    attention: bool = gan_setting("put a block of self-attention behind the generator", False)
    adversarial_loss: str = gan_setting(
        "relativistic (average, Jolicoeur-Martineau 2018) or least-squares (Mao et al. 2017)",
        "relativistic",
        choices=ADVERSARIAL_LOSS_NAMES,
    )
    adversarial_weight: float = gan_setting("of the adversarial loss; that of --loss is 1", 2e-4)
    spectral_weight: float = gan_setting("of 1 - cos(spectral angle) in the content loss", 0.0)
    discriminator_learning_rate: float = gan_setting(
        "for one rank at the full --learning-rate, whose schedule it follows", 1e-4
    )
    pretrain_epochs: float = gan_setting("epochs with the content loss alone, before the adversarial weight rises", 1.0)
    ramp_epochs: float = gan_setting("epochs over which the adversarial weight rises to its full value", 2.0)
    average_decay: float = gan_setting("share of itself that the mean of the generator's weights keeps a step", 0.999)
    rmse_tolerance: float = gan_setting(
        "keep the weights of the last epoch whose validation RMSE is at most this times the lowest", 1.1
    )

    @property
    def network_name(self) -> str:
        """The network that results from the run, as `superres.networks.catalogue.find_network` knows it."""
        return trained_network_name(self.model, self.generator, self.attention)

    @property
    def patches(self) -> PatchSettings:
        """What to cut from each scene. Positions do not depend on `seed`: runs with other seeds share the files."""
        count = PATCHES_PER_TILE[self.gsd] if self.patches_per_tile is None else self.patches_per_tile
        return PatchSettings(self.gsd, count, self.degradation)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model not in (*NETWORKS, GAN):
            raise SettingError(f"unknown network {self.model!r}; expected one of {', '.join(NETWORKS)}, {GAN}.")
        if self.model == GAN and self.generator not in NETWORKS:  # `find_network` also knows --attention by name
            raise SettingError(f"unknown network {self.generator!r}; expected one of {', '.join(NETWORKS)}.")
        check_network(self.network_name, self.upsample)
        if not 0 <= self.validation_fraction < 1:
            raise SettingError(f"--validation-fraction must be at least 0 and below 1; got {self.validation_fraction}.")
        if not math.isfinite(self.brightness_power):
            raise SettingError(f"--brightness-power must be a finite number; got {self.brightness_power}.")
        if self.patches_per_tile is not None and self.patches_per_tile < 1:
            raise SettingError(f"--patches-per-tile must be at least 1; got {self.patches_per_tile}.")
        if not 1 <= self.teacher_variants <= MOST_VARIANTS:
            raise SettingError(f"--teacher-variants must be 1 to {MOST_VARIANTS}; got {self.teacher_variants}.")
        if self.teacher_variants > 1 and not self.teacher:
            raise SettingError("--teacher-variants are of patches that a --teacher answers for; give one.")
        if self.model == GAN:
            self.check_gan()
        for field in gan_fields():
            if self.model != GAN and getattr(self, field.name) != field.default:
                raise SettingError(
                    f"--{field.name.replace('_', '-')} is of --model {GAN} alone, this run has --model {self.model}; "
                    f"take one of them out."
                )

    def check_gan(self) -> None:
        """Raise SettingError where a setting of adversarial training is out of range."""
        if self.teacher:
            raise SettingError(
                f"--model {GAN} learns what the native bands look like, and a --teacher's answers are smoother; take one "
                f"of them out."
            )
        for name, lowest in (
            ("adversarial_weight", 0),
            ("spectral_weight", 0),
            ("pretrain_epochs", 0),
            ("ramp_epochs", 0),
            ("rmse_tolerance", 1),
        ):
            if not lowest <= getattr(self, name) < math.inf:
                raise SettingError(f"--{name.replace('_', '-')} must be at least {lowest}; got {getattr(self, name)}.")
        if not 0 < self.discriminator_learning_rate < math.inf:
            raise SettingError(
                f"--discriminator-learning-rate must be above 0; got {self.discriminator_learning_rate}."
            )
        if not 0 <= self.average_decay < 1:
            raise SettingError(f"--average-decay must be at least 0 and below 1; got {self.average_decay}.")
        if self.pretrain_epochs >= self.epochs:
            raise SettingError(
                f"--pretrain-epochs {self.pretrain_epochs:g} leaves none of {self.epochs} epochs for adversarial "
                f"training; give more --epochs, or fewer of the former."
            )


def gan_fields() -> list[dataclasses.Field]:
    """The settings of adversarial training."""
    return [field for field in dataclasses.fields(SuperresConfig) if field.metadata.get("of") == GAN]
