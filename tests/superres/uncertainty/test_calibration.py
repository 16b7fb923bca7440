"""Calibrations: the stated shares of errors lie within the bounds, and expected errors rise with the score."""

import numpy as np
import pytest

from superres.uncertainty.calibration import KNOTS, LEVELS, Calibration, Curve, fit_curve, fit_curves


def draw(seed: int, pixels: int = 50_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores and errors; the size of the errors is a curved function of the score."""
    rng = np.random.default_rng(seed)
    scores = rng.gamma(2, 20, pixels).astype(np.float32)
    return scores, np.abs(rng.laplace(0, 3 + scores**0.7)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_other_pixels_lie_within_the_bounds(seed):
    curve = fit_curve(*draw(seed))
    scores, errors = draw(seed + 100)
    expected = curve.expected_error(scores)
    assert expected.dtype == np.float32
    assert expected.mean() == pytest.approx(errors.mean(), rel=0.03)
    for level, bound in zip(LEVELS, curve.bounds, strict=True):
        assert (errors <= bound * expected).mean() == pytest.approx(level, abs=0.01)
        top = scores > np.quantile(scores, 0.9)
        assert (errors <= bound * expected)[top].mean() == pytest.approx(level, abs=0.03)


def test_expected_errors_never_fall_with_the_score():
    scores, errors = draw(0)
    curve = fit_curve(scores, errors[::-1].copy())  # unrelated to the scores
    assert (np.diff(curve.expected_error(np.sort(scores))) >= 0).all()


def test_beyond_the_last_group_errors_grow_in_proportion():
    curve = Curve((1.0, 2.0, 4.0), (5.0, 6.0, 8.0), (1.0, 2.0))
    np.testing.assert_allclose(curve.expected_error(np.array([0, 1, 3, 4, 8, 40])), [5, 5, 7, 8, 16, 80])


def test_scores_and_errors_of_0_are_calibrated():
    """A network that returns its input has the score 0 everywhere."""
    scores, errors = draw(0)
    assert fit_curve(0 * scores, errors).expected_error(np.zeros(1)) == pytest.approx(errors.mean(), rel=0.1)
    assert np.isfinite(fit_curve(scores, 0 * errors).bounds).all()


def test_few_pixels_are_refused():
    with pytest.raises(ValueError, match=r"^a calibration needs at least 1000 pixels; got 999\.$"):
        fit_curve(*draw(0, 999))


def test_each_band_has_its_curve_and_the_checksum_tells_them_apart():
    scores, errors = (np.stack(both, axis=1) for both in zip(draw(0), draw(1), strict=True))
    curves = fit_curves(scores, errors * [1, 5], ("B01", "B09"))
    calibration = Calibration(60, ("a",), "gaussian", ("s",), curves)
    expected = calibration.expected_error(np.full((2, 3, 2), 40, np.float32))
    assert expected.shape == (2, 3, 2) and len(curves["B01"].scores) == KNOTS
    np.testing.assert_allclose(expected[..., 1] / expected[..., 0], 5, rtol=0.1)
    other = Calibration(60, ("a",), "gaussian", ("s",), fit_curves(scores, errors, ("B01", "B09")))
    assert calibration.checksum != other.checksum
