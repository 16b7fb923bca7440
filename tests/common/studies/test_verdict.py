"""Verdicts: on made data the right answer in 19 of 20 repeats, and sentences that say it."""

import csv

import numpy as np
import pytest

from common.metrics.descriptions import DESCRIPTIONS
from common.studies.intervals import Interval
from common.studies.scores import Score
from common.studies.verdict import (
    BETTER,
    NOT_SEEN,
    WORSE,
    Verdict,
    judge,
    judge_scores,
    rule,
    sentence,
    verdict_list,
    write_verdicts,
)

REPEATS = 200
SCENES = [f"scene {number}" for number in range(6)]


def made_study(rng: np.random.Generator, effects: dict[str, float]) -> list[Score]:
    """Return errors of three seeds on six scenes: an effect of the variant, of the scene, of the run, and noise."""
    of_scene = rng.normal(0, 20, len(SCENES))
    scores = []
    for label, effect in effects.items():
        for seed in range(3):
            of_run = rng.normal(0, 0.5)
            values = 50 + effect + of_scene + of_run + rng.normal(0, 0.5, len(SCENES))
            scores += [
                Score(label, seed, scene, "rmse", float(value)) for scene, value in zip(SCENES, values, strict=True)
            ]
    return scores


@pytest.mark.parametrize("effect, expected", [(-12, BETTER), (12, WORSE), (0, NOT_SEEN)])
def test_a_planted_effect_is_found_and_a_null_one_is_not(effect: float, expected: str) -> None:
    """Scenes differ by 20 DN, which pairs take out; the wrong answers of both variants count together."""
    rng = np.random.default_rng(abs(effect))
    right = 0
    for _ in range(REPEATS):
        verdicts = judge_scores(made_study(rng, {"plain": 0, "new": effect, "other": effect}), "plain", ["rmse"])
        right += [verdict.answer for verdict in verdicts] == [expected] * 2
    assert right / REPEATS >= 0.95


def test_each_metric_has_its_direction() -> None:
    less = Interval(-3.0, 1.0, 0.5, 2.0, 3, 6, True)
    more = less._replace(difference=3.0)
    for metric, description in DESCRIPTIONS.items():
        if description.lower_is_better is None:
            with pytest.raises(ValueError, match=f"neither direction of {metric} is better"):
                judge("a", "b", metric, less)
            continue
        assert judge("a", "b", metric, less).answer == (BETTER if description.lower_is_better else WORSE)
        assert judge("a", "b", metric, more).answer == (WORSE if description.lower_is_better else BETTER)


def test_sentences_say_size_interval_and_what_would_not_have_been_seen() -> None:
    interval = Interval(-3.0, 1.0, 0.5, 2.0, 3, 6, True)
    seen = judge("a", "b", "rmse", interval)
    assert sentence(seen) == "a is better than b in RMSE by 3 DN (2 to 4 DN), 6.0 times the spread over seeds."
    none = judge("a", "b", "uiq", interval._replace(difference=0.25, units=1, beyond_units=False))
    assert sentence(none, "patch") == (
        "a and b: no difference in UIQ seen, on the one tested patch only (-0.75 to +1.25); one of less than 1 would not "
        "have been seen, one of 2 is found in 19 of 20 repeats."
    )
    assert verdict_list([seen, none]).splitlines() == [f"- {sentence(seen)}", f"- {sentence(none)}"]
    worse = judge("a", "b", "sre", interval._replace(units=2, beyond_units=False, spread=0.0))
    assert sentence(worse) == "a is worse than b in SRE by 3 dB (2 to 4 dB), on the 2 tested scenes only."
    assert "fewer than three patches" in rule("patch") and "same patch" in rule("patch")


def test_verdicts_are_written_with_all_numbers(tmp_path) -> None:
    verdict = judge("a", "b", "rmse", Interval(-3.0, 1.0, 0.5, 2.0, 3, 6, True))
    write_verdicts(tmp_path / "verdicts.csv", [verdict])
    with open(tmp_path / "verdicts.csv") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == list(Verdict._fields)
    assert (row["answer"], float(row["low"]), float(row["high"]), float(row["detectable"])) == (BETTER, -4, -2, 2)


def test_one_seed_has_no_verdict() -> None:
    scores = [Score(label, 0, "scene", "rmse", 1.0) for label in "ab"]
    with pytest.raises(ValueError, match="a spread needs 2 seeds or more"):
        judge_scores(scores, "a", ["rmse"])
