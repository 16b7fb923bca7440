"""The report of a comparison without a study."""

from dataclasses import replace

import pytest

from common.report.cells import MISSING, show_rows
from common.report.markdown import report_markdown
from common.report.records import Spread
from superres.studies.comparison_report import NO_VERDICTS, ONE_SEED, comparison_report, network_records
from superres.studies.options import ComparisonOptions
from tests.superres.studies.test_report import BICUBIC, NETWORKS


def test_a_row_has_means_over_seeds_and_costs() -> None:
    networks = [BICUBIC._replace(rmse=80.0), NETWORKS[0]._replace(rmse=30.0), NETWORKS[1]._replace(rmse=32.0)]
    table = network_records(networks)
    titles = [column.title for column in table.columns]
    bicubic, l1 = (dict(zip(titles, row, strict=True)) for row in table.rows)
    assert bicubic["RMSE (DN)"] == Spread(80.0, None)
    assert (l1["Seeds"], l1["RMSE (DN)"]) == (2, Spread(31.0, pytest.approx(2**0.5)))
    assert (l1["Parameters"], l1["Pixels/s"]) == (1234, 7.0)
    assert [show_rows(table)[row][-1].text for row in (0, 1)] == [MISSING, "7"]
    better = {column.title: column.better for column in table.columns}
    assert (better["RMSE (DN)"], better["UIQ"], better["Pixels/s"]) == ("lower", "higher", "higher")


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_it_says_that_it_gives_no_verdicts(evaluated: ComparisonOptions, seeds: tuple[int, ...]) -> None:
    options = replace(evaluated, base=replace(evaluated.base, study=None, seeds=seeds))
    text = report_markdown(comparison_report(options, [BICUBIC, *NETWORKS], options.base.folder / "comparison.png"))
    assert NO_VERDICTS in text
    assert (ONE_SEED in text) == (len(seeds) == 1)
    assert "](comparison.png)" in text and "| bicubic |" in text
