"""Progress of training: a bar at a terminal, one line an epoch, and curves for TensorBoard."""

import logging
import re
from pathlib import Path

import pytest

from common.errors import OutputError
from common.training.progress import Progress, TensorBoardCurves
from tests.support.constant_training import constant_model
from tests.support.training_bench import largest_file


def run_epoch(progress: Progress, logs: dict[str, float]) -> None:
    """Run the first epoch, of two steps."""
    progress.on_epoch_begin(0)
    for batch in range(2):
        progress.on_train_batch_end(batch)
    progress.on_epoch_end(0, logs)


@pytest.mark.parametrize("show_bar", [False, True])
def test_a_bar_is_shown_only_if_it_is_wanted(show_bar: bool, capsys: pytest.CaptureFixture) -> None:
    run_epoch(Progress(1, 2, 8, show_bar), {"loss": 1.0, "seconds": 2.0})
    assert ("epoch 1/1" in capsys.readouterr().err) == show_bar


def test_a_bar_begins_where_the_epoch_goes_on() -> None:
    progress = Progress(1, 9, 8, show_bar=True)
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(6)
    assert progress.bar.n == 7
    progress.bar.close()


def test_the_first_step_and_an_epoch_are_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logs = {"loss": 0.82, "seconds": 2.0, "val_loss": 0.26960001, "learning_rate": 1e-4}
    run_epoch(Progress(3, 2, 80, show_bar=False), logs)
    first, *epochs = caplog.messages
    assert re.fullmatch(r"first step done, \d+\.\d s after the command was started", first)
    assert epochs == ["epoch 1/3  loss 0.82  val_loss 0.2696  learning_rate 0.0001  2 s  40.0 patches/s"]


def test_curves_on_a_disk_that_refuses_are_an_error_of_ours(tmp_path: Path) -> None:
    curves = TensorBoardCurves(tmp_path / "tensorboard")
    curves.set_model(constant_model())
    curves.on_epoch_end(0, {"loss": 1.0})
    assert list((tmp_path / "tensorboard").rglob("events*"))
    message = f"cannot write {tmp_path}/tensorboard (.+); check space and permissions there."
    with largest_file(10), pytest.raises(OutputError, match=message) as caught:
        curves.on_epoch_end(1, {"loss": 1.0})
    assert re.fullmatch(message, str(caught.value))
