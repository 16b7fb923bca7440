"""Parts of a step on two ranks, of which one is always late: the other one waits for it, and averaging is short."""

import time
from pathlib import Path

import pytest

import common.distributed as hvd
from benchmarks.measure import PARTS
from benchmarks.steps import measure
from common.training.progress import Progress
from superres import train
from superres.networks.catalogue import NETWORKS
from tests.support.tiny_training import command_line, tiny_network, write_scenes

LATE_S = 0.2


@pytest.mark.slow  # `make test-mpi` runs it
def test_a_late_rank_is_waited_for(shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if hvd.rank() == 0:
        write_scenes(shared_path)
    hvd.barrier()
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    if hvd.rank() == 1:
        monkeypatch.setattr(Progress, "on_train_batch_end", lambda self, batch, logs=None: time.sleep(LATE_S))
    options = {
        "tiles": shared_path / "tiles.txt",
        "patch_cache": shared_path / "patches",
        "patches_per_tile": 10,
        "batch_size": 1,
        "epochs": 1,
    }
    measured = measure(train.main, command_line(options), str(shared_path / "run"))
    parts = measured["clocks"]
    assert measured["ranks"] == 2
    assert sum(parts[part] for part in PARTS) == pytest.approx(parts["step"])
    assert all(parts[part] >= 0 for part in PARTS)
    assert parts["step"] > LATE_S and measured["step"] > LATE_S
    # Means over both ranks: one is late by LATE_S, between two steps, and the other one waits as long.
    assert parts["bookkeeping"] > 0.45 * LATE_S
    assert 0.25 * LATE_S < parts["wait"] < 0.75 * LATE_S
    assert parts["average"] < 0.25 * LATE_S
