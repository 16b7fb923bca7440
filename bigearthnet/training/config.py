"""Settings of classification training: every default with its meaning, unit and source."""

import math
from dataclasses import dataclass

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.networks.catalogue import NETWORKS, UPSAMPLINGS
from bigearthnet.training.losses import LOSSES
from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.runs.config import RunConfig, setting

OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True, kw_only=True)
class BigEarthNetConfig(RunConfig):
    """What `bigearthnet/train.py` needs to know; see `common/runs/folder.py` for the settings of every application."""

    data: str = setting("HDF5 file that bigearthnet/prepare.py wrote", metavar="FILE")
    bands: str = setting(
        "which bands the network sees: three visible ones; four at 10 m; twelve of Sentinel-2; the "
        "two of Sentinel-1; or all of both",
        "s2",
        choices=tuple(BAND_SETS),
    )
    model: str = setting("network", "resnet50", choices=tuple(NETWORKS))
    resampling: str = setting(
        "how bands of all GSDs come to one grid; stem: by learned convolutions", "bilinear", choices=UPSAMPLINGS
    )
    loss: str = setting(
        "binary cross-entropy; or against unbalanced classes: weighted by frequency, focal, asymmetric",
        "bce",
        choices=LOSSES,
    )
    gamma: float | None = setting("exponent of the loss focal (2), or for absent classes of asymmetric (4)", None)
    margin: float = setting("probability below which the asymmetric loss takes a class for absent", 0.05)
    optimizer: str = setting("AdamW, or SGD with Nesterov momentum", "adamw", choices=OPTIMIZERS)
    momentum: float = setting("of SGD", 0.9)
    weight_decay: float = setting("of AdamW and SGD, times the learning rate, a step; of kernels only", 0.01)
    learning_rate: float = setting("for one rank; multiplied by the number of ranks", 1e-3)
    precision: str = setting("of all but batch statistics and the last layer", "float32", choices=tuple(PRECISIONS))
    sync_batch_norm: bool = setting("normalise batches with the statistics of all ranks", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma is not None and not 0 <= self.gamma < math.inf:
            raise SettingError(f"--gamma must be at least 0; got {self.gamma}.")
        if not 0 <= self.margin < 1:
            raise SettingError(f"--margin must be at least 0 and below 1; got {self.margin}.")
        if not 0 <= self.momentum < 1:
            raise SettingError(f"--momentum must be at least 0 and below 1; got {self.momentum}.")
        if not 0 <= self.weight_decay < math.inf:
            raise SettingError(f"--weight-decay must be at least 0; got {self.weight_decay}.")
        if self.gamma is not None and self.loss not in ("focal", "asymmetric"):
            raise SettingError(f"--gamma is for the losses focal and asymmetric; got --loss {self.loss}.")
