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
    Path(sys.argv[1]).touch()
    time.sleep(1)
    return sharpen(self, *arguments)
Sharpener.sharpen = slowly
signal.signal(signal.SIGINT, signal.default_int_handler)  # processes in the background ignore SIGINT by default
sys.exit(predict.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(weights_dir, product, tmp_path, signal_number):
    mark = tmp_path / "started"
    (tmp_path / "out").mkdir()
    command = [
        sys.executable,
        "-c",
        INTERRUPTED,
        mark,
        product,
        "--run-dir",
        weights_dir / "run20",
        "--window",
        "6",
        "--output",
        tmp_path / "out" / "out.tif",
        "--log-level",
        "WARNING",
    ]
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not mark.exists() and process.poll() is None:
        time.sleep(0.05)
    assert [path for path in (tmp_path / "out").iterdir() if not is_partial(path)] == []
    os.kill(process.pid, signal_number)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert stderr.splitlines()[-1] == "S2Error: interrupted; finished files stay, run the same command again."
    assert "Traceback" not in stderr
    assert list((tmp_path / "out").iterdir()) == []
