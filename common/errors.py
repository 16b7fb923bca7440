"""The exceptions that JEOPARDA raises for bad input.

Each message is one line: what was expected, what came, what to do. `common.cli.run_command` prints it and exits with 1.
Every class also derives from the matching built-in, so that callers can catch either.
"""

from collections.abc import Iterable

SHOWN_NAMES = 3  # names that one message lists


def some_of(names: Iterable[str]) -> str:
    """List the first few distinct names and count the rest: `A, B, C and 2 more`."""
    distinct = list(dict.fromkeys(names))
    rest = len(distinct) - SHOWN_NAMES
    return ", ".join(distinct[:SHOWN_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")


class S2Error(Exception):
    """Base of all our errors.

    Attributes:
        on_all_ranks: every rank raises this same error, so rank 0 alone reports it.
    """

    on_all_ranks = False


class ProductError(S2Error, ValueError):
    """A Sentinel-2 product or BigEarthNet patch folder is damaged or lacks what was asked for."""


class ProductNotFoundError(ProductError, FileNotFoundError):
    """A product, or a file of it, is not there."""

    # FileNotFoundError would print its own idea of a message.
    __str__ = Exception.__str__


class TileListError(S2Error, ValueError):
    """A list of tiles names something unknown, something twice, or nothing."""


class PatchFileError(S2Error, ValueError):
    """A patch file has another schema, is cut short, or is not ours."""


class RunFolderError(S2Error, ValueError):
    """A run folder exists already, lacks a file, or belongs to other settings."""


class WeightsError(S2Error, ValueError):
    """Weights or a checkpoint do not fit the network."""


class SettingError(S2Error, ValueError):
    """Options are unknown, out of range, or do not go together."""


class OutputError(S2Error, ValueError):
    """A result cannot be written: it exists, the folder is missing or read-only, or the disk is full."""


class DownloadError(S2Error, ValueError):
    """A download failed or is not what its checksum says."""


class TrainingError(S2Error, ValueError):
    """Training cannot go on, for example because the loss is no longer finite."""
