"""The figure of verdicts says that the quick form means nothing."""

from pathlib import Path

import pytest

from common.studies import figure
from common.studies.intervals import Interval
from common.studies.verdict import judge

VERDICTS = [judge("l2", "l1", metric, Interval(-3.0, 1.0, 0.5, 2.0, 3, 6, True)) for metric in ("rmse", "uiq")]


@pytest.mark.parametrize("is_quick", [False, True])
def test_each_verdict_is_an_interval(is_quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    monkeypatch.setattr(figure, "plot_intervals", lambda *arguments: drawn.append(arguments))
    picture = figure.draw_verdicts(VERDICTS, tmp_path / "verdicts.png", is_quick)
    ((rows, reference, path, notice),) = drawn
    assert [(row.panel, row.low, row.high, row.answer) for row in rows] == [
        ("RMSE (DN) ↓", -4.0, -2.0, "better"),
        ("UIQ ↑", -4.0, -2.0, "worse"),
    ]
    assert (reference, path, bool(notice)) == ("l1", picture.image, is_quick)
