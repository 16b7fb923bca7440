"""The learning curves of a classification run."""

from pathlib import Path

import pytest

from bigearthnet.figures.history import plot_history
from tests.support.pictures import is_drawn

COLUMNS = ("epoch", "loss", "val_loss", "val_f1_micro", "val_f1_macro", "learning_rate", "seconds")


@pytest.mark.parametrize("epochs", [1, 3])
def test_history_of_a_run(tmp_path: Path, epochs: int) -> None:
    rows = [(epoch, 1 / epoch, 2 / epoch, 0.1 * epoch, 0.05 * epoch, 1e-3, 5) for epoch in range(1, epochs + 1)]
    lines = [",".join(map(str, row)) for row in (COLUMNS, *rows)]
    (tmp_path / "history.csv").write_text("\n".join(lines) + "\n")
    plot_history(tmp_path / "history.csv", tmp_path / "history.png")
    assert is_drawn(tmp_path / "history.png")
