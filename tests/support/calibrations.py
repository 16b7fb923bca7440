"""Made calibrations of expected errors."""

from collections.abc import Sequence
from pathlib import Path

from common.pixels.sentinel2 import BANDS_BY_GSD
from superres.uncertainty.calibration import KNOTS, Calibration, Curve
from superres.uncertainty.file import write_calibration


def made_calibration(gsd: int, digests: Sequence[str]) -> Calibration:
    """Return a calibration of weights with these checksums: the expected error is half the score, plus 1."""
    scores = tuple(10.0 * (number + 1) for number in range(KNOTS))
    curve = Curve(scores, tuple(1 + score / 2 for score in scores), (1.25, 2.5))
    return Calibration(
        gsd, tuple(sorted(digests)), "gaussian", ("made scene",), dict.fromkeys(BANDS_BY_GSD[gsd], curve)
    )


def write_made(path: Path, gsd: int, digests: Sequence[str]) -> Path:
    """Write such a calibration and return its path."""
    write_calibration(path, made_calibration(gsd, digests), {"command": ["made"]})
    return path
