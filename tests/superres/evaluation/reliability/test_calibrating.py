"""The files of a calibration: what superres-predict reads, and the table of its test."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_60M
from superres.evaluation.reliability.calibrating import write_reliability
from superres.evaluation.reliability.sampling import ErrorSample
from superres.uncertainty.calibration import fit_curves
from superres.uncertainty.file import read_calibration


def test_all_scenes_are_in_the_calibration(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores, errors = rng.gamma(2, 20, (2, 4000, 2)).astype(np.float32)
    samples = {
        name: ErrorSample(scores[part], errors[part]) for name, part in (("a", slice(1500)), ("b", slice(1500, None)))
    }
    network = SimpleNamespace(digests=("y", "x"))
    plan = SimpleNamespace(
        settings=PatchSettings(60, 1, "mtf"), folder=tmp_path, calibrated=("mean of 2 dsen2", network)
    )
    assert {row.scene for row in write_reliability(plan, samples)} == {"a", "b", "all scenes"}
    calibration = read_calibration(tmp_path)
    assert (calibration.gsd, calibration.weights, calibration.degradation) == (60, ("x", "y"), "mtf")
    assert calibration.scenes == ("a", "b")
    assert calibration.curves == fit_curves(scores, errors, BANDS_60M)
    assert (tmp_path / "reliability.csv").exists()
