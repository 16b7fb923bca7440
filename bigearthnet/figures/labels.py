"""Names of classes as labels of an axis."""

import textwrap

LABEL_CHARACTERS = 44  # of a class's name beside a row
SHORT_CHARACTERS = 26  # below a column


def short_label(name: str, characters: int = LABEL_CHARACTERS) -> str:
    """Return a class's name, shortened at a word if it has more characters."""
    return textwrap.shorten(name, characters, placeholder=" ...")


def counted_label(name: str, patches: int) -> str:
    """Return a class's name, and in brackets the number of patches that hold it."""
    return f"{short_label(name)} ({patches})"
