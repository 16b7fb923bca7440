"""Labels of classes."""

import pytest

from bigearthnet.figures.labels import LABEL_CHARACTERS, SHORT_CHARACTERS, counted_label, short_label
from tests.support.metric_rows import LONG


@pytest.mark.parametrize("characters", [SHORT_CHARACTERS, LABEL_CHARACTERS])
def test_long_names_are_shortened_at_a_word(characters: int) -> None:
    label = short_label(LONG, characters)
    assert len(label) <= characters
    assert label.endswith(" ...")
    assert LONG.startswith(label.removesuffix("...")), label


def test_short_names_stay() -> None:
    assert short_label("Inland waters") == "Inland waters"


def test_number_of_patches_stands_in_brackets() -> None:
    assert counted_label("Inland waters", 12) == "Inland waters (12)"
