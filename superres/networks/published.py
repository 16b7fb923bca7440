"""The published DSen2 weights by name, and their origin. `superres/networks/weights.py` loads them.

This module does not import Keras.
"""

import logging
from pathlib import Path
from typing import NamedTuple

from common.files.downloads import DSEN2_WEIGHTS, cache_folder, fetch_member

logger = logging.getLogger(__name__)

PUBLISHED_NETWORK = "dsen2"
LICENCE = "GPL-3 (remote-sensing-processor 0.1; trained by the authors of DSen2, Lanaras et al. 2018)"
IN_WHEEL = "remote_sensing_processor/sentinel2/superres/weights"


class Published(NamedTuple):
    """Weights that a command accepts by name.

    Attributes:
        gsd: native GSD in metres of the bands that they sharpen, 20 or 60.
        level: level of the products that they were trained on, `L1C` or `L2A`.
        member: name of the file inside the wheel.
        sha256: checksum of that file.
    """

    gsd: int
    level: str
    member: str
    sha256: str


# No weights are listed for 20 m and L2A: the wheel's file for them equals the file for L1C.
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
    """Return the cached file of published weights. If it is missing, fetch it and log its licence.

    Args:
        name: a key of PUBLISHED.

    Raises:
        DownloadError: the weights cannot be fetched.
    """
    published = PUBLISHED[name]
    path = cache_folder() / "weights" / f"{name}.hdf5"
    if not path.exists():
        logger.warning(
            "the weights %s are licensed under %s", name, LICENCE
        )  # a warning: --log-level WARNING shows it too
    return fetch_member(DSEN2_WEIGHTS, f"{IN_WHEEL}/{published.member}", published.sha256, path)
