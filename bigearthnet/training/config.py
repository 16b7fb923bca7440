"""Settings of classification training: every default with its meaning, unit and source.

Light: nothing here imports TensorFlow, so that `--help` is quick.
"""

import math
from dataclasses import dataclass

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.pixels.upsampling import BILINEAR
from common.runs.config import RunConfig, changed_default, setting

LOSSES = ("bce", "weighted", "focal", "asymmetric")


@dataclass(frozen=True, kw_only=True)
class BigEarthNetConfig(RunConfig):
    """Settings of `bigearthnet/train.py`; `RunConfig` holds those of all applications."""

    data: str = setting("HDF5 file that bigearthnet/prepare.py wrote", metavar="FILE")
    bands: str = setting(
        "bands that the network sees; rgb: three visible ones; 10m: four at 10 m; s2: twelve of Sentinel-2; s1: two of "
        "Sentinel-1; s1s2: all of both",
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
        if self.gamma is not None and self.loss not in ("focal", "asymmetric"):
            raise SettingError(f"--gamma is for the losses focal and asymmetric; got --loss {self.loss}.")
