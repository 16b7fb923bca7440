"""Bars of the scores by class."""

from pathlib import Path

import pytest

from bigearthnet.evaluation.tables import write_metrics
from bigearthnet.figures.class_scores import plot_class_scores
from tests.support.metric_rows import ROWS
from tests.support.pictures import is_drawn


def test_class_scores(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", ROWS)
    plot_class_scores(tmp_path / "metrics.csv", tmp_path / "f1.png")
    assert is_drawn(tmp_path / "f1.png")
    with pytest.raises(ValueError, match="has no ap by class; evaluate the run again"):
        plot_class_scores(tmp_path / "metrics.csv", tmp_path / "ap.png", "ap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f1.png", "metrics.csv"]


def test_more_methods_than_colours(tmp_path: Path) -> None:
    write_metrics(
        tmp_path / "metrics.csv", [row._replace(method=f"{row.method} {n}") for n in range(4) for row in ROWS]
    )
    plot_class_scores(tmp_path / "metrics.csv", tmp_path / "f1.png")
    assert is_drawn(tmp_path / "f1.png")
