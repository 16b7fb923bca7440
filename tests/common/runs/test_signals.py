"""Signals are noted and looked for later: in commands, in this process, and from the first import on."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import Interrupted
from common.runs import signals
from common.runs.progress import progress
from tests.support.fake_safe import write_safe

ROOT = Path(__file__).parents[3]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", signals.STOPPING)
def test_the_first_signal_is_noted_and_others_change_nothing(number: signal.Signals) -> None:
    with signals.noted_signals():
        signals.require_going_on()
        send(number)
        for other in signals.STOPPING:
            send(other)
        with pytest.raises(Interrupted, match=f"^stopped by {number.name}$"):
            signals.require_going_on()


def test_earlier_handlers_are_put_back_and_the_next_command_goes_on() -> None:
    earlier = [signal.getsignal(number) for number in signals.STOPPING]
    for _ in range(2):
        with signals.noted_signals():
            signals.require_going_on()
            send(signal.SIGTERM)
        assert [signal.getsignal(number) for number in signals.STOPPING] == earlier
        signals.require_going_on()


def test_a_signal_is_heard_while_the_main_thread_waits_in_c_code() -> None:
    """A mutex that is locked twice, as a rank that waits for a lost one: no signal ends this wait."""
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    heard = []

    def hear(number: signal.Signals) -> None:
        heard.append(number)
        library.pthread_mutex_unlock(mutex)

    rescue = threading.Timer(5, library.pthread_mutex_unlock, (mutex,))
    with signals.noted_signals(), signals.heard_at_once(hear):
        rescue.start()
        threading.Timer(0.1, send, (signal.SIGTERM,)).start()
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
        assert heard == [signal.SIGTERM]
    rescue.cancel()
    assert signal.set_wakeup_fd(-1) == -1


def test_blocks_inside_each_other_share_the_signal() -> None:
    with signals.noted_signals():
        send(signal.SIGHUP)
        with signals.noted_signals():
            assert str(signals.interruption()) == "stopped by SIGHUP"
        assert str(signals.interruption()) == "stopped by SIGHUP"


def test_ignored_signals_stay_ignored() -> None:
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.noted_signals():
            send(signal.SIGHUP)
            signals.require_going_on()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)


def test_a_thread_leaves_the_handlers_alone() -> None:
    handlers = []

    def run() -> None:
        with signals.noted_signals():
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_progress_looks_after_each_piece_of_work() -> None:
    with signals.noted_signals(), progress(3, "windows", "test", show_bar=False) as advance:
        advance()
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):
            advance()


@pytest.mark.parametrize(
    "argv, orig_argv, expected",
    [
        ([os.path.relpath(ROOT / "superres" / "train.py")], [], True),
        ([str(ROOT / "common" / "sample.py")], [], True),
        (["/usr/bin/bigearthnet-prepare"], [], True),
        (["-m"], ["python", "-m", "superres.train", "--help"], True),
        (["-m"], ["python", "-um", "superres.train"], True),
        (["-m"], ["python", "-m", "pytest", "superres"], False),
        (["/home/somebody/common/script.py"], [], False),
        (["/usr/lib/ipykernel_launcher.py"], [], False),
        (["-c"], [], False),
        ([""], [], False),
        ([], [], False),
    ],
)
def test_commands_are_told_from_notebooks_and_tests(argv, orig_argv, expected, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert signals.is_started_as_command() == expected


def test_a_signal_during_the_imports_ends_a_command_in_one_line(tmp_path: Path) -> None:
    """The signal comes when the first package is imported: a folder in front of the module path has a numpy that sends it."""
    tile_list = tmp_path / "tiles.txt"  # without a scene, a command ends before it imports NumPy
    tile_list.write_text(write_safe(tmp_path).name)
    (tmp_path / "numpy.py").write_text(
        "import os, signal, sys\n"
        "for _ in range(3): os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.path.pop(0); del sys.modules['numpy']\n"
        "import numpy\n"
    )
    code = (
        "import runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # processes in the background ignore it
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"sys.argv = ['superres/train.py', '--tiles', {str(tile_list)!r}]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(
        "Interrupted: stopped by SIGINT; if the log names a run folder, go on with --resume --run-dir FOLDER; else run the "
        "same command again.\n"
    )
