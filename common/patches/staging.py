"""Copies of patch files and prepared files on a disk of each node, for --stage: made once a node, and read instead.

The name of a copy ends in a digest of the checksums and the size of its file. So a copy is used again while the file has
the same content, and a file that has changed gets another copy. Copies stay when the job ends: no job can know whether
another one reads them.
"""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import common.distributed as hvd
from common.errors import InUseError, OutputError, PatchFileError
from common.files.atomic import is_partial, make_folder, require_space, whole_file, why_no_folder
from common.files.hdf5 import FileKind, open_complete_hdf5
from common.files.read_errors import describe_failed_read
from common.files.seal import SEAL
from common.runs.locks.lock import Lock, release, take
from common.runs.progress import progress
from common.runs.signals import require_going_on

logger = logging.getLogger(__name__)

STAGED = ".staged.h5"  # end of the names of copies
LOCK = "stage.lock"  # held by the process that copies into a folder
LOOK_S = 1.0  # seconds between two looks at the lock of another job
MB = 1e6
_BLOCK_BYTES = 8 * 2**20


class Original(NamedTuple):
    """A file of ours to copy.

    Attributes:
        path: the file.
        kind: its kind.
        size: bytes.
        digest: of its checksums and its size, which tell one content from another.
    """

    path: Path
    kind: FileKind
    size: int
    digest: str

    def copy_in(self, folder: Path) -> Path:
        """Return the path of the copy in a folder."""
        return folder / f"{self.path.stem}-{self.digest}{STAGED}"


def describe_original(path: Path, attributes: Mapping[str, Any], kind: FileKind) -> Original:
    """Return what identifies the content of a file.

    Args:
        path: the file.
        attributes: its root attributes. The seal covers the checksum of each image; files of older versions have only
            `checksum`, which covers all arrays.
        kind: its kind.
    """
    size = path.stat().st_size
    content = f"{attributes['checksum']} {attributes.get(SEAL, '')} {size}"
    return Original(path, kind, size, hashlib.sha256(content.encode()).hexdigest()[:16])


def kind_of_copy(kind: FileKind) -> FileKind:
    """Return the kind of the copies of a kind of file, whose messages say what to do with a damaged copy."""
    return kind._replace(remedy="remove this copy, and --stage makes it again")


def check_stage(folder: Path | None) -> None:
    """Make the folder of --stage on each node and try to write there, before the work of a command begins.

    Every rank must call it. The space that copies need is not known yet.

    Args:
        folder: on a disk of the node; None: files are read where they are.

    Raises:
        OutputError: on a node, the folder cannot be made or written to.
    """
    if folder is None:
        return

    def check() -> None:
        _make(folder)
        require_space(folder / LOCK, 1)

    hvd.once_a_node(check)


def stage_files(originals: Sequence[Original], folder: Path, show_progress: bool = False) -> list[Path]:
    """Copy files into a folder of each node, unless they are there, and return the copies. Every rank must call it.

    The first rank of each node copies, and the others wait. The seal of a copy is compared; its images are compared when
    they are first read, as those of any file.

    Args:
        originals: the files, as rank 0 has found them.
        folder: on a disk of the node; made if it is missing.
        show_progress: show a bar.

    Raises:
        OutputError: on a node, the folder cannot be made or written to, or has not enough space.
        PatchFileError: a file cannot be read, or was changed meanwhile.
        Interrupted: the copying rank of a node has got a stopping signal.
    """
    started = time.monotonic()
    copied = hvd.once_a_node(lambda: _stage(originals, folder, show_progress))
    if hvd.rank() == 0:
        logger.info(
            "--stage %s: %d files of %.1f MB; nodes: %d; copied now: %d files of %.1f MB in %.1f s",
            folder,
            len(originals),
            _bytes(originals) / MB,
            len(copied),
            sum(map(len, copied)),
            sum(map(_bytes, copied)) / MB,
            time.monotonic() - started,
        )
    return [original.copy_in(folder) for original in originals]


def _stage(originals: Sequence[Original], folder: Path, show_progress: bool) -> list[Original]:
    """Copy the files that are missing in a folder, and return them."""
    missing = _find_missing(originals, folder)
    if not missing:
        return []
    _make(folder)
    with _turn_to_copy(folder, missing):
        missing = _find_missing(originals, folder)  # another job may have copied them meanwhile
        _remove_unfinished(folder)
        _require_space(folder, missing)
        with progress(_bytes(missing) / MB, "MB", f"copying to {folder}", show_progress) as advance:
            for original in missing:
                _copy(original, folder, advance)
    return missing


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed jobs have left, also those of other machines: only the holder of the lock copies."""
    for path in folder.iterdir():
        if is_partial(path) and path.name.endswith(STAGED):
            with suppress(OSError):  # it is another user's, for example
                path.unlink()


def _find_missing(originals: Sequence[Original], folder: Path) -> list[Original]:
    return [original for original in originals if not _is_copy(original.copy_in(folder), original)]


def _bytes(originals: Sequence[Original]) -> int:
    return sum(original.size for original in originals)


def _is_copy(path: Path, original: Original) -> bool:
    """Return whether a file has the content of the original, as far as its seal tells."""
    try:
        with open_complete_hdf5(path, original.kind) as file:
            return describe_original(path, file.attrs, original.kind).digest == original.digest
    except PatchFileError:
        return False


def _make(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise OutputError(f"cannot make --stage {folder}: {why_no_folder(error)}; give another folder.") from error


@contextmanager
def _turn_to_copy(folder: Path, missing: Sequence[Original]) -> Iterator[None]:
    """Hold the lock of a folder during the block. Wait for it while another job copies into the folder."""
    lock = Lock(folder / LOCK, folder, "--stage")
    is_told = False
    while True:
        try:
            take(lock)
            break
        except InUseError as error:
            if not is_told:
                # A warning, because all ranks wait with this one, which need not be rank 0.
                logger.warning("waiting, because %s", str(error).partition(";")[0])
            is_told = True
            require_going_on()
            time.sleep(LOOK_S)
        except OutputError:
            _require_space(folder, missing)  # on a full disk this tells more
            raise
    try:
        yield
    finally:
        release(lock)


def _require_space(folder: Path, missing: Sequence[Original]) -> None:
    needed, free = _bytes(missing), shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"--stage {folder} has {free:,} bytes free, and the copies of {len(missing)} files need {needed:,}; make space "
            f"there, give another folder, or leave --stage out."
        )


def _copy(original: Original, folder: Path, advance: Callable[[float], None]) -> None:
    """Copy a file, whole or not at all.

    Raises:
        PatchFileError: the file cannot be read, or has another content than it had.
        OutputError: the copy cannot be written.
    """
    with whole_file(original.copy_in(folder)) as temporary:
        with open(temporary, "wb") as copy:
            for block in _blocks(original, folder):
                copy.write(block)
                advance(len(block) / MB)
        if not _is_copy(temporary, original):
            raise _change(original, folder)


def _blocks(original: Original, folder: Path) -> Iterator[memoryview]:
    """Yield the content of a file. Each block lies in the memory of the one before."""
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    try:
        with original.path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            while count := file.readinto(buffer):
                yield buffer[:count]
            after = os.fstat(file.fileno())
    except OSError as error:
        raise PatchFileError(f"{original.path} {describe_failed_read(error)}.") from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _change(original, folder)


def _change(original: Original, folder: Path) -> PatchFileError:
    return PatchFileError(
        f"the copy of {original.path} in {folder} is not as the file was: it was changed meanwhile, or a disk is faulty; run "
        f"the same command again."
    )
