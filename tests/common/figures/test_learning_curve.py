"""Learning curves: which panels and curves are drawn, and what is marked."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from common.figures import learning_curve
from common.figures.learning_curve import RATE_PANEL, Curve, HistoryPanel, draw_history

LOSS_PANEL = HistoryPanel(
    (Curve("loss", "training", "#0072b2"), Curve("val_loss", "validation", "#e69f00")), "Loss", "DN", 3.0
)
SCORE_PANEL = HistoryPanel((Curve("f1", "micro", "#0072b2"),), "F1", "F1", 2.0, is_minimised=False)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, instead of files."""
    figures: list[Figure] = []
    monkeypatch.setattr(learning_curve, "save_png", lambda figure, path: figures.append(figure))
    return figures


def history(folder: Path, text: str) -> Path:
    """Write a `history.csv`."""
    path = folder / "history.csv"
    path.write_text(text)
    return path


def lines(ax: Axes) -> dict[str, tuple[list, list, str]]:
    """Label -> x, y and colour of each line."""
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()), line.get_color()) for line in ax.get_lines()
    }


def test_curves_have_their_values_labels_and_colours(tmp_path: Path, drawn: list[Figure]) -> None:
    table = history(tmp_path, "epoch,loss,val_loss,learning_rate\n1,3,4,0.1\n2,2,1,0.1\n3,1,2,0.05\n")
    draw_history(table, tmp_path / "curve.png", [LOSS_PANEL, RATE_PANEL])
    loss, rate = drawn[0].axes
    curves = lines(loss)
    assert curves["training"] == ([1, 2, 3], [3, 2, 1], "#0072b2")
    assert curves["validation"] == ([1, 2, 3], [4, 1, 2], "#e69f00")
    assert lines(rate)["learning rate"][1] == [0.1, 0.1, 0.05]
    assert loss.get_legend() and not rate.get_legend()


@pytest.mark.parametrize(
    ("panel", "text", "label"),
    [
        (LOSS_PANEL, "loss,val_loss\n3,4\n2,1\n1,2\n", "best: 1 in epoch 2"),
        (LOSS_PANEL, "loss\n3\n2\n1\n", "best: 1 in epoch 3"),
        (SCORE_PANEL, "f1\n0.25\n0.5\nnan\n", "best: 0.5 in epoch 2"),
    ],
)
def test_the_best_epoch_of_the_last_curve_is_marked(
    panel: HistoryPanel, text: str, label: str, tmp_path: Path, drawn: list[Figure]
) -> None:
    draw_history(history(tmp_path, text), tmp_path / "curve.png", [panel])
    assert label in lines(drawn[0].axes[0])


def test_a_curve_without_a_finite_value_has_no_best_epoch(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_history(history(tmp_path, "loss\nnan\n\n"), tmp_path / "curve.png", [LOSS_PANEL])
    assert list(lines(drawn[0].axes[0])) == ["training"]


def test_an_empty_cell_leaves_a_gap(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_history(history(tmp_path, "loss,val_loss\n3,\n2,1\n"), tmp_path / "curve.png", [LOSS_PANEL])
    assert np.isnan(lines(drawn[0].axes[0])["validation"][1][0])


@pytest.mark.parametrize(("last", "scale"), [("1", "linear"), ("0.01", "log"), ("-1", "linear")])
def test_values_over_decades_have_a_logarithmic_axis(last: str, scale: str, tmp_path: Path, drawn: list) -> None:
    draw_history(history(tmp_path, f"loss,f1\n2,2\n{last},{last}\n"), tmp_path / "curve.png", [LOSS_PANEL, SCORE_PANEL])
    loss, score = drawn[0].axes
    assert (loss.get_yscale(), score.get_yscale()) == (scale, "linear")


def test_panels_without_a_column_are_left_out(tmp_path: Path) -> None:
    for name, text in (("short", "loss\n3\n2\n"), ("long", "loss,learning_rate\n3,0.1\n2,0.1\n")):
        draw_history(history(tmp_path, text), tmp_path / f"{name}.png", [LOSS_PANEL, RATE_PANEL])
    assert imread(tmp_path / "long.png").shape[0] > imread(tmp_path / "short.png").shape[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [("epoch,loss\n", "holds no epoch"), ("acc\n1\n", "needs a column of loss, val_loss; it has epoch, acc")],
)
def test_a_history_without_content_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        draw_history(history(tmp_path, text), tmp_path / "curve.png", [LOSS_PANEL])
    assert not (tmp_path / "curve.png").exists()
