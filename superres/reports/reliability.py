"""The section of a report on expected errors: is the calibration right at pixels that it has not seen?"""

from collections.abc import Sequence
from pathlib import Path

from common.report.records import Column, Picture, Section, Table
from superres.evaluation.output import RELIABILITY_FIGURE
from superres.evaluation.reliability.table import ReliabilityRow
from superres.evaluation.tables import scene_labels


def reliability_section(folder: Path, rows: Sequence[ReliabilityRow]) -> Section:
    """Return tables and figure of the test of a calibration.

    Args:
        folder: of the evaluation, with the figure.
        rows: of `reliability.csv`.
    """
    labels = scene_labels(row.scene for row in rows)
    shares = [
        [labels[row.scene], row.band, 100 * row.within_68, 100 * row.within_95, row.expected, row.found]
        for row in rows
        if row.decile is None
    ]
    deciles = [
        [row.band, float(row.decile), row.expected, row.found]
        for row in rows
        if row.decile and row.scene == rows[-1].scene
    ]
    errors = [Column("Expected (DN)", 1), Column("True (DN)", 1)]
    return Section(
        "Uncertainty: expected errors against true ones",
        [
            "Each scene is tested with the calibration of the others, a single scene by halves. Errors are mean absolute ones.",
            Picture(
                folder / RELIABILITY_FIGURE,
                "True against expected errors by decile, and shares within the bounds for 68 % and 95 %.",
                "Curves of each band beside the line of a perfect calibration",
            ),
            Table(
                "Shares (%) of the true errors within the bounds for 68 % and 95 %",
                [Column("Scene"), Column("Band"), Column("68 % bound", 1), Column("95 % bound", 1), *errors],
                shares,
            ),
            Table(
                f"Deciles of the expected error, {labels[rows[-1].scene]}",
                [Column("Band"), Column("Decile", 0), *errors],
                deciles,
            ),
        ],
    )
