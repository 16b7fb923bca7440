"""The classification networks by name, and how bands come to one grid.

Light: nothing here imports Keras, so that options and settings can name the networks. `bigearthnet/networks/build.py`
builds them.
"""

from collections.abc import Callable
from typing import Any

from common.pixels.upsampling import BICUBIC, BILINEAR

STEM = "stem"
UPSAMPLINGS = (BILINEAR, BICUBIC, STEM)

# Name -> body: image (B, H, W, bands) -> features (B, F). A function, or its "module:name", which is imported when the
# network is built.
NETWORKS: dict[str, Callable[..., Any] | str] = {
    "small": "bigearthnet.networks.residual:small",
    "resnet18": "bigearthnet.networks.residual:resnet18",
    "resnet50": "bigearthnet.networks.applications:resnet50",
    "efficientnetv2b0": "bigearthnet.networks.applications:efficientnetv2b0",
    "convnexttiny": "bigearthnet.networks.applications:convnexttiny",
}
