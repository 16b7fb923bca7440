"""The section of a report on expected errors: is the calibration right at pixels that it has not seen?"""

from collections.abc import Sequence
from pathlib import Path

from common.report.records import Column, Picture, Section, Table
from superres.evaluation.output import RELIABILITY_FIGURE
from superres.evaluation.reliability.table import DECILES, ReliabilityRow
from superres.evaluation.tables import scene_labels


def reliability_section(folder: Path, rows: Sequence[ReliabilityRow]) -> Section:
    """Return tables and figure of the test of a calibration.

    Args:
        folder: of the evaluation, with the figure.
        rows: of `reliability.csv`.
    """
    labels = scene_labels(row.scene for row in rows)
    bands = list(dict.fromkeys(row.band for row in rows))
    found = {row[:3]: row for row in rows}  # scene, band and decile -> row
    shares = [
        [
            label,
            *(shown(100 * row.within_68, 100 * row.within_95) for row in (found[scene, band, None] for band in bands)),
        ]
        for scene, label in labels.items()
    ]
    last = rows[-1].scene
    errors = [
        [float(decile), *(shown(row.expected, row.found) for row in (found[last, band, decile] for band in bands))]
        for decile in range(1, DECILES + 1)
    ]
    of_bands = [Column(band) for band in bands]
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
                "Shares (%) of the true errors within the bounds for 68 % / 95 %", [Column("Scene"), *of_bands], shares
            ),
            Table(
                f"Expected / true absolute error (DN) by decile of the expected error, {labels[last]}",
                [Column("Decile", 0), *of_bands],
                errors,
            ),
        ],
    )


def shown(first: float, second: float) -> str:
    """Return two values as a cell."""
    return f"{first:.1f} / {second:.1f}"
