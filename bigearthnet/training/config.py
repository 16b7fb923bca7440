"""Settings of classification training: every default with its meaning, unit and source.

Light: nothing here imports TensorFlow, so that `--help` is quick.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.training.recipes import OWN, RECIPES
from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.pixels.upsampling import BILINEAR
from common.runs.config import RunConfig, changed_default, setting

LOSSES = ("bce", "weighted", "focal", "asymmetric")
SHUFFLED, BALANCED = "shuffled", "balanced"
LOSS = "loss"
BEST_BY = (LOSS, "f1_micro", "f1_macro", "ap_macro")


@dataclass(frozen=True, kw_only=True)
class BigEarthNetConfig(RunConfig):
    """Settings of `bigearthnet/train.py`; `RunConfig` holds those of all applications."""

    data: str = setting("HDF5 file that bigearthnet/prepare.py wrote", metavar="FILE")
    recipe: str = setting(
        "settings of a published training, which other options override; reben: that of the authors of reBEN, batches of 512 "
        "in all",
        OWN,
        choices=tuple(RECIPES),
    )
    bands: str = setting(
        "bands that the network sees; rgb: three visible ones; 10m: four at 10 m; 10bands: those at 10 and 20 m; s2: all "
        "twelve of Sentinel-2; s1: two of Sentinel-1; s1_10bands and s1s2: both satellites",
        "s2",
        choices=tuple(BAND_SETS),
    )
    model: str = setting("network", "resnet50", choices=tuple(NETWORKS))
    # The older word for upsampling; command lines and the config.json of finished runs have it.
    resampling: str = setting(
        "upsampling of the coarse bands to the finest grid; stem: by learned convolutions",
        BILINEAR,
        choices=UPSAMPLINGS,
    )
    loss: str = setting(
        "bce: binary cross-entropy; for unbalanced classes, weighted: by the frequency of each class, focal, or "
        "asymmetric",
        "bce",
        choices=LOSSES,
    )
    gamma: float | None = setting(
        "exponent of the focal loss (2), or of the asymmetric loss for absent classes (4)", None
    )
    margin: float = setting("probability up to which the asymmetric loss ignores an absent class", 0.05)
    sampling: str = setting(
        "shuffled: each training patch once an epoch; balanced: patches with rare classes more often, others less often",
        SHUFFLED,
        choices=(SHUFFLED, BALANCED),
    )
    dropout: float = setting("share of the features that a training step leaves out before the last layer", 0.0)
    best_by: str = setting(
        "validation score of the weights that are kept: those of the epoch with the lowest loss, or the highest F1 or "
        "average precision",
        LOSS,
        choices=BEST_BY,
    )
    optimizer: str = changed_default("optimizer", "adamw")
    weight_decay: float = changed_default("weight_decay", 0.01)
    learning_rate: float = changed_default("learning_rate", 1e-3)
    precision: str = setting(
        "precision of everything except batch statistics and the last layer", "float32", choices=tuple(PRECISIONS)
    )
    sync_batch_norm: bool = setting("normalise batches with the statistics of all ranks", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma is not None and not 0 <= self.gamma < math.inf:
            raise SettingError(f"--gamma must be at least 0; got {self.gamma}.")
        if not 0 <= self.margin < 1:
            raise SettingError(f"--margin must be at least 0 and below 1; got {self.margin}.")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"--dropout must be at least 0 and below 1; got {self.dropout}.")
        if self.gamma is not None and self.loss not in ("focal", "asymmetric"):
            raise SettingError(f"--gamma is for the losses focal and asymmetric; got --loss {self.loss}.")

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "BigEarthNetConfig":
        """Return the configuration with these settings, those of their recipe, and defaults for the others.

        Raises:
            SettingError: as `RunConfig.from_dict`.
        """
        return super().from_dict({**RECIPES.get(settings.get("recipe", OWN), {}), **settings})
