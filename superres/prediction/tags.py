"""The tags of a result: how it was made, and of which product."""

import shlex
import sys

from common.runs import cli
from common.runs.provenance import code_revision, utc_now
from common.scenes.scene import Scene
from superres.networks.trained import TrainedNetwork


def prediction_tags(networks: dict[int, TrainedNetwork], precision: str, consistent: bool) -> dict[str, str]:
    """Return the tags that say how a result was made; the same for all scenes."""
    tags = {
        "code_revision": code_revision(),
        "command": shlex.join(sys.argv),
        "precision": precision,
        "TIFFTAG_SOFTWARE": f"jeoparda {cli.package_version()}",
    }
    if consistent:
        tags["consistent"] = "yes"
    for gsd, trained in networks.items():
        tags |= {
            f"network_{gsd}m": trained.network_name,
            f"upsample_{gsd}m": trained.upsample,
            f"weights_{gsd}m": trained.source,
            f"weights_{gsd}m_sha256": trained.sha256,
        }
    return tags


def scene_tags(scene: Scene) -> dict[str, str]:
    """Return the tags that name the product of a result, and the time."""
    return {
        "source_product": scene.name,
        "level": scene.level,
        "processing_baseline": scene.baseline,
        "sensing_time": scene.sensing_time,
        "satellite": scene.satellite,
        "created_utc": utc_now(),
    }
