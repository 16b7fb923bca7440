"""Help, wrong usage and interruption of `superres/predict.py`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.files.atomic import is_partial
from superres import predict
from tests.support.commands import lines_without_onednn

ROOT = Path(__file__).parents[3]


def test_help_ends_with_a_command():
    lines = predict.build_parser().format_help().splitlines()
    assert any("--roi-lonlat" in line for line in lines)
    assert "python superres/predict.py S2A" in lines[-1]


def test_wrong_usage_is_exit_code_2():
    for arguments in (
        [],
        ["scene"],
        ["scene", "--output", "x.tif", "--roi-pixels", "0,0,6,6", "--roi-lonlat", "1,2,3,4"],
    ):
        with pytest.raises(SystemExit) as stopped:
            predict.main(arguments)
        assert stopped.value.code == 2


INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from superres import predict
from superres.networks.catalogue import NETWORKS
from superres.prediction.sharpening import Sharpener
from tests.support.tiny_training import tiny_network
NETWORKS["dsen2"] = tiny_network()
sharpen = Sharpener.sharpen
def slowly(self, *arguments):
    Path(mark).touch()
    time.sleep(1)
    return sharpen(self, *arguments)
Sharpener.sharpen = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)  # processes in the background ignore SIGINT by default
for mark in sys.argv[1:3]:
    print(predict.main(sys.argv[3:]), flush=True)
"""


def test_an_interrupted_run_leaves_nothing(weights_dir, product, tmp_path):
    """Two runs in one process: the first is interrupted by Ctrl-C, the second by the signal of batch systems."""
    marks = [tmp_path / "first", tmp_path / "second"]
    out = tmp_path / "out"
    out.mkdir()
    options = [
        "--run-dir",
        weights_dir / "run20",
        "--window",
        "6",
        "--output",
        out / "out.tif",
        "--log-level",
        "WARNING",
    ]
    command = [sys.executable, "-c", INTERRUPTED, *marks, product, *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([str(word) for word in command], cwd=ROOT, **pipes) as process:
        for mark, signal_number in zip(marks, (signal.SIGINT, signal.SIGTERM), strict=True):
            while not mark.exists() and process.poll() is None:
                time.sleep(0.05)
            assert [path for path in out.iterdir() if not is_partial(path)] == []
            os.kill(process.pid, signal_number)
            assert process.stdout.readline() == "75\n"
            assert list(out.iterdir()) == []
        stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    advice = "finished files stay, run the same command again with --skip-existing."
    assert lines_without_onednn(stderr) == [
        f"Interrupted: stopped by {name}; {advice}" for name in ("SIGINT", "SIGTERM")
    ]
