"""The learning curves of a run: drawn from any columns, with gaps, and an error without content."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from superres.figures.history import plot_history
from tests.support.pictures import assert_only_picture, write_table

HISTORY = ("epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds")


def test_a_curve_of_many_epochs(tmp_path):
    rows = [(epoch, 1 / epoch, 1.1 / epoch, 500 / epoch, 1e-4, 3) for epoch in range(1, 30)]
    plot_history(write_table(tmp_path / "history.csv", HISTORY, rows), tmp_path / "curve.png")
    assert_only_picture(tmp_path, "curve.png", "history.csv")


@pytest.mark.parametrize("row", [(1, 0.3, "", "", 1e-4, 9), (1, "nan", "nan", 12, 0, 9)])
def test_one_epoch_with_missing_values(tmp_path, row):
    plot_history(write_table(tmp_path / "history.csv", HISTORY, [row]), tmp_path / "curve.png")
    assert_only_picture(tmp_path, "curve.png", "history.csv")


def test_curves_in_one_panel_have_a_legend_and_different_colours(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_: [figures.append(figure), Path(path).touch()])
    table = write_table(tmp_path / "h.csv", ("loss", "adversarial_loss", "discriminator_loss"), [(3.0, 1.4, 1.3)] * 2)
    plot_history(table, tmp_path / "h.png")
    panels = [ax for figure in figures for ax in figure.axes if len(ax.get_lines()) > 1 and ax.get_title(loc="left")]
    (adversarial,) = [ax for ax in panels if ax.get_title(loc="left") == "Adversarial losses"]
    assert [text.get_text() for text in adversarial.get_legend().get_texts()] == ["generator", "discriminator"]
    assert len({line.get_color() for line in adversarial.get_lines()}) == 2


def test_only_columns_of_the_table_have_panels(tmp_path):
    table = write_table(tmp_path / "history.csv", ("loss",), [(0.3,), (0.2,)])
    plot_history(table, tmp_path / "short.png")
    table = write_table(tmp_path / "history.csv", ("loss", "learning_rate"), [(0.3, 1e-4), (0.2, 1e-4)])
    plot_history(table, tmp_path / "long.png")
    assert imread(tmp_path / "long.png").shape[0] > imread(tmp_path / "short.png").shape[0]


@pytest.mark.parametrize(
    ("header", "rows", "message"), [(HISTORY, [], "no epoch"), (("acc",), [(1,)], "it has epoch, acc")]
)
def test_a_table_without_curves_is_an_error(tmp_path, header, rows, message):
    with pytest.raises(ValueError, match=message):
        plot_history(write_table(tmp_path / "history.csv", header, rows), tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()
