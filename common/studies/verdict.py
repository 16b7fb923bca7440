"""Verdicts: sentences that follow from numbers by one rule, `verdicts.csv` and Markdown.

The rule: A is better or worse than the reference if the interval of `common/studies/intervals.py` leaves out 0.
Otherwise no difference was seen, and the sentence says how large one had to be.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.metrics.descriptions import DESCRIPTIONS
from common.runs.tables import write_rows
from common.studies.intervals import Interval, interval_over_units
from common.studies.scores import Score, labels_of, paired_differences

BETTER, WORSE, NOT_SEEN = "better", "worse", "no difference seen"
RULE = (
    "A difference is the mean over seeds and {units}s of paired differences: same seed, same {unit}. Its interval is "
    "d ± h with h² = t²(S-1) v₁ + t²(U-1) v₂; v₁ is the variance over S seeds, v₂ that over U {units}s, each of the mean. "
    "The level is 95 % for all comparisons of a metric together (Bonferroni). It is called better or worse if the "
    "interval leaves out 0; with fewer than three {units}s, v₂ is left out and the verdict is about these {units}s only."
)


class Verdict(NamedTuple):
    """One line of `verdicts.csv`. Numbers are in the unit of the metric. For a column `test` see `Score`.

    Attributes:
        label: the method or variant.
        reference: what it is compared with.
        metric: a key of `common.metrics.descriptions.DESCRIPTIONS`.
        answer: BETTER, WORSE or NOT_SEEN.
        difference: of label minus reference.
        low, high: ends of its interval.
        spread: standard deviation of the difference over seeds.
        detectable: a true difference of this size is found in 19 of 20 repeats.
        seeds, units: number of seeds and of test units.
        beyond_units: whether the verdict is about further units, too, and not only about those tested.
    """

    label: str
    reference: str
    metric: str
    answer: str
    difference: float
    low: float
    high: float
    spread: float
    detectable: float
    seeds: int
    units: int
    beyond_units: bool


def judge(label: str, reference: str, metric: str, interval: Interval) -> Verdict:
    """Return the verdict that follows from the interval of label minus reference.

    Raises:
        ValueError: neither direction of the metric is better.
    """
    lower_is_better = DESCRIPTIONS[metric].lower_is_better
    if lower_is_better is None:
        raise ValueError(f"neither direction of {metric} is better.")
    if not interval.is_seen:
        answer = NOT_SEEN
    else:
        answer = BETTER if (interval.difference < 0) == lower_is_better else WORSE
    return Verdict(
        label,
        reference,
        metric,
        answer,
        interval.difference,
        interval.low,
        interval.high,
        interval.spread,
        interval.detectable,
        interval.seeds,
        interval.units,
        interval.beyond_units,
    )


def judge_scores(scores: Sequence[Score], reference: str, metrics: Sequence[str]) -> list[Verdict]:
    """Compare each label with the reference by each metric that is a mean over units.

    Args:
        scores: of all labels. Labels without seeds are compared if the reference has seeds.
        reference: a label.
        metrics: the metrics, the main one first.

    Raises:
        SettingError: as `paired_differences`.
        ValueError: there is only one seed.
    """
    others = [label for label in labels_of(scores) if label != reference]
    return [
        judge(
            label,
            reference,
            metric,
            interval_over_units(paired_differences(scores, label, reference, metric), len(others)),
        )
        for metric in metrics
        for label in others
    ]


def sentence(verdict: Verdict, unit: str = "scene") -> str:
    """Return the verdict in words.

    Args:
        verdict: the verdict.
        unit: name of one test unit, such as `scene` or `patch`.
    """
    metric = DESCRIPTIONS[verdict.metric]
    measure = f" {metric.unit}" if metric.unit in ("DN", "dB", "deg", "px") else ""
    size = abs(verdict.difference)
    half_width = (verdict.high - verdict.low) / 2
    scope = "" if verdict.beyond_units else f", on the {tested_units(verdict.units, unit)} only"
    if verdict.answer == NOT_SEEN:
        return (
            f"{verdict.label} and {verdict.reference}: no difference in {metric.title} seen{scope} "
            f"({signed(verdict.low)} to {signed(verdict.high)}{measure}); one of less than {short(half_width)}{measure} "
            f"would not have been seen, one of {short(verdict.detectable)}{measure} is found in 19 of 20 repeats."
        )
    against = f", {size / verdict.spread:.1f} times the spread over seeds" if verdict.spread else ""
    return (
        f"{verdict.label} is {verdict.answer} than {verdict.reference} in {metric.title} by {short(size)}{measure} "
        f"({short(size - half_width)} to {short(size + half_width)}{measure}){against}{scope}."
    )


def tested_units(number: int, unit: str) -> str:
    """Return a number of test units in words: `one tested scene`, `2 tested scenes`, `3 tested patches`."""
    return f"one tested {unit}" if number == 1 else f"{number} tested {plural(unit)}"


def plural(unit: str) -> str:
    """Return the plural of the name of a test unit."""
    return unit + ("es" if unit.endswith("ch") else "s")


def short(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def signed(value: float) -> str:
    """Return a number with three digits and its sign."""
    return ("+" if value > 0 else "") + short(value)


def rule(unit: str = "scene") -> str:
    """Return the rule of all verdicts in words."""
    return RULE.replace("{units}s", plural(unit)).format(unit=unit)


def verdict_list(verdicts: Sequence[Verdict], unit: str = "scene") -> str:
    """Return all verdicts as a Markdown list."""
    return "\n".join(f"- {sentence(verdict, unit)}" for verdict in verdicts)


def write_verdicts(path: Path, verdicts: Sequence[Verdict]) -> None:
    """Write `verdicts.csv`, a column for each field of Verdict.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, verdicts, Verdict._fields)
