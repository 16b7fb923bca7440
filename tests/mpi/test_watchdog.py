"""A rank that is stopped, as by SIGSTOP, is named by another one while all wait for it."""

import logging
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import common.distributed as hvd
from common.runs.locks.heartbeat import SILENT_BEATS
from common.runs.locks.watchdog import watched_ranks

INTERVAL_S = 0.1


@pytest.mark.parametrize("stopped", [1, 0])
def test_a_stopped_rank_is_named(shared_path: Path, caplog: pytest.LogCaptureFixture, stopped: int) -> None:
    seconds = (2 * SILENT_BEATS + 3) * INTERVAL_S
    with caplog.at_level(logging.WARNING), watched_ranks(shared_path / "ranks", INTERVAL_S):
        hvd.barrier()
        time.sleep(2 * INTERVAL_S)
        if hvd.rank() == stopped:
            subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"])
            os.kill(os.getpid(), signal.SIGSTOP)
        hvd.barrier()
        time.sleep(4 * INTERVAL_S)
    hvd.barrier()
    assert not (shared_path / "ranks").exists()
    lines = [line for line in caplog.messages if "life" in line]
    if hvd.rank() != stopped:
        silent, back = lines
        assert silent.startswith(f"no sign of life for 1 s from rank {stopped} (process ")
        assert back.startswith(f"signs of life again, or an end, of rank {stopped} (process ")
    else:
        assert not lines
