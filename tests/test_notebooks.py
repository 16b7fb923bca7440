"""Notebooks as stored: a first cell with question, input and minutes, no outputs, short functions.

The plugin nbmake of pytest runs them from top to bottom.
"""

import ast
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MOST_LINES = 40  # of a function: one screen


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request: pytest.FixtureRequest) -> list[dict]:
    return json.loads(request.param.read_text())["cells"]


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 4


def test_first_cell_has_question_input_and_minutes(cells: list[dict]) -> None:
    text = "".join(cells[0]["source"])
    assert cells[0]["cell_type"] == "markdown"
    for word in ("**Question**:", "**Input**:", "**Minutes**:"):
        assert word in text


def test_outputs_are_stripped(cells: list[dict]) -> None:
    """If this fails, run `nbstripout notebooks/*.ipynb`."""
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_cells_are_short_and_name_no_folder_of_a_machine(cells: list[dict]) -> None:
    for cell in cells:
        source = "".join(cell["source"])
        assert not re.search(r"/(home|root|tmp|work|mnt)/", source)
        assert max(map(len, source.splitlines())) <= 120
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.lineno < MOST_LINES
