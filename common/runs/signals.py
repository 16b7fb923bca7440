"""Stop at a signal: a handler notes it, and loops look for it where they can stop safely.

Python runs handlers between any two bytecodes. If a handler raised an exception, TensorFlow's C++ could swallow it, and a
second signal could end the clean-up after the first. This handler only notes the first signal; further ones change
nothing. Long calls of C code end first. SIGKILL ends a process at once; finished files stay whole then, too.

`common/__init__.py` imports this module first, so it imports nothing that takes time.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from common.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)  # terminals and batch systems send them
PACKAGES = ("common", "superres", "bigearthnet")
_ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))  # the folder of the packages

_first: signal.Signals | None = None


def install() -> None:
    """Note the stopping signals from now on. Ignored ones stay ignored: `nohup` ignores SIGHUP, shells SIGINT after `&`."""
    for number in STOPPING:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):  # None: C code handles it
            signal.signal(number, note)


def note(number: int, frame: FrameType | None) -> None:
    """Handle a stopping signal."""
    global _first
    _first = _first or signal.Signals(number)


def is_started_as_command() -> bool:
    """Return whether this process is one of our commands, and not a notebook or a test that imports us."""
    if sys.argv[:1] == ["-m"]:  # Python has not found the module's file yet; options such as -u may stand before -m
        return any(word.startswith(tuple(f"{name}." for name in PACKAGES)) for word in sys.orig_argv)
    path = os.path.realpath(sys.argv[0] if sys.argv else "")
    folder, name = os.path.split(path)
    is_ours = folder in (os.path.join(_ROOT, package) for package in PACKAGES) and os.path.isfile(path)
    return is_ours or name.startswith(("superres-", "bigearthnet-"))


@contextmanager
def noted_signals() -> Iterator[None]:
    """Note the stopping signals inside this block, unless this process does so already; then put their handlers back.

    Only the main thread of Python can set handlers; in another thread this does nothing.
    """
    global _first
    earlier = {number: signal.getsignal(number) for number in STOPPING}
    if note in earlier.values() or threading.current_thread() is not threading.main_thread():
        yield
        return
    _first = None
    install()
    try:
        yield
    finally:
        for number, handler in earlier.items():
            if handler is not None:
                signal.signal(number, handler)
        _first = None


@contextmanager
def heard_at_once(hear: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call a function in a thread as soon as a signal comes inside this block, even if the main thread waits in C code.

    Python runs handlers in the main thread only, and a rank may wait there for another one that is lost. Only the main
    thread can ask for this; in another thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    thread = threading.Thread(target=_pass_on, args=(reading, hear), daemon=True)
    thread.start()
    earlier = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(writing)
        thread.join()
        os.close(reading)


def _pass_on(reading: int, hear: Callable[[signal.Signals], None]) -> None:
    """Call a function for each signal that the system notes in a pipe, until the pipe ends."""
    while number := os.read(reading, 1):
        hear(signal.Signals(number[0]))


def interruption() -> Interrupted | None:
    """Return an error that names the first stopping signal, or None if there was none."""
    return Interrupted(f"stopped by {_first.name}") if _first else None


def require_going_on() -> None:
    """Raise Interrupted if this process has got a stopping signal. Call it where the work can stop safely."""
    error = interruption()
    if error:
        raise error
