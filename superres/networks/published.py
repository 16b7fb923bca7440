"""The published DSen2 weights by name, and where they come from. `superres/networks/weights.py` loads them."""

import logging
from pathlib import Path
from typing import NamedTuple

from common.files.downloads import DSEN2_WEIGHTS, cache_folder, fetch_member

logger = logging.getLogger(__name__)

PUBLISHED_NETWORK = "dsen2"
LICENCE = "GPL-3 (remote-sensing-processor 0.1; trained by the authors of DSen2, Lanaras et al. 2018)"
IN_WHEEL = "remote_sensing_processor/sentinel2/superres/weights"


class Published(NamedTuple):
    """Weights that can be given by name.

    Attributes:
        gsd: 20 or 60 m.
        level: of the products that they were trained on.
        member: file inside the wheel.
        sha256: of that file.
    """

    gsd: int
    level: str
    member: str
    sha256: str


# The wheel's file for 20 m and L2A is the one for L1C, byte by byte: there are none for L2A.
PUBLISHED = {
    "dsen2-l1c-20m": Published(
        20,
        "L1C",
        "l1c_dsen2_20m_s2_038_lr_1e-04.hdf5",
        "171592416b7d4bd8deee611aa9d07f693b5267e8bb101a8990d48416998ab5d7",
    ),
    "dsen2-l1c-60m": Published(
        60,
        "L1C",
        "l1c_dsen2_60m_s2_038_lr_1e-04.hdf5",
        "21cd7ad53d07379412ef134909b59f489b1ac0a2932e3cebb54fb864dd52f37c",
    ),
    "dsen2-l2a-60m": Published(
        60,
        "L2A",
        "l2a_dsen2_60m_s2_038_lr_1e-04.hdf5",
        "bea06224f2865897a8ac6fbae7763852342459043c572c018c876a65a7fe3c58",
    ),
}


def fetch_published(name: str) -> Path:
    """The file of published weights in the cache; their licence is told when they are fetched."""
    published = PUBLISHED[name]
    path = cache_folder() / "weights" / f"{name}.hdf5"
    if not path.exists():
        logger.warning("the weights %s come under %s", name, LICENCE)  # whatever --log-level is
    return fetch_member(DSEN2_WEIGHTS, f"{IN_WHEEL}/{published.member}", published.sha256, path)
