"""The parts that all model cards share."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from common.runs.config import RunConfig, setting
from common.runs.folder import CARD, read_config, write_config
from common.runs.model_card import describe_period, describe_run, describe_settings, saved_epoch, write_model_card


@dataclass(frozen=True, kw_only=True)
class ToyConfig(RunConfig):
    tiles: str = setting("a list")
    loss: str = setting("a loss", "l1")
    teacher: str | None = setting("a teacher", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder with settings only."""
    write_config(tmp_path, ToyConfig(tiles="tiles.txt", loss="l2", batch_size=8))
    return tmp_path


def test_settings_that_are_not_the_default(folder):
    text = describe_settings(folder, ToyConfig, left_out=("tiles",))
    assert text.startswith("| Setting | Value |\n|---|---|\n| `--batch-size` | 8 |\n| `--loss` | l2 |\n\n`config.json`")


def test_a_run_with_all_defaults(tmp_path):
    write_config(tmp_path, ToyConfig(tiles="tiles.txt"))
    assert describe_settings(tmp_path, ToyConfig, left_out=("tiles",)).startswith("`config.json` lists all settings")


def test_a_run_that_was_continued_says_so(folder):
    assert "--resume" not in describe_run({**read_config(folder), "command": ["train.py"]})
    write_config(folder, ToyConfig(tiles="tiles.txt", loss="l2"))
    assert "earlier parts in `config.json`: 1" in describe_run({**read_config(folder), "command": ["train.py"]})


def test_hardware_and_variables_of_a_run(folder):
    record = {**read_config(folder), "command": ["train.py"], "environment": {}}
    assert "Hardware" not in describe_run(record)  # a run of an older version
    hardware = {"processor": "Fast 1", "cores_per_rank": 3}
    text = describe_run({**record, "hardware": hardware, "environment": {"XLA_FLAGS": "a"}})
    assert text.endswith("- Hardware: Fast 1, 3 cores a rank\n- Environment variables that change numbers: XLA_FLAGS=a")


def test_the_card(folder):
    write_model_card(folder, "a network", {"Use": "so", "Quality": "good"})
    text = (folder / CARD).read_text()
    assert text.startswith("# a network\n\n## Use\n\nso\n\n## Quality\n\ngood\n\n## How it was made\n\n- Command: `")
    assert f"code revision {read_config(folder)['code_revision']}, ranks: 1, seed: 0" in text


def test_the_saved_epoch_is_the_last_that_was_saved():
    history = [{"epoch": epoch + 1, "loss": loss} for epoch, loss in enumerate([3.0, 1.0, 2.0])]
    assert saved_epoch(history, lambda rows: rows[-1]["loss"] == min(row["loss"] for row in rows))["epoch"] == 2
    assert saved_epoch(history, lambda rows: rows[-1]["loss"] <= 2 * min(row["loss"] for row in rows))["epoch"] == 3


def test_periods():
    assert describe_period(["2018-05-25T09:50:32Z", "2017-06-13T10:10:31.024Z", "2018-06-01", ""]) == (
        "2017-06-13 to 2018-06-01; months of the year: 05, 06"
    )
    assert describe_period(["2017-06-13", "2017-06-13"]) == "2017-06-13; months of the year: 06"
    assert describe_period([""]) == "unknown"
