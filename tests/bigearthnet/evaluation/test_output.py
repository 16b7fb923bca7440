"""The names of the files of an evaluation."""

from pathlib import Path

from bigearthnet.evaluation.output import OUTPUT_FILES


def test_figures_of_any_method_may_be_overwritten() -> None:
    assert any(Path("mistakes-small-s2.png").match(pattern) for pattern in OUTPUT_FILES)
    assert not any(Path("config.json").match(pattern) for pattern in OUTPUT_FILES)
