"""The section of a report on expected errors."""

from pathlib import Path

from common.report.records import Picture, Table
from superres.evaluation.reliability.table import ReliabilityRow
from superres.reports.reliability import reliability_section


def test_shares_of_each_scene_and_deciles_of_all(tmp_path: Path) -> None:
    rows = [
        ReliabilityRow(scene, band, decile, decile or 5.0, 6.0, 0.7, 0.94)
        for band in ("B01", "B09")
        for scene in ("a", "b", "all scenes")
        for decile in (None, *range(1, 11))
    ]
    section = reliability_section(tmp_path, rows)
    shares, deciles = (part for part in section.parts if isinstance(part, Table))
    assert [row[:2] for row in shares.rows[:4]] == [["a", "B01"], ["b", "B01"], ["all scenes", "B01"], ["a", "B09"]]
    assert all(abs(row[2] - 70) < 1e-9 and abs(row[3] - 94) < 1e-9 for row in shares.rows)
    assert [row[:3] for row in deciles.rows] == [[band, n, n] for band in ("B01", "B09") for n in range(1, 11)]
    (picture,) = (part for part in section.parts if isinstance(part, Picture))
    assert picture.image == tmp_path / "reliability.png"
