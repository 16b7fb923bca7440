"""The file `history.csv`."""

import csv
from pathlib import Path

import pytest

from common.errors import RunFolderError
from common.training.history import read_history, write_history
from tests.support.permissions import without_permission

ROWS = [
    {"epoch": 1, "loss": 0.1 + 0.2, "seconds": 3.0},
    {"epoch": 2, "loss": 1e-17, "seconds": 2.5, "val_loss": 7.0},
]


def test_rows_survive_a_file(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", ROWS)
    assert read_history(tmp_path / "history.csv", 2) == ROWS
    with open(tmp_path / "history.csv") as file:
        assert next(csv.reader(file)) == ["epoch", "loss", "seconds", "val_loss"]


def test_only_the_first_epochs_are_read(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", ROWS)
    assert read_history(tmp_path / "history.csv", 1) == ROWS[:1]
    assert read_history(tmp_path / "history.csv", 0) == []


@pytest.mark.parametrize("text", [None, "epoch,loss\n1,low\n", "loss\n1\n", "epoch,loss\n1,2,3\n", "epoch\ninf\n"])
def test_a_missing_or_damaged_history_is_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "odd.csv").write_text(text)
    with pytest.raises(RunFolderError, match=r"odd\.csv cannot be read \(.*\); restore it, or start a new run"):
        read_history(tmp_path / "odd.csv", 5)


def test_a_history_that_the_system_refuses_is_not_called_damaged(tmp_path: Path) -> None:
    write_history(tmp_path / "history.csv", ROWS)
    with (
        without_permission(tmp_path / "history.csv"),
        pytest.raises(
            RunFolderError, match=r"history\.csv cannot be read \(Permission denied\); check its permissions\.$"
        ),
    ):
        read_history(tmp_path / "history.csv", 1)
