"""Intervals of a difference between two methods, from few seeds and a sample of test units (scenes, patches). No I/O.

The difference d is a mean over seeds and units. Its variance has two parts, estimated one by one:

    v1 = var of the S means over units / S        seeds: initial weights, order of patches
    v2 = var of the U means over seeds / U        test units; or the variance of bootstrap resamples of the units

    interval = d +- h,    h^2 = t(S - 1)^2 v1 + t(U - 1)^2 v2

with the 1 - a / (2 k) quantiles of Student's t, a = 0.05, for each of k comparisons (Bonferroni). Where differences are
about normal, the interval holds the true difference in at least 95 of 100 repeats, for any ratio of the two variances
(Banerjee 1961, Sankhya A 23, 359-378). A percentile bootstrap over three seeds holds it in far fewer, and Satterthwaite's
degrees of freedom in 88 of 100 at worst (two seeds, 15 units). v1 + v2 is not too small on average where seeds and units cross
(Owen 2007, doi:10.1214/07-AOAS122).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import nctdtrinc, stdtridf, stdtrit

ERROR_RATE = 0.05  # a: differences seen where there is none
MISS_RATE = 0.05  # of a difference of `Interval.detectable`
FEWEST_UNITS = 3  # fewer units are no sample of all units: the interval is about these units only


class Interval(NamedTuple):
    """A difference and how sure it is, in the unit of the metric.

    Attributes:
        difference: mean over seeds and units.
        half_width: h above; differences below it are not told from 0.
        spread: standard deviation (n - 1) over seeds.
        detectable: a true difference of this size is found in 19 of 20 repeats.
        seeds, units: their numbers.
        beyond_units: whether the interval is about further units, too.
    """

    difference: float
    half_width: float
    spread: float
    detectable: float
    seeds: int
    units: int
    beyond_units: bool

    @property
    def low(self) -> float:
        """Lower end."""
        return self.difference - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.difference + self.half_width

    @property
    def is_seen(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.difference) > self.half_width


def interval_over_units(differences: np.ndarray, comparisons: int = 1) -> Interval:
    """Return the interval of a metric that is a mean over units.

    Args:
        differences: (seeds, units), paired: each of one seed and one unit; at least two seeds.
        comparisons: k above.

    Raises:
        ValueError: there is one seed, no unit, or a value is not finite.
    """
    require_finite(differences, 2)
    by_seed, by_unit = differences.mean(axis=1), differences.mean(axis=0)
    unit_variance = by_unit.var(ddof=1) / len(by_unit) if len(by_unit) >= FEWEST_UNITS else None
    return build_interval(by_seed, unit_variance, len(by_unit), comparisons)


def interval_with_resamples(
    differences: np.ndarray, resampled: np.ndarray, units: int, comparisons: int = 1
) -> Interval:
    """Return the interval of a metric that is no mean over units, such as average precision.

    Args:
        differences: (seeds,), paired, from all units; at least two seeds.
        resampled: (seeds, resamples), the same differences from resamples of the units, as `unit_resamples` draws them:
            the same resample for both methods and all seeds.
        units: number of units.
        comparisons: k above.

    Raises:
        ValueError: there is one seed, fewer than two resamples, or a value is not finite.
    """
    require_finite(differences[:, None], 2)
    require_finite(resampled.T, 2)
    unit_variance = resampled.mean(axis=0).var(ddof=1) if units >= FEWEST_UNITS else None
    return build_interval(differences, unit_variance, units, comparisons)


def unit_resamples(units: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw resamples of test units with replacement (Efron 1979): (resamples, units) int, indices of units."""
    return rng.integers(units, size=(resamples, units))


def build_interval(by_seed: np.ndarray, unit_variance: float | None, units: int, comparisons: int) -> Interval:
    """Return the interval from differences of each seed, (seeds,), and v2; None leaves out v2."""
    seeds, quantile = len(by_seed), 1 - ERROR_RATE / (2 * comparisons)
    spread = float(by_seed.std(ddof=1))
    variances, freedom = [spread**2 / seeds], [seeds - 1]
    if unit_variance is not None:
        variances, freedom = [*variances, float(unit_variance)], [*freedom, units - 1]
    half_width = np.sqrt(sum(stdtrit(df, quantile) ** 2 * part for df, part in zip(freedom, variances, strict=True)))
    detectable = smallest_found(float(half_width), float(np.sqrt(sum(variances))), quantile)
    return Interval(
        float(by_seed.mean()), float(half_width), spread, detectable, seeds, units, unit_variance is not None
    )


def smallest_found(half_width: float, error: float, quantile: float) -> float:
    """Return the true difference that is found in 1 - MISS_RATE of all repeats, from the noncentral t distribution.

    Args:
        half_width: of the interval.
        error: standard error of the difference.
        quantile: of Student's t in the interval.
    """
    if not error:
        return half_width
    threshold = half_width / error
    freedom = stdtridf(quantile, threshold)  # of the t distribution with this one threshold
    return error * float(nctdtrinc(freedom, MISS_RATE, threshold))


def require_finite(values: np.ndarray, fewest_seeds: int) -> None:
    """Raise ValueError unless all values are finite and there are enough seeds and a unit: (seeds, units)."""
    if values.ndim != 2 or len(values) < fewest_seeds or not values.shape[1]:
        raise ValueError(
            f"a spread needs {fewest_seeds} seeds or more, and a unit; got an array of shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError("a difference is not a finite number.")


def repeats_needed(seeds: Sequence[int], comparisons: int = 1) -> dict[int, float]:
    """Return number of seeds -> difference that is found in 19 of 20 repeats, in standard deviations over seeds."""
    quantile = 1 - ERROR_RATE / (2 * comparisons)
    return {
        count: smallest_found(float(stdtrit(count - 1, quantile)) * count**-0.5, count**-0.5, quantile)
        for count in seeds
    }
