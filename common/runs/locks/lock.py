"""Locks: one job at a time changes a run folder or an output. They need no file locks, which network disks may lack.

A lock is a file that only one process can make, with the name of its holder. The holder touches it every ten seconds. If
the holder is gone, the next job takes the lock over: at once on the same machine, where it sees that the process is gone;
else after a minute in which the file did not change.

To take over, a process first makes a second file, the claim, whose name follows from the content of the lock. So only one
process can replace this content, and all others find that it has changed. A claim is taken like a lock, in case its
maker was killed.
"""

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import common.distributed as hvd
from common.errors import InUseError
from common.files.atomic import cannot_write, whole_file
from common.runs.locks.heartbeat import INTERVAL_S, SILENT_BEATS, Repeater, Sign, read_sign
from common.runs.locks.holder import parse_holder, this_process
from common.runs.signals import require_going_on

logger = logging.getLogger(__name__)

CLAIM = ".claim."  # after the name of a lock, in the name of a claim on it
_LOOKS = 20  # in an interval, at a lock whose holder is on another machine


@dataclass(frozen=True)
class Lock:
    """The lock of something that one job at a time may change.

    Attributes:
        path: the lock file.
        subject: the folder or file that it protects.
        option: the option that names the subject.
        interval: seconds between two signs of life.
    """

    path: Path
    subject: Path
    option: str
    interval: float = INTERVAL_S


_held: dict[Path, tuple[bytes, Repeater]] = {}  # locks of this process, by their absolute paths


def take(lock: Lock) -> None:
    """Take the lock and give signs of life from now on. This may take a minute.

    Raises:
        InUseError: another job holds it.
        OutputError: the lock file cannot be written.
        Interrupted: this process has got a stopping signal.
    """
    content = this_process().to_bytes()
    _take(lock, lock.path, content)
    for path in lock.path.parent.iterdir():
        if path.name.startswith(lock.path.name + CLAIM):  # of a process that was killed, or that comes too late
            path.unlink(missing_ok=True)
    _held[lock.path.absolute()] = content, Repeater(lambda: _give_sign(lock, content), lock.interval)


def release(lock: Lock) -> None:
    """Give the lock back if this process holds it."""
    content, heartbeat = _held.pop(lock.path.absolute(), (None, None))
    if content is not None:
        heartbeat.stop()
        with suppress(OSError):
            if _holds(lock, content):
                lock.path.unlink()


def require_free(lock: Lock) -> None:
    """Check that no other job holds the lock, and remove that of a holder who is gone. This may take a minute.

    Raises:
        InUseError, OutputError, Interrupted: as `take`.
    """
    take(lock)
    release(lock)


@contextmanager
def held_on_rank_zero(lock: Lock) -> Iterator[None]:
    """Hold a lock on rank 0 during the block. Every rank must call it.

    Raises:
        InUseError, OutputError: as `take`; on all ranks.
    """
    hvd.on_rank_zero(lambda: take(lock))
    try:
        yield
    finally:
        release(lock)


def require_held(lock: Lock) -> None:
    """Check that nobody has taken the lock of this process over, as may happen to a process that was suspended.

    Raises:
        InUseError: it was taken over, or somebody has removed the file.
    """
    content, _ = _held.get(lock.path.absolute(), (None, None))
    if content is not None and not _holds(lock, content):
        raise InUseError(f"{_describe_loss(lock)}; this job ends and changes nothing more there.")


def _take(lock: Lock, path: Path, content: bytes) -> None:
    """Make a lock file or a claim, or replace that of a holder who is gone."""
    while not _create(path, content):
        sign = read_sign(path)
        if sign is None or not _is_gone(lock, path, sign):
            continue
        claim = path.with_name(f"{path.name}{CLAIM}{hashlib.sha256(sign.content).hexdigest()[:12]}")
        _take(lock, claim, content)
        try:
            if read_sign(path) == sign:
                with whole_file(path) as temporary:
                    temporary.write_bytes(content)
                logger.info("%s was held by %s, which is gone; taken over", lock.subject, _name(sign))
                return
        finally:
            claim.unlink(missing_ok=True)


def _create(path: Path, content: bytes) -> bool:
    """Make a file that does not exist; return whether this process has made it.

    Raises:
        OutputError: the folder is missing or read-only, or the disk is full.
    """
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        os.write(file, content)
        os.fsync(file)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    finally:
        os.close(file)
    return True


def _is_gone(lock: Lock, path: Path, sign: Sign) -> bool:
    """Return whether the holder of a lock or claim is gone; False if the file has changed, so that one must look again.

    Raises:
        InUseError: the holder is there.
    """
    holder = parse_holder(sign.content)
    running = holder.is_running() if holder and holder.is_here else None
    if running is False:
        return True
    for look in range(_LOOKS * SILENT_BEATS):
        if running:
            break
        time.sleep(lock.interval / _LOOKS)
        require_going_on()
        now = read_sign(path)
        if now is None or now.content != sign.content:
            return False
        if now != sign:
            break
        if look == 0:
            seconds = lock.interval * SILENT_BEATS
            logger.info("%s is held by %s; it has %.0f s for a sign of life", lock.subject, _name(sign), seconds)
    else:
        return True
    raise InUseError(f"{lock.subject} is in use by {_name(sign)}; wait until it ends, or give another {lock.option}.")


def _give_sign(lock: Lock, content: bytes) -> bool:
    if not _holds(lock, content):
        logger.warning("%s", _describe_loss(lock))
        return False
    os.utime(lock.path)
    return True


def _holds(lock: Lock, content: bytes) -> bool:
    sign = read_sign(lock.path)
    return sign is not None and sign.content == content


def _describe_loss(lock: Lock) -> str:
    sign = read_sign(lock.path)
    if sign is None:
        return f"somebody has removed {lock.path}, by which this job held {lock.subject}"
    return f"{lock.subject} was taken over by {_name(sign)} while this job gave no sign of life"


def _name(sign: Sign) -> str:
    return str(parse_holder(sign.content) or "a process that is not known, because the lock file is damaged")
