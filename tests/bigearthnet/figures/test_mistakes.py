"""Pictures of mistakes: captions, stretch, and the picture."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.evaluation.mistakes import Mistake
from bigearthnet.figures.mistakes import (
    CAPTION_CHARACTERS,
    CAPTION_LINES,
    FOUND_COLOUR,
    MISSED_COLOUR,
    WRONG_COLOUR,
    caption,
    plot_mistakes,
    stretched,
)
from tests.support.metric_rows import LONG
from tests.support.pictures import is_drawn

IMAGE = np.random.default_rng(0).integers(0, 3000, (12, 12, 3)).astype(np.uint16)


@pytest.mark.parametrize("count", [1, 5])
def test_picture(tmp_path: Path, count: int) -> None:
    mistakes = [Mistake(f"patch {index}", IMAGE, [LONG], ["Pastures"] * index, []) for index in range(count)]
    plot_mistakes(mistakes, tmp_path / "mistakes.png")
    assert is_drawn(tmp_path / "mistakes.png")


def test_caption_names_each_class_in_the_colour_of_its_kind() -> None:
    lines = caption(Mistake("patch", IMAGE, ["Pastures"], ["Inland waters"], ["Peatbogs", "Mixed forest"]))
    assert [text for text, _ in lines] == [
        "patch",
        "found: Pastures",
        "missed: Inland waters",
        "wrong: Peatbogs",
        "wrong: Mixed forest",
    ]
    assert [colour for _, colour in lines[1:]] == [FOUND_COLOUR, MISSED_COLOUR, WRONG_COLOUR, WRONG_COLOUR]
    assert len({FOUND_COLOUR, MISSED_COLOUR, WRONG_COLOUR}) == 3


def test_long_names_are_wrapped_and_cut() -> None:
    texts = [text for text, _ in caption(Mistake("patch", IMAGE, [LONG], [], []))[1:]]
    assert len(texts) == CAPTION_LINES
    assert all(len(text) <= CAPTION_CHARACTERS for text in texts)
    assert texts[-1].endswith(" ...")


def test_stretch_keeps_colours_and_survives_one_value() -> None:
    assert stretched(np.full((3, 3, 3), 7, np.uint16)).max() == 0
    image = stretched(np.linspace(0, 1000, 300).reshape(10, 10, 3))
    assert image.min() == 0 and image.max() == 1
