"""The tables of an evaluation as files."""

from pathlib import Path

from bigearthnet.evaluation.output import METRICS, OUTPUT_FILES, TABLES, write_tables
from bigearthnet.evaluation.tables import describe, read_metrics
from tests.support.metric_rows import ROWS


def test_tables_end_with_their_provenance(tmp_path: Path) -> None:
    tables = write_tables(tmp_path, ROWS, "val", 12)
    assert tables == describe(ROWS, "val", 12)
    assert read_metrics(tmp_path / METRICS) == ROWS
    text = (tmp_path / TABLES).read_text()
    assert text.startswith(f"{tables}\n\nMade by `")
    assert text.count("\n\n") == tables.count("\n\n") + 1


def test_figures_of_any_method_may_be_overwritten() -> None:
    assert any(Path("mistakes-small-s2.png").match(pattern) for pattern in OUTPUT_FILES)
    assert not any(Path("config.json").match(pattern) for pattern in OUTPUT_FILES)
