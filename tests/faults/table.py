"""The result of the faults: a Markdown table, and a line for each fault that did harm."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What one fault did.

    Attributes:
        fault: row of the table, such as `SIGKILL at a rename`.
        lost: each finished piece of work that is lost, wrong or cannot be reached, in a line.
        untidy: each process, temporary file or traceback that stays behind, in a line.
        fine: how it ended well, if there are several ways.
        skipped: why the fault could not be made here; empty if it was made.
    """

    fault: str
    lost: list[str] = field(default_factory=list)
    untidy: list[str] = field(default_factory=list)
    fine: str = ""
    skipped: str = ""

    @property
    def did_harm(self) -> bool:
        return bool(self.lost or self.untidy)


def table(outcomes: Iterable[Outcome]) -> str:
    """Return the Markdown table, a row a fault, and below it the harm that was done, or how it ended well."""
    outcomes = list(outcomes)
    rows = ["| Fault | Tried | Fine | Lost | Untidy |", "|---|---:|---:|---:|---:|"]
    for fault in dict.fromkeys(outcome.fault for outcome in outcomes):
        of_fault = [outcome for outcome in outcomes if outcome.fault == fault]
        tried = [outcome for outcome in of_fault if not outcome.skipped]
        counts = (len(tried), *(sum(map(is_such, tried)) for is_such in (_is_fine, _is_lost, _is_untidy)))
        rows.append(f"| {fault} | {' | '.join(map(str, counts))} |")
    return "\n".join([*rows, "", *notes(outcomes)]).rstrip()


def notes(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield each distinct line of what faults did, and why some were skipped."""
    lines = Counter()
    for outcome in outcomes:
        told = [("lost", line) for line in outcome.lost] + [("untidy", line) for line in outcome.untidy]
        told += [("fine", outcome.fine), ("skipped", outcome.skipped)]
        lines.update(f"- {outcome.fault}: {kind}: {line}" for kind, line in told if line)
    for text, count in lines.items():
        yield text + (f" ({count} times)" if count > 1 else "")


def _is_fine(outcome: Outcome) -> bool:
    return not outcome.did_harm


def _is_lost(outcome: Outcome) -> bool:
    return bool(outcome.lost)


def _is_untidy(outcome: Outcome) -> bool:
    return bool(outcome.untidy)
