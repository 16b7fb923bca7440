"""The command-line options that name trained networks, as a record. This module does not import Keras."""

from dataclasses import dataclass

from superres.networks.catalogue import DEFAULT_UPSAMPLING
from superres.networks.published import PUBLISHED_NETWORK


@dataclass(frozen=True)
class WeightsOptions:
    """The options that name trained networks.

    Attributes:
        sources: run folders, files of weights, or names of published weights.
        network_name: network of plain files of weights; run folders and published weights state theirs.
        upsample: upsampling of plain files of weights; run folders and published weights state theirs.
    """

    sources: tuple[str, ...]
    network_name: str = PUBLISHED_NETWORK
    upsample: str = DEFAULT_UPSAMPLING
