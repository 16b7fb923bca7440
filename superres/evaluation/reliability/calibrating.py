"""Samples of errors -> a calibration; that of an evaluation, with its test: `uncertainty.json` and `reliability.csv`."""

from collections.abc import Mapping, Sequence

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.runs.provenance import provenance_record
from common.runs.tables import write_rows
from superres.evaluation.output import RELIABILITY
from superres.evaluation.plan import EvaluationPlan
from superres.evaluation.reliability.sampling import ErrorSample
from superres.evaluation.reliability.table import ReliabilityRow, reliability_rows
from superres.uncertainty.calibration import Calibration, fit_curves
from superres.uncertainty.file import CALIBRATION, write_calibration


def write_reliability(plan: EvaluationPlan, samples: Mapping[str, ErrorSample]) -> list[ReliabilityRow]:
    """Calibrate the network of a plan on all scenes, test this on held-out pixels, and write both; return the test.

    Args:
        plan: of the evaluation, with a network to calibrate.
        samples: scene -> pixels of it.

    Raises:
        ProductError: there are too few pixels.
        OutputError: a file cannot be written.
    """
    gsd = plan.settings.gsd
    rows = reliability_rows(samples, BANDS_BY_GSD[gsd])
    write_rows(plan.folder / RELIABILITY, rows, ReliabilityRow._fields)
    _, network = plan.calibrated
    calibration = calibrate(plan.settings, network.digests, tuple(samples), list(samples.values()))
    write_calibration(plan.folder / CALIBRATION, calibration, provenance_record())
    return rows


def calibrate(
    settings: PatchSettings, digests: Sequence[str], scenes: Sequence[str], samples: Sequence[ErrorSample]
) -> Calibration:
    """Return the calibration on some samples.

    Args:
        settings: GSD and degradation.
        digests: SHA-256 of the weights of each member.
        scenes: names of the scenes of the samples.
        samples: at least one.

    Raises:
        ValueError: there are too few pixels.
    """
    scores, errors = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    curves = fit_curves(scores, errors, BANDS_BY_GSD[settings.gsd])
    return Calibration(settings.gsd, tuple(sorted(digests)), settings.degradation, tuple(scenes), curves)
