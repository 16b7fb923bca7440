"""The table of expected and true errors: each pixel is tested with a calibration that has not seen it."""

import numpy as np
import pytest

from common.errors import ProductError
from common.runs.tables import read_rows, write_rows
from superres.evaluation.reliability.sampling import ErrorSample
from superres.evaluation.reliability.table import ALL_SCENES, ReliabilityRow, reliability_rows

BANDS = ("B01", "B09")


def sample(seed: int, size: float = 1.0, pixels: int = 8000) -> ErrorSample:
    """Errors in proportion to the scores, which `size` multiplies."""
    rng = np.random.default_rng(seed)
    scores = rng.gamma(2, 20, (pixels, 2)).astype(np.float32)
    return ErrorSample(scores, np.abs(size * scores * rng.normal(0, 1, scores.shape)).astype(np.float32))


def of_all_pixels(rows: list[ReliabilityRow], scene: str) -> list[ReliabilityRow]:
    return [row for row in rows if row.scene == scene and row.decile is None]


def test_scenes_that_are_alike_are_calibrated_by_each_other():
    rows = reliability_rows({"a": sample(0), "b": sample(1), "c": sample(2)}, BANDS)
    assert len(rows) == 4 * len(BANDS) * 11
    for scene in ("a", "b", "c", ALL_SCENES):
        for row in of_all_pixels(rows, scene):
            assert row.within_68 == pytest.approx(0.68, abs=0.02)
            assert row.within_95 == pytest.approx(0.95, abs=0.01)
            assert row.expected == pytest.approx(row.found, rel=0.05)
    deciles = [row for row in rows if row.scene == "a" and row.band == "B09" and row.decile]
    assert [row.decile for row in deciles] == list(range(1, 11))
    assert (np.diff([row.found for row in deciles]) > 0).all()


def test_a_scene_with_larger_errors_is_tested_with_the_calibration_of_the_others():
    rows = reliability_rows({"calm": sample(0), "rough": sample(1, size=2.0)}, BANDS)
    assert all(row.within_68 < 0.5 for row in of_all_pixels(rows, "rough"))
    assert all(row.within_68 > 0.9 for row in of_all_pixels(rows, "calm"))


def test_one_scene_is_tested_by_halves():
    upper, lower = sample(0), sample(1, size=3.0)
    scene = ErrorSample(*(np.concatenate(parts) for parts in zip(upper, lower, strict=True)))
    (row, _) = of_all_pixels(reliability_rows({"s": scene}, BANDS), "s")
    assert row.within_68 == pytest.approx((0.26 + 0.997) / 2, abs=0.02)  # of the lower and of the upper half
    assert {row.scene for row in reliability_rows({"s": upper}, BANDS)} == {"s"}


def test_too_few_pixels():
    with pytest.raises(
        ProductError, match=r"^--uncertainty: a calibration needs at least 1000 pixels; got 900\. Give more"
    ):
        reliability_rows({"s": sample(0, pixels=1800)}, BANDS)


def test_the_file(tmp_path):
    rows = reliability_rows({"a": sample(0), "b": sample(1)}, BANDS)
    write_rows(tmp_path / "reliability.csv", rows, ReliabilityRow._fields)
    assert read_rows(tmp_path / "reliability.csv", ReliabilityRow) == rows
