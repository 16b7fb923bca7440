"""The figure of the verdicts of a study: `verdicts.png`."""

from collections.abc import Sequence
from pathlib import Path

from common.figures.intervals import IntervalRow, plot_intervals
from common.metrics.descriptions import DESCRIPTIONS
from common.report.records import Picture
from common.studies.verdict import Verdict

QUICK_NOTICE = "Quick form: these numbers mean nothing."


def draw_verdicts(verdicts: Sequence[Verdict], path: Path, is_quick: bool) -> Picture:
    """Draw the differences with their intervals; return the picture for a report.

    Args:
        verdicts: at least one; all have the same reference.
        path: file to write.
        is_quick: whether they are of the quick form, which the figure then says.

    Raises:
        OutputError: the PNG cannot be written.
    """
    rows = [
        IntervalRow(DESCRIPTIONS[one.metric].heading, one.label, one.difference, one.low, one.high, one.answer)
        for one in verdicts
    ]
    plot_intervals(rows, verdicts[0].reference, path, QUICK_NOTICE if is_quick else "")
    return Picture(
        path, "Differences to the reference, with their intervals.", "A dot and a line for each variant and metric"
    )
