"""The calibration of an evaluation, and its test: `uncertainty.json` and `reliability.csv`."""

from collections.abc import Mapping

import numpy as np

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
    scores, errors = (np.concatenate(parts) for parts in zip(*samples.values(), strict=True))
    curves = fit_curves(scores, errors, BANDS_BY_GSD[gsd])
    calibration = Calibration(gsd, tuple(sorted(network.digests)), plan.settings.degradation, tuple(samples), curves)
    write_calibration(plan.folder / CALIBRATION, calibration, provenance_record())
    return rows
