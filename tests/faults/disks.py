"""Disks in image files, on loop devices. A copy of the image holds what a disk holds after a power cut.

The copy has all that the file system has given to the disk, in no matter what cache of the disk it may be. What the file
system itself has not written yet is missing. `dmsetup` would freeze the device; a copy during which nothing was written
is as good, and needs no driver.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTES = {"ext4": 64, "xfs": 320}  # mkfs.xfs makes no smaller one
MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
OPTIONS = {"ext4": "loop", "xfs": "loop,nouuid"}  # nouuid: a copy has the name of its original
COPIES = 50  # until nothing is written during one


class DiskError(Exception):
    """A disk cannot be made or mounted here."""


def make_disk(image: Path, kind: str) -> None:
    """Make an empty file system in a sparse file.

    Raises:
        DiskError: the tools are missing, or refuse.
    """
    with open(image, "wb") as file:
        file.truncate(MEGABYTES[kind] * 2**20)
    run(*MAKE[kind], image)


@contextmanager
def mounted(image: Path, kind: str, folder: Path) -> Iterator[Path]:
    """Mount an image at a folder, and unmount it at the end.

    Raises:
        DiskError: this is not possible here, or the file system is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", kind, "-o", OPTIONS[kind], image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk in memory of this size at a folder.

    Raises:
        DiskError: this is not possible here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def copy_as_cut(image: Path, target: Path) -> None:
    """Copy the image of a mounted disk as it is between two writes, without asking the file system for anything.

    Raises:
        DiskError: the disk is never still.
    """
    device = subprocess.run(["losetup", "-n", "-O", "NAME", "-j", image], capture_output=True, text=True).stdout.strip()
    counters = Path("/sys/block", Path(device).name, "stat")
    for _ in range(COPIES):
        before = _writes(counters)
        run("cp", "--sparse=always", image, target)
        if _writes(counters) == before:
            return
        time.sleep(0.02)
    raise DiskError(f"{device} is written to without a pause")


def _writes(counters: Path) -> tuple[str, str]:
    """Return the numbers of finished writes and of requests in flight."""
    fields = counters.read_text().split()
    return fields[4], fields[8]


def run(*words: object, accepted: tuple[int, ...] = (0,)) -> None:
    """Run a program.

    Raises:
        DiskError: it is missing, or its exit code is not an accepted one.
    """
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    except FileNotFoundError:
        raise DiskError(f"{words[0]} is missing") from None
    if done.returncode not in accepted:
        raise DiskError(f"{words[0]} failed: {' '.join(done.stderr.split())}")


def reason_to_skip(kind: str, folder: Path) -> str:
    """Return why disks of a kind cannot be made and mounted here; empty if they can."""
    if os.geteuid():
        return "only root may mount"
    try:
        make_disk(folder / "try.img", kind)
        with mounted(folder / "try.img", kind, folder / "try"):
            return ""
    except DiskError as error:
        return str(error)
    finally:
        (folder / "try.img").unlink(missing_ok=True)
