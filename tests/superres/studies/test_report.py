"""The files of a study: tables of both blurs, verdicts in words, figures and one page."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from common.studies.report import QUICK
from superres.evaluation.comparison import ComparedNetwork
from superres.studies.options import ComparisonOptions
from superres.studies.report import cost_records, costs_differ, measure_study, write_study
from tests.support.made_study import SCENES

NETWORKS = [
    ComparedNetwork("a", "l1", seed, "gaussian", 3, 1, 1, 1, 1, 1, 1, 1, 1234, 10.0, speed)
    for seed, speed in ((0, 5.0), (1, 7.0))
]
BICUBIC = ComparedNetwork("bicubic", "bicubic", None, "gaussian", 3, 1, 1, 1, 1, 1, 1, 1, None, None, None)


@pytest.mark.parametrize("quick", [False, True])
def test_a_study_writes_its_answers(evaluated: ComparisonOptions, quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"figure"))
    options = replace(evaluated, base=replace(evaluated.base, quick=quick))
    text = write_study(options, measure_study(options), NETWORKS)
    folder = options.base.folder
    with open(folder / "scores.csv") as file:
        scores = list(csv.DictReader(file))
    with open(folder / "verdicts.csv") as file:
        verdicts = list(csv.DictReader(file))
    assert {row["test"] for row in scores} == {row["test"] for row in verdicts} == {"gaussian", "mtf"}
    assert {row["unit"] for row in scores} == set(SCENES)
    page = (folder / "report.html").read_text()
    assert text in (folder / "study.md").read_text()
    for shown in (text, page):
        assert "Does brightness matter?" in shown
        assert "Tested with mtf: power is better than l1 in RMSE by 10 DN (10 to 10 DN)." in shown
        assert "Tested with gaussian: bicubic is worse than l1 in RMSE of the brightest 1 % by" in shown
        assert (QUICK in shown) == quick
        assert "41.05 ± 0.07" in shown and "Pixels/s" not in shown
    assert page.count("data:image/png") == 4  # intervals and brightness of both tests
    assert {path.name for path in folder.glob("*.png")} == {
        f"{name}-{test}.png" for name in ("verdicts", "brightness") for test in ("gaussian", "mtf")
    }


def test_costs_are_those_of_networks_and_speed_that_of_the_fastest_seed() -> None:
    assert cost_records([BICUBIC, *NETWORKS]).rows == [["l1", 1234, 10.0, 7.0]]
    assert not costs_differ([BICUBIC, *NETWORKS])
    assert costs_differ([NETWORKS[0], NETWORKS[1]._replace(work_per_pixel=11.0)])
