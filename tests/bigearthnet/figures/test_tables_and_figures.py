"""Tables of scores, and that each figure is drawn whatever classes, methods and mistakes there are."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from bigearthnet.evaluation.scores import Mistake
from bigearthnet.evaluation.tables import (
    MetricRow,
    classes_by_support,
    markdown_class_table,
    markdown_metric_table,
    read_metrics,
    write_metrics,
)
from bigearthnet.figures import classes as plots
from bigearthnet.figures.mistakes import plot_mistakes, stretched

LONG = "Land principally occupied by agriculture, with significant areas of natural vegetation"
ROWS = [
    MetricRow("test", "one", "all", "f1_micro", 0.75),
    MetricRow("test", "two", "all", "f1_micro", 0.5),
    *(
        MetricRow("test", method, name, metric, value)
        for method in ("one", "two")
        for name, values in (("Pastures", (0.25, 3)), (LONG, (1.0, 7)), ("Inland waters", (0.0, 0)))
        for metric, value in zip(("f1", "support"), values, strict=True)
    ),
]


def test_table_survives_a_file(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", ROWS)
    assert read_metrics(tmp_path / "metrics.csv") == ROWS
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "split,method,class,metric,value"


def test_classes_are_ordered_by_support() -> None:
    assert classes_by_support(ROWS) == {LONG: 7, "Pastures": 3, "Inland waters": 0}


def test_markdown() -> None:
    assert markdown_metric_table(ROWS, {"f1_micro": "F1 micro"}) == (
        "| Method | F1 micro |\n|---|---:|\n| one | 0.750 |\n| two | 0.500 |"
    )
    lines = markdown_class_table(ROWS, "one", {"f1": "F1", "ap": "AP"}).splitlines()
    assert lines[2:] == [
        f"| {LONG} | 7 | 1.000 |  |",
        "| Pastures | 3 | 0.250 |  |",
        "| Inland waters | 0 | 0.000 |  |",
    ]


def is_drawn(path: Path) -> bool:
    """Is it a picture that is not of one colour?"""
    image = imread(path)
    return image.std() > 0.01 and image.shape[0] > 100


def test_class_scores(tmp_path: Path) -> None:
    write_metrics(tmp_path / "metrics.csv", ROWS)
    plots.plot_class_scores(tmp_path / "metrics.csv", tmp_path / "f1.png")
    assert is_drawn(tmp_path / "f1.png")
    with pytest.raises(ValueError, match="has no ap by class; evaluate the run again"):
        plots.plot_class_scores(tmp_path / "metrics.csv", tmp_path / "ap.png", "ap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f1.png", "metrics.csv"]


@pytest.mark.parametrize("classes", [2, 21])
def test_figures_of_labels(tmp_path: Path, classes: int) -> None:
    """The last class is in no patch, and LONG the name of all."""
    rng = np.random.default_rng(0)
    labels = (rng.random((30, classes)) < 0.3).astype(np.uint8)
    labels[:, -1] = 0
    found = {method: rng.random(labels.shape) for method in ("one", "two")}
    plots.plot_precision_recall(labels, found, tmp_path / "curves.png")
    plots.plot_cooccurrence(labels, [f"{number} {LONG}" for number in range(classes)], tmp_path / "together.png")
    assert is_drawn(tmp_path / "curves.png") and is_drawn(tmp_path / "together.png")


@pytest.mark.parametrize("count", [1, 5])
def test_mistakes(tmp_path: Path, count: int) -> None:
    image = np.random.default_rng(0).integers(0, 3000, (12, 12, 3)).astype(np.uint16)
    mistakes = [Mistake(f"patch {number}", image, [LONG], ["Pastures"] * number, []) for number in range(count)]
    plot_mistakes(mistakes, tmp_path / "mistakes.png")
    assert is_drawn(tmp_path / "mistakes.png")


def test_stretch_keeps_colours_and_survives_one_value() -> None:
    assert stretched(np.full((3, 3, 3), 7, np.uint16)).max() == 0
    found = stretched(np.linspace(0, 1000, 300).reshape(10, 10, 3))
    assert found.min() == 0 and found.max() == 1
