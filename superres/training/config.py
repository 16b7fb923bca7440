"""Settings of super-resolution training: every default with its meaning, unit and source."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from common.errors import SettingError
from common.patches.settings import DEGRADATIONS, JOINT_SCALES, PATCHES_PER_TILE, PatchSettings
from common.pixels.sentinel2 import JOINT
from common.runs.config import RunConfig, as_tuple, option_name, setting
from superres.networks.catalogue import (
    DEFAULT_UPSAMPLING,
    GAN,
    NETWORKS,
    UPSAMPLINGS,
    check_gsd,
    check_network,
    trained_network_name,
)

# The keys of PIXEL_LOSSES and ADVERSARIAL_LOSSES, repeated here because their modules import Keras.
PIXEL_LOSS_NAMES = ("l1", "charbonnier", "l2")
ADVERSARIAL_LOSS_NAMES = ("least-squares", "relativistic")
MAX_VARIANTS = 100  # a teacher file of the default number of patches then takes 19 GB


def gan_setting(help: str, default: Any, **metadata: Any) -> Any:
    """Return a field for a setting that only adversarial training has."""
    return setting(f"{GAN}: {help}", default, of=GAN, **metadata)


@dataclass(frozen=True, kw_only=True)
class SuperresConfig(RunConfig):
    """The settings of `superres/train.py`; see `common/runs/config.py` for the settings of all applications."""

    tiles: str = setting("file that lists the scenes to train on, one a line", metavar="FILE")
    test_tiles: str | None = setting(
        "file that lists the scenes to measure on after training, one a line", None, metavar="FILE"
    )
    data_dir: str | None = setting(
        "folder of scenes listed without a path (the list's own folder)", None, metavar="DIR"
    )
    gsd: int | tuple[int, ...] = setting(
        "native GSD in metres of the bands to sharpen; both for a network that sharpens them in one pass",
        20,
        choices=(20, 60),
        many=True,
    )
    model: str = setting(
        f"network: {', '.join(NETWORKS)}; or {GAN}: adversarial training of the network of --generator",
        "dsen2",
        metavar="NAME",
    )
    upsample: str = setting(
        "upsampling of the coarse bands to the finest grid; the network adds its result to the upsampled bands. none: no "
        "upsampling, for networks that accept it",
        DEFAULT_UPSAMPLING,
        choices=UPSAMPLINGS,
    )
    patches_per_tile: int | None = setting(
        f"largest number of patches to cut from a scene ({PATCHES_PER_TILE[20]} at 20 m, {PATCHES_PER_TILE[60]} at 60 m)",
        None,
    )
    scales: int | tuple[int, ...] | None = setting(
        "--gsd 20 60: factors by which patches are degraded; a scene gives patches at each of them at which it is large "
        f"enough; 1 and 2 need a --teacher, because no 60 m bands are known there ({' '.join(map(str, JOINT_SCALES))} with a "
        "--teacher, 6 without)",
        None,
        choices=JOINT_SCALES,
        many=True,
    )
    validation_fraction: float = setting(
        "share of the areas to hold out for validation, or of the blocks of scenes if there are few areas", 0.1
    )
    degradation: str = setting(
        "blur before the scale factor is applied: gaussian as in the DSen2 paper, or mtf, that of each band's sensor",
        "gaussian",
        choices=DEGRADATIONS,
    )
    loss: str = setting("loss to minimise, see superres/training/losses.py", "l1", choices=PIXEL_LOSS_NAMES)
    brightness_power: float = setting(
        "weight each pixel in the loss by its reflectance to this power: 1 stresses bright pixels, -1 relative errors; "
        "0 weights all pixels equally",
        0.0,
    )
    brightness_ceiling: float | None = setting(
        "reflectance * 10000 that no pixel exceeds in the loss: brighter targets and predictions count as this bright, such as "
        "5000 (no ceiling)",
        None,
    )
    patch_cache: str = setting("folder of the patch files; existing patch files are reused", "patches", metavar="DIR")
    init_weights: str | None = setting(
        "weights to start from: a file, a run folder, or published weights such as dsen2-l1c-20m", None, metavar="FILE"
    )
    teacher: str | tuple[str, ...] | None = setting(
        "train on the predictions of this network instead of the native bands: a run folder, or published weights such "
        "as dsen2-l1c-20m; one for each GSD, and for each level if there are scenes of both",
        None,
        metavar="WEIGHTS",
        many=True,
    )
    teacher_variants: int = setting(
        "variants of each patch for the teacher to predict; in all but the first, each band is brighter or darker at "
        "random",
        1,
    )
    generator: str = gan_setting(f"network to train: {', '.join(NETWORKS)}", "dsen2", metavar="NAME")
    attention: bool = gan_setting("add a block of self-attention after the generator", False)
    adversarial_loss: str = gan_setting(
        "relativistic (average, Jolicoeur-Martineau 2018) or least-squares (Mao et al. 2017)",
        "relativistic",
        choices=ADVERSARIAL_LOSS_NAMES,
    )
    adversarial_weight: float = gan_setting("weight of the adversarial loss; the weight of --loss is 1", 2e-4)
    spectral_weight: float = gan_setting("weight of 1 - cos(spectral angle) in the content loss", 0.0)
    discriminator_learning_rate: float = gan_setting(
        "learning rate of the discriminator for one rank; it follows the schedule of --learning-rate", 1e-4
    )
    pretrain_epochs: float = gan_setting("epochs with the content loss alone, before the adversarial weight rises", 1.0)
    ramp_epochs: float = gan_setting("epochs over which the adversarial weight rises to its full value", 2.0)
    average_decay: float = gan_setting("decay of the moving average of the generator's weights per step", 0.999)
    rmse_tolerance: float = gan_setting(
        "save the weights of the last epoch whose validation RMSE is at most this factor times the lowest", 1.1
    )

    @property
    def network_name(self) -> str:
        """Name of the network that the run trains, as for `superres.networks.catalogue.find_network`."""
        return trained_network_name(self.model, self.generator, self.attention)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The teachers; empty if the network learns from the native bands."""
        return as_tuple(self.teacher)

    @property
    def patches(self) -> tuple[PatchSettings, ...]:
        """The patches to cut from each scene, at each scale. They do not depend on `seed`, so that runs share files."""
        if self.gsd != JOINT:
            return (self.patches_at(self.gsd),)
        scales = as_tuple(self.scales) or (JOINT_SCALES if self.teacher else (6,))
        return tuple(self.patches_at(10 * scale) for scale in sorted(scales))

    def patches_at(self, gsd: int) -> PatchSettings:
        """Return the patches with a target grid of `gsd` metres; those of 20 and 60 m are also measured on test scenes."""
        most = PATCHES_PER_TILE[max(gsd, 20)] if self.patches_per_tile is None else self.patches_per_tile
        return PatchSettings(gsd, most, self.degradation, joint=self.gsd == JOINT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if set(as_tuple(self.gsd)) == set(JOINT):
            object.__setattr__(self, "gsd", JOINT)  # in any order
        if self.model not in (*NETWORKS, GAN):
            raise SettingError(f"unknown network {self.model!r}; expected one of {', '.join(NETWORKS)}, {GAN}.")
        if self.model == GAN and self.generator not in NETWORKS:  # a name with the suffix of --attention is refused
            raise SettingError(f"unknown network {self.generator!r}; expected one of {', '.join(NETWORKS)}.")
        check_network(self.network_name, self.upsample)
        check_gsd(self.network_name, self.gsd)
        self.check_joint()
        if not 0 <= self.validation_fraction < 1:
            raise SettingError(f"--validation-fraction must be at least 0 and below 1; got {self.validation_fraction}.")
        if not math.isfinite(self.brightness_power):
            raise SettingError(f"--brightness-power must be a finite number; got {self.brightness_power}.")
        if self.brightness_ceiling is not None and not 0 < self.brightness_ceiling < math.inf:
            raise SettingError(f"--brightness-ceiling must be above 0; got {self.brightness_ceiling}.")
        if self.patches_per_tile is not None and self.patches_per_tile < 1:
            raise SettingError(f"--patches-per-tile must be at least 1; got {self.patches_per_tile}.")
        if not 1 <= self.teacher_variants <= MAX_VARIANTS:
            raise SettingError(f"--teacher-variants must be 1 to {MAX_VARIANTS}; got {self.teacher_variants}.")
        if self.teacher_variants > 1 and not self.teacher:
            raise SettingError("--teacher-variants needs a --teacher; give one, or leave --teacher-variants out.")
        if self.model == GAN:
            self.check_gan()
        for field in gan_fields():
            if self.model != GAN and getattr(self, field.name) != field.default:
                raise SettingError(
                    f"{option_name(field.name)} is only for --model {GAN}, and this run has --model {self.model}; "
                    f"leave one of them out."
                )

    def check_joint(self) -> None:
        """Check the settings that differ for a network that sharpens the bands of two GSDs.

        Raises:
            SettingError: a setting is for two GSDs and there is one, or the other way round.
        """
        if self.gsd != JOINT and self.scales:
            raise SettingError(f"--scales {self.scales} is for --gsd 20 60; give both GSDs, or leave it out.")
        if self.gsd == JOINT and self.model == GAN:
            raise SettingError(f"--model {GAN} sharpens one GSD; give --gsd 20 or --gsd 60, or another --model.")
        if self.gsd == JOINT and not self.teacher and as_tuple(self.scales) not in ((), (6,)):
            raise SettingError("--scales other than 6 need a --teacher: no 60 m bands are known there; give one.")

    def check_gan(self) -> None:
        """Check the settings of adversarial training.

        Raises:
            SettingError: a setting is out of range, or there is a teacher or another optimizer.
        """
        if self.teacher:
            raise SettingError(
                f"--model {GAN} must learn from the native bands, and predictions of a --teacher are smoother; leave one "
                f"of them out."
            )
        for name in ("optimizer", "weight_decay", "clip_norm"):
            if getattr(self, name) != getattr(SuperresConfig, name):
                raise SettingError(
                    f"--model {GAN} trains both networks with Adam; leave {option_name(name)} out, or give another --model."
                )
        for name, lowest in (
            ("adversarial_weight", 0),
            ("spectral_weight", 0),
            ("pretrain_epochs", 0),
            ("ramp_epochs", 0),
            ("rmse_tolerance", 1),
        ):
            if not lowest <= getattr(self, name) < math.inf:
                raise SettingError(f"{option_name(name)} must be at least {lowest}; got {getattr(self, name)}.")
        if not 0 < self.discriminator_learning_rate < math.inf:
            raise SettingError(
                f"--discriminator-learning-rate must be above 0; got {self.discriminator_learning_rate}."
            )
        if not 0 <= self.average_decay < 1:
            raise SettingError(f"--average-decay must be at least 0 and below 1; got {self.average_decay}.")
        if self.pretrain_epochs >= self.epochs:
            raise SettingError(
                f"--pretrain-epochs {self.pretrain_epochs:g} leaves none of {self.epochs} epochs for adversarial "
                f"training; give more --epochs, or fewer --pretrain-epochs."
            )


def gan_fields() -> list[dataclasses.Field]:
    """Return the fields of the settings that only adversarial training has."""
    return [field for field in dataclasses.fields(SuperresConfig) if field.metadata.get("of") == GAN]
