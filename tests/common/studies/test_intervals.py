"""Intervals of differences: how often they are wrong on made data, whatever the two sources of spread are."""

import numpy as np
import pytest
from scipy import stats

from common.studies import intervals
from common.studies.intervals import (
    ERROR_RATE,
    interval_over_units,
    interval_with_resamples,
    repeats_needed,
    smallest_found,
    unit_resamples,
)

REPEATS = 1000
TOLERANCE = 0.02  # three standard errors of a rate of 0.05 in so many repeats
SPREADS = [(1, 0.01, 0.01), (0.01, 1, 0.01), (0.01, 0.01, 1), (1, 1, 0.3)]  # over seeds, over units, of each pair


def made_differences(rng: np.random.Generator, seeds: int, units: int, spreads: tuple[float, ...]) -> np.ndarray:
    """Return differences (seeds, units) around 0 whose seeds, units and pairs have these standard deviations."""
    of_seed, of_unit, of_pair = spreads
    return (
        of_seed * rng.standard_normal((seeds, 1))
        + of_unit * rng.standard_normal((1, units))
        + of_pair * rng.standard_normal((seeds, units))
    )


def true_detectable(seeds: int, units: int, spreads: tuple[float, ...], comparisons: int) -> float:
    """Return the difference that is found in 19 of 20 repeats, from the true spreads."""
    of_seed, of_unit, of_pair = (spread**2 for spread in spreads)
    parts = {seeds - 1: of_seed / seeds + of_pair / seeds / units}
    parts[units - 1] = parts.get(units - 1, 0) + of_unit / units + of_pair / seeds / units
    quantile = 1 - ERROR_RATE / (2 * comparisons)
    half_width = sum(stats.t.ppf(quantile, df) ** 2 * part for df, part in parts.items()) ** 0.5
    return smallest_found(half_width, sum(parts.values()) ** 0.5, quantile)


@pytest.mark.parametrize(
    "seeds, units, comparisons, spreads",
    [
        *((3, 8, 1, spreads) for spreads in SPREADS),
        (5, 3, 1, SPREADS[3]),
        (2, 8, 2, SPREADS[0]),
        (2, 15, 1, (1, 0.3, 0.3)),  # where Satterthwaite's rule is wrong most often
        (3, 200, 5, SPREADS[3]),
    ],
)
def test_no_difference_is_seen_where_there_is_none_and_a_planted_one_is_found(
    seeds: int, units: int, comparisons: int, spreads: tuple[float, ...]
) -> None:
    """At most 1 of 20 is wrong where there is none; at least 19 of 20 find one of the stated size."""
    rng = np.random.default_rng(seeds * units)
    planted = true_detectable(seeds, units, spreads, comparisons)
    seen = found = 0
    for _ in range(REPEATS):
        differences = made_differences(rng, seeds, units, spreads)
        seen += interval_over_units(differences, comparisons).is_seen
        interval = interval_over_units(differences - planted, comparisons)
        found += interval.is_seen and interval.difference < 0
    assert seen / REPEATS <= ERROR_RATE / comparisons + TOLERANCE
    assert found / REPEATS >= 1 - ERROR_RATE - TOLERANCE


def test_the_stated_detectable_difference_is_about_the_true_one() -> None:
    """Its root mean square over repeats is the size that is found in 19 of 20."""
    rng = np.random.default_rng(0)
    stated = [interval_over_units(made_differences(rng, 5, 5, (1, 1, 0))).detectable for _ in range(400)]
    assert np.sqrt(np.mean(np.square(stated))) == pytest.approx(true_detectable(5, 5, (1, 1, 0), 1), rel=0.1)


def test_one_source_of_spread_gives_student_s_interval() -> None:
    """The interval of scipy's t test of one sample; fewer than three units are taken as they are."""
    rng = np.random.default_rng(1)
    by_seed = rng.normal(1, 1, 4)
    low, high = stats.ttest_1samp(by_seed, 0).confidence_interval(0.95)
    for units in (1, 2):
        interval = interval_over_units(np.repeat(by_seed[:, None], units, axis=1))
        assert (interval.low, interval.high) == pytest.approx((low, high))
        assert not interval.beyond_units
    by_unit = rng.normal(1, 1, 6)
    interval = interval_over_units(np.repeat(by_unit[None], 3, axis=0))
    assert (interval.low, interval.high) == pytest.approx(stats.ttest_1samp(by_unit, 0).confidence_interval(0.95))
    assert (interval.beyond_units, interval.seeds, interval.units, interval.spread) == (True, 3, 6, 0)


def test_resampled_means_give_the_interval_of_the_units() -> None:
    rng = np.random.default_rng(2)
    differences = made_differences(rng, 3, 400, (0.05, 1, 0.1))
    resamples = unit_resamples(400, 1000, rng)
    resampled = np.stack([of_seed[resamples].mean(axis=1) for of_seed in differences])
    from_units = interval_over_units(differences)
    interval = interval_with_resamples(differences.mean(axis=1), resampled, 400)
    assert interval.difference == pytest.approx(from_units.difference)
    assert interval.half_width == pytest.approx(from_units.half_width, rel=0.1)
    assert interval.spread == pytest.approx(from_units.spread)


def test_more_comparisons_make_the_interval_wider() -> None:
    differences = made_differences(np.random.default_rng(3), 3, 5, (1, 1, 1))
    widths = [interval_over_units(differences, comparisons).half_width for comparisons in (1, 2, 5)]
    assert widths[0] < widths[1] < widths[2]


def test_a_difference_without_any_spread_is_seen() -> None:
    interval = interval_over_units(np.full((3, 4), -2.0))
    assert interval.is_seen
    assert (interval.low, interval.high, interval.detectable) == (-2, -2, 0)
    assert not interval_over_units(np.zeros((3, 4))).is_seen


def test_the_page_s_numbers_of_seeds() -> None:
    """Standard deviations that three and five seeds find, from the power of scipy's noncentral t distribution."""
    for seeds, size in repeats_needed((3, 5)).items():
        threshold = stats.t.ppf(0.975, seeds - 1)
        assert stats.nct.sf(threshold, seeds - 1, size * seeds**0.5) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize("differences", [np.ones((1, 5)), np.ones((3, 0)), np.array([[1, 2], [np.nan, 1]])])
def test_bad_input(differences: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a spread needs 2 seeds|not a finite number"):
        interval_over_units(differences)
    assert intervals.FEWEST_UNITS == 3
