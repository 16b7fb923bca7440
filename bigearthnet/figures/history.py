"""The learning curves of a classification run."""

import os

from common.figures.learning_curve import RATE_PANEL, Curve, HistoryPanel, draw_history
from common.figures.style import BLUE, ORANGE

HISTORY_PANELS = (
    HistoryPanel(
        (Curve("loss", "training", BLUE), Curve("val_loss", "validation", ORANGE)), "Loss, lower is better", "Loss", 3.0
    ),
    HistoryPanel(
        (Curve("val_f1_micro", "micro", BLUE), Curve("val_f1_macro", "macro", ORANGE)),
        "F1 of validation patches at threshold 0.5, higher is better",
        "F1",
        2.2,
        is_minimised=False,
    ),
    RATE_PANEL,
)


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw loss, validation F1 and learning rate of a run, as `common.figures.learning_curve.draw_history` does."""
    draw_history(history_csv, output_png, HISTORY_PANELS)
