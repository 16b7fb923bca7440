"""The exceptions that JEOPARDA raises for bad input, and a list of names for their messages.

Each message is one line: what was expected, what came, what to do. `common/runs/cli.py` prints it and exits with 1, or with 75 at
a signal.
Every class also derives from the matching built-in error, so that callers can catch either.
"""

from collections.abc import Iterable

SHOWN_NAMES = 3  # names that one message lists


class S2Error(Exception):
    """Base of all our errors.

    Attributes:
        on_all_ranks: True if every rank raises the same error. Then only rank 0 reports it.
    """

    on_all_ranks = False


class ProductError(S2Error, ValueError):
    """A Sentinel-2 product or BigEarthNet patch folder is damaged, or lacks a file, a band or a tile."""


class ProductNotFoundError(ProductError, FileNotFoundError):
    """A product, or one of its files, does not exist."""

    # FileNotFoundError builds its text from an error number and a file name.
    __str__ = Exception.__str__


class TileListError(S2Error, ValueError):
    """A tile list names an unknown scene, the same scene twice, or no scene."""


class PatchFileError(S2Error, ValueError):
    """A patch file has another schema, is cut short, or was not written by JEOPARDA."""


class RunFolderError(S2Error, ValueError):
    """A run folder exists already, lacks a file, or was made with other settings."""


class InUseError(S2Error, ValueError):
    """Another job works on a run folder or an output."""


class WeightsError(S2Error, ValueError):
    """Weights or a checkpoint do not fit the network."""


class DamagedFileError(S2Error, ValueError):
    """A file is not as it was written: it differs from the checksums in it."""


class SettingError(S2Error, ValueError):
    """An option is unknown, is out of range, or contradicts another."""


class OutputError(S2Error, ValueError):
    """A result cannot be written: it exists, its folder is missing or read-only, or the disk is full."""


class DownloadError(S2Error, ValueError):
    """A download failed, or its checksum is wrong."""


class TrainingError(S2Error, ValueError):
    """Training cannot continue, for example because the loss is no longer finite."""


class Interrupted(S2Error):
    """A signal asks the command to stop. `common/runs/cli.py` adds to the message how to go on."""


def some_of(names: Iterable[str]) -> str:
    """List the first few distinct names and count the rest: `A, B, C and 2 more`."""
    distinct = list(dict.fromkeys(names))
    rest = len(distinct) - SHOWN_NAMES
    return ", ".join(distinct[:SHOWN_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")
