"""A process that sends itself a signal at one of its renames. Files get their final names by a rename."""

import os
import sys
from dataclasses import dataclass

RENAMES = ("os.rename", "os.link")  # audit events; `os.replace` and `Path.replace` raise the first, too


@dataclass(frozen=True)
class Strike:
    """The moment of a signal.

    Attributes:
        rename: number of the rename in the process, from 1.
        after: True: at the first step after this rename. False: right before it.
        signal_number: the signal.
    """

    rename: int
    after: bool
    signal_number: int

    def words(self) -> str:
        """Return the strike as a word of a command line."""
        return f"{self.rename}:{int(self.after)}:{self.signal_number}"

    @classmethod
    def from_words(cls, text: str) -> "Strike":
        """Return the strike that `words` wrote."""
        rename, after, signal_number = map(int, text.split(":"))
        return cls(rename, bool(after), signal_number)


NEVER = Strike(0, False, 0)  # only count


class RenameCounter:
    """Count the renames of this process from now on, and strike at one of them.

    Python raises an audit event right before it asks the system for a rename. The next event of any kind comes right
    after it. An audit hook stays until the process ends.
    """

    def __init__(self, strike: Strike = NEVER):
        self.count = 0
        self._strike = strike
        self._is_due = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if self._is_due:
            self._is_due = False  # os.kill raises an event, too
            os.kill(os.getpid(), self._strike.signal_number)
        if event in RENAMES:
            self.count += 1
            if self.count == self._strike.rename:
                self._is_due = True
                if not self._strike.after:
                    self._hear("", ())
