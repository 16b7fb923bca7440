"""The shared wording of messages, and the text of errors that also are built-in ones."""

import pytest

from common import errors
from common.errors import ProductNotFoundError, S2Error, some_of


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["A"], "A"),
        (["A", "B", "C"], "A, B, C"),
        (["A", "B", "C", "D"], "A, B, C and 1 more"),
        (["A", "B", "A", "B", "C"], "A, B, C"),
        ([str(number) for number in range(2003)], "0, 1, 2 and 2,000 more"),
    ],
)
def test_some_of_lists_three_distinct_names_and_counts_the_rest(names: list[str], text: str) -> None:
    assert some_of(names) == text


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_every_error_is_one_of_ours_and_prints_its_message(name: str) -> None:
    error = getattr(errors, name)("expected this; got that.")
    assert isinstance(error, S2Error)
    assert str(error) == "expected this; got that."


def test_product_not_found_is_a_file_not_found_error() -> None:
    assert isinstance(ProductNotFoundError(), FileNotFoundError)
