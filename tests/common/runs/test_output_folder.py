"""Folders for results: what is there is kept, or replaced on request, and never more than that."""

import os
from pathlib import Path

import pytest

from common.errors import OutputError
from common.runs.folder import open_output_folder

RESULTS = ("metrics.csv", "*-errors.png")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_and_empty_folders(tmp_path):
    for _ in range(2):
        open_output_folder(tmp_path / "a" / "b", False, RESULTS)
        assert names(tmp_path / "a" / "b") == []


def test_results_are_refused_or_replaced(tmp_path):
    for name in ("metrics.csv", "scene-errors.png", "scene-notes.png", ".host.1.partial.metrics.csv"):
        (tmp_path / name).write_text("x")
    with pytest.raises(OutputError, match="is not empty; give another --output, or replace its results with --over"):
        open_output_folder(tmp_path, False, RESULTS)
    assert len(names(tmp_path)) == 4
    open_output_folder(tmp_path, True, RESULTS)
    assert names(tmp_path) == ["scene-notes.png"]


@pytest.mark.parametrize("below", ["", "results"])
def test_file_in_the_way(tmp_path, below):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="it, or a folder above it, is a file; give another --output"):
        open_output_folder(tmp_path / "file" / below, True, RESULTS)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        open_output_folder(tmp_path, False, RESULTS)
