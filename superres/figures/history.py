"""The learning curves of a training run."""

import os

from common.figures.learning_curve import RATE_PANEL, Curve, HistoryPanel, draw_history
from common.figures.style import BLUE, ORANGE, PURPLE

HISTORY_PANELS = (
    HistoryPanel(
        (
            Curve("loss", "training loss", BLUE),
            Curve("val_loss", "validation, mean absolute error", ORANGE),
        ),
        "Loss, lower is better",
        "Loss (network units)",
        3.0,
    ),
    HistoryPanel(
        (Curve("val_rmse", "validation", ORANGE),), "RMSE of validation patches, lower is better", "RMSE (DN)", 2.0
    ),
    HistoryPanel(
        (Curve("adversarial_loss", "generator", BLUE), Curve("discriminator_loss", "discriminator", PURPLE)),
        "Adversarial losses",
        "Loss",
        2.0,
        is_minimised=None,
    ),
    HistoryPanel(
        (Curve("discriminator_accuracy", "discriminator", PURPLE),),
        "Accuracy of the discriminator, 0.5 is guessing",
        "Share",
        1.5,
        is_minimised=None,
    ),
    RATE_PANEL,
)


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw loss, validation RMSE, adversarial losses and learning rate of a run, as `common.figures.learning_curve.draw_history` does."""
    draw_history(history_csv, output_png, HISTORY_PANELS)
