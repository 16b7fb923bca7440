"""Scores of runs: their table, and differences of equal seeds and units."""

import numpy as np
import pytest

from common.errors import SettingError
from common.studies.scores import Score, paired_differences, read_scores, seed_means, write_scores

SCORES = [
    *(
        Score(label, seed, unit, "rmse", value + 10 * seed + (unit == "far"))
        for label, value in (("a", 40.0), ("b", 50.0))
        for seed in (0, 1)
        for unit in ("near", "far")
    ),
    *(Score("bicubic", None, unit, "rmse", 90.0) for unit in ("near", "far")),
]


def test_scores_survive_a_file(tmp_path) -> None:
    write_scores(tmp_path / "scores.csv", SCORES)
    assert read_scores(tmp_path / "scores.csv") == SCORES


def test_each_seed_has_its_mean_over_units() -> None:
    assert seed_means(SCORES, "a", "rmse").tolist() == [40.5, 50.5]
    assert seed_means(SCORES, "bicubic", "rmse").tolist() == [90.0]
    assert not len(seed_means(SCORES, "a", "uiq"))


def test_differences_are_between_equal_seeds_and_units() -> None:
    shuffled = [SCORES[index] for index in np.random.default_rng(0).permutation(len(SCORES))]
    np.testing.assert_array_equal(paired_differences(shuffled, "a", "b", "rmse"), np.full((2, 2), -10.0))
    np.testing.assert_array_equal(paired_differences(SCORES, "bicubic", "a", "rmse"), [[50, 49], [40, 39]])
    np.testing.assert_array_equal(paired_differences(SCORES, "a", "bicubic", "rmse"), [[-50, -49], [-40, -39]])


@pytest.mark.parametrize(
    "left_out, named",
    [
        (lambda score: (score.label, score.unit) == ("a", "far"), "far"),
        (lambda score: (score.label, score.unit) == ("b", "far"), "far"),
        (lambda score: (score.label, score.seed) == ("a", 1), "each seed"),
        (lambda score: (score.label, score.seed, score.unit) == ("b", 1, "far"), "each seed"),
    ],
)
def test_runs_that_were_measured_on_unequal_data_are_not_compared(left_out, named: str) -> None:
    scores = [score for score in SCORES if not left_out(score)]
    with pytest.raises(SettingError, match=f"a and b cannot be compared by rmse: only one of them has .* {named}"):
        paired_differences(scores, "a", "b", "rmse")
