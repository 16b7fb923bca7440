"""The learning curves of a super-resolution run."""

import os

from common.figures.learning_curve import RATE_PANEL, HistoryPanel, draw_history

HISTORY_PANELS = (
    HistoryPanel(
        {"loss": "training, its loss", "val_loss": "validation, mean absolute error"},
        "Loss, lower is better",
        "Loss (network units)",
        3.0,
    ),
    HistoryPanel({"val_rmse": "validation"}, "RMSE of validation patches, lower is better", "RMSE (DN)", 2.0),
    HistoryPanel(
        {"adversarial_loss": "generator", "discriminator_loss": "discriminator"},
        "Adversarial losses",
        "Loss",
        2.0,
        is_minimised=None,
    ),
    HistoryPanel(
        {"discriminator_accuracy": "discriminator"},
        "Accuracy of the discriminator, 0.5 is guessing",
        "Share",
        1.5,
        is_minimised=None,
    ),
    RATE_PANEL,
)


def plot_history(history_csv: str | os.PathLike[str], output_png: str | os.PathLike[str]) -> None:
    """Draw the learning curve of a run: loss, validation RMSE and learning rate; see `common.figures.draw_history`."""
    draw_history(history_csv, output_png, HISTORY_PANELS)
