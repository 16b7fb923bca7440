"""`superres/evaluate.py` on several ranks: the table equals that of one process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import common.distributed as hvd
from common.runs import folder as run
from superres import evaluate
from superres.evaluation.tables import read_metrics
from superres.figures import evaluation as evaluation_figures
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.training.config import SuperresConfig
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_network, write_scenes


def write_run(folder: Path) -> Path:
    """Write a run folder that evaluation can read."""
    folder.mkdir()
    run.write_config(folder, SuperresConfig(tiles="tiles.txt"))
    model = build_network("dsen2", 20)
    set_random_weights(model, spread=0.05)
    model.save_weights(folder / run.WEIGHTS)
    return folder


def test_the_table_equals_that_of_one_process(
    shared_path: Path, tmp_path: Path, alone: Callable, ranks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ranks share three scenes. Each rank draws its own scenes, and rank 0 alone writes the tables."""
    drawn: list[str] = []
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"painted"))
    monkeypatch.setattr(evaluation_figures, "draw_scene", lambda result, scene, settings, stem: drawn.append(stem.name))
    tiles = hvd.on_rank_zero(lambda: write_scenes(shared_path, count=3, size=72))
    folder = hvd.on_rank_zero(lambda: write_run(shared_path / "run"))
    words = ["--tiles", str(tiles), "--run-dir", str(folder), "--full-scale", "--log-level", "WARNING", "--output"]
    assert evaluate.main([*words, str(shared_path / "many")]) == 0
    hvd.barrier()
    scenes = tiles.read_text().split()
    assert hvd.allgather_object(drawn) == [scenes[rank::ranks] for rank in range(ranks)]
    with alone():
        assert evaluate.main([*words, str(tmp_path / "one")]) == 0
    many, one = (read_metrics(folder / "metrics.csv") for folder in (shared_path / "many", tmp_path / "one"))
    page = hvd.on_rank_zero(lambda: (shared_path / "many" / "report.html").read_text())
    assert all(page.count(f"{scene}-pictures.png") == 1 for scene in scenes)  # it names the figures that were not drawn
    assert page.count('<div class="stage">') == len(scenes)  # with pictures from both ranks
    assert [row[:4] for row in many] == [row[:4] for row in one]
    # Not to the last bit: with another number of threads a convolution adds up in another order.
    assert [row.value for row in many] == pytest.approx([row.value for row in one], rel=1e-5)


def test_missing_weights_are_reported_once(shared_path: Path, capfd: pytest.CaptureFixture) -> None:
    tiles = hvd.on_rank_zero(lambda: write_scenes(shared_path, count=1, size=72))
    words = ["--tiles", str(tiles), "--weights", str(shared_path / "none.h5"), "--output", str(shared_path / "results")]
    assert evaluate.main(words) == 1
    errors = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert len(errors[0]) == 1
    assert "there are no weights" in errors[0][0]
    assert not any(errors[1:])
    assert not (shared_path / "results").exists()
