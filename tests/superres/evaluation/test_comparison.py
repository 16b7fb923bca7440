"""The table of a comparison: its columns, means over seeds, quality from the evaluation and cost from the network."""

from pathlib import Path

import numpy as np
import pytest

from common.runs import folder as run
from superres.evaluation import cost
from superres.evaluation.comparison import (
    LOWER_IS_BETTER,
    ComparedNetwork,
    by_label,
    column,
    compared_networks,
    read_comparison,
    write_comparison,
)
from superres.evaluation.tables import MetricRow, write_metrics
from superres.networks.build import build_network
from superres.training.config import SuperresConfig

COSTS = ("parameters", "work_per_pixel", "pixels_per_second")
VALUES = dict.fromkeys(LOWER_IS_BETTER, 1.0) | {"parameters": 12345, "work_per_pixel": 4.0, "pixels_per_second": 2e6}


def line(label: str, seed: int | None, **values: object) -> ComparedNetwork:
    return ComparedNetwork(f"{label} ({seed})", label, seed, "gaussian", 1, **VALUES | values)


def test_the_table_survives_a_file(tmp_path):
    networks = [line("bicubic", None, **dict.fromkeys(COSTS)), *(line("a", seed, rmse=30.0 + seed) for seed in (0, 2))]
    write_comparison(tmp_path / "table.csv", networks)
    assert read_comparison(tmp_path / "table.csv") == networks
    assert list(ComparedNetwork._fields)[5:] == list(VALUES)


def test_lines_of_a_label_stay_in_their_order():
    networks = [line("b", 1), line("a", None), line("b", 0)]
    assert {label: [network.seed for network in lines] for label, lines in by_label(networks).items()} == {
        "b": [1, 0],
        "a": [None],
    }


def test_a_missing_value_is_nan_in_a_column():
    values = column([line("a", None, parameters=None), line("b", 0)], "parameters")
    np.testing.assert_array_equal(values, [np.nan, 12345])
    assert values.dtype == np.float64


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    """A run folder, and the evaluation of it on two scenes: every metric of method m in scene s is 10 m + s."""
    (tmp_path / "run").mkdir()
    run.write_config(tmp_path / "run", SuperresConfig(tiles="tiles.txt", model="tiny"))
    build_network("tiny", 20).save_weights(tmp_path / "run" / run.WEIGHTS)
    rows = [
        MetricRow(f"scene {scene}", method, band, metric, 10.0 * index + scene + (band == "B05"))
        for scene in (0, 1)
        for index, method in enumerate(("bilinear", "bicubic", "tiny"))
        for metric in ("rmse", "sre", "ergas", "sam", "uiq", "psnr", "consistency", "sharpness")
        for band in ("all", "B05")
    ]
    write_metrics(tmp_path / "metrics.csv", rows)
    return tmp_path


def test_quality_is_the_mean_over_scenes_and_cost_that_of_the_network(evaluated, monkeypatch):
    monkeypatch.setattr(cost, "TIMED_PX", 24)
    source = str(evaluated / "run")
    config = SuperresConfig(tiles="tiles.txt", degradation="mtf")
    networks = compared_networks(evaluated, [source], {source: ("tiny, bilinear", 3)}, config)
    assert [network.method for network in networks] == ["bilinear", "bicubic", "tiny"]
    assert [network.label for network in networks] == ["bilinear", "bicubic", "tiny, bilinear"]
    assert [network.seed for network in networks] == [None, None, 3]
    for index, network in enumerate(networks):
        assert (network.degradation, network.scenes) == ("mtf", 2)
        assert {network.rmse, network.uiq, network.consistency, network.sharpness} == {10 * index + 0.5}
    for name in COSTS:
        assert [getattr(network, name) is None for network in networks] == [True, True, False]
    assert networks[2].parameters == build_network("tiny", 20).count_params()


def test_networks_that_were_trained_elsewhere_have_no_seed(evaluated, monkeypatch):
    monkeypatch.setattr(cost, "TIMED_PX", 24)
    source = str(evaluated / "run")
    network = compared_networks(evaluated, [source], {}, SuperresConfig(tiles="tiles.txt"))[-1]
    assert (network.label, network.seed) == (source, None)
