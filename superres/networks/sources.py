"""The trained networks that a command asks for. Light: imports no Keras."""

from dataclasses import dataclass

from superres.networks.catalogue import DEFAULT_UPSAMPLING
from superres.networks.published import PUBLISHED_NETWORK


@dataclass(frozen=True)
class WeightsOptions:
    """The options that name trained networks.

    Attributes:
        sources: run folders, files of weights, or names of published weights.
        network_name, upsample: of files of weights; run folders and published weights know theirs.
    """

    sources: tuple[str, ...]
    network_name: str = PUBLISHED_NETWORK
    upsample: str = DEFAULT_UPSAMPLING
