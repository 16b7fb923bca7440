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
    assert [column.title for column in shares.columns] == ["Scene", "B01", "B09"]
    assert shares.rows == [[scene, "70.0 / 94.0", "70.0 / 94.0"] for scene in ("a", "b", "all scenes")]
    assert deciles.rows == [[n, f"{n:.1f} / 6.0", f"{n:.1f} / 6.0"] for n in range(1, 11)]
    (picture,) = (part for part in section.parts if isinstance(part, Picture))
    assert picture.image == tmp_path / "reliability.png"
