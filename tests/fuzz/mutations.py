"""Damaged copies of valid inputs: parts of JSON, XML and tables are dropped, repeated or replaced, and bytes are changed.

A seed is a valid input with the positions of its parts, so that a mutation is a few slices of bytes.
"""

import random
import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

MOST_BYTES = 2**20  # of a mutated input
MOST_PARTS = 3000  # of a seed
DEEP = 20_000  # levels of nesting; Python's own limit is 1000

NUMBERS = [
    b"0",
    b"-1",
    b"1e999",
    b"-1e999",
    b"NaN",
    b"Infinity",
    b"1e18",
    b"9" * 19,
    b"9" * 5000,
    b"0.5",
    b"1e-320",
    b"0x10",
]
TEXTS = [
    b"",
    b" ",
    b"x" * 300,
    b"x" * 5000,
    b"../../..",
    b"/",
    b"\0",
    b"\xff\xfe",
    "\u0663\U0001f6f0".encode(),
    b"%s",
    b"{0}",
]
JSON_VALUES = [
    *NUMBERS,
    *(b'"' + text + b'"' for text in TEXTS),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"[[]]",
        b'{"a": {}}',
        b"[1, 2]",
        b'"1"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'["a"]',
        b"[null]",
    ),
]
XML_VALUES = [*NUMBERS, *TEXTS, b"<a/>", b"&#0;", b"&unknown;", b"<![CDATA[1]]>", b"<!-- -->", b"]]>", b"nan", b"1 2"]
CELLS = [*NUMBERS, *TEXTS, b"nan", b"inf", b'"', b'""', b"'", b",", b"\r", b"x" * 200_000, b"1_0", b"True", b"None"]
BYTES = [b"", b"\0", b"\xff", b"\0" * 100, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]


class Seed(NamedTuple):
    """A valid input.

    Attributes:
        content: its bytes.
        parts: start and end of values, elements or cells.
        values: bytes that may replace a part.
        nest: wraps a value in many levels.
        index: which of the files of a reader it is.
    """

    content: bytes
    parts: tuple[tuple[int, int], ...]
    values: list[bytes]
    nest: Callable[[bytes], bytes] | None
    index: int = 0


def make_seed(content: bytes, form: str, index: int = 0) -> Seed:
    """Return a seed.

    Args:
        content: the valid input.
        form: `json`, `xml`, `table` for lines with or without commas, or `bytes`.
        index: which of the files of a reader it is.
    """
    find, values, nest = FORMS[form]
    parts = find(content)
    return Seed(content, tuple(parts[:: max(1, len(parts) // MOST_PARTS)]), values, nest, index)


def mutate(seed: Seed, others: list[Seed], rng: random.Random) -> bytes:
    """Return a damaged copy of a seed, with one to about six changes."""
    content = seed.content
    if seed.parts and rng.random() < 0.75:
        content = _change_parts(seed, rng)
    if not seed.parts or rng.random() < 0.4:
        for _ in range(min(6, 1 + int(rng.expovariate(0.7)))):
            content = rng.choice(_BYTE_CHANGES)(content, rng.choice(others).content, rng)
    if seed.parts and rng.random() < 0.03:
        content = _recode(content, rng)
    return content[:MOST_BYTES]


def _change_parts(seed: Seed, rng: random.Random) -> bytes:
    """Drop, repeat, replace, swap or nest one to three parts."""
    content, last = seed.content, len(seed.content) + 1
    chosen = sorted(rng.sample(seed.parts, min(len(seed.parts), rng.choice((1, 1, 2, 3)))), reverse=True)
    for start, end in chosen:
        if end > last:  # it holds a part that was changed
            continue
        old = seed.content[start:end]
        action = rng.randrange(8)
        if action == 0:
            new = b""
        elif action == 1:
            new = old * rng.choice((2, 3, 50))
        elif action == 2:
            other = rng.choice(seed.parts)
            new = seed.content[slice(*other)]
        elif action == 3 and seed.nest and rng.random() < 0.2:
            new = seed.nest(old)
        else:
            new = rng.choice(seed.values)
        content, last = content[:start] + new + content[end:], start
    return content


def _flip(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwrite(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    position, new = rng.randrange(len(content) + 1), rng.choice(BYTES)
    return content[:position] + new + content[position + len(new) :]


def _cut(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _remove(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    start, end = _range(content, rng)
    return content[:start] + content[end:]


def _repeat(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    start, end = _range(content, rng)
    return content[:end] + content[start:end] * rng.choice((1, 3)) + content[end:]


def _splice(content: bytes, other: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other) + 1) :]


def _insert(content: bytes, _other: bytes, rng: random.Random) -> bytes:
    position = rng.randrange(len(content) + 1)
    return content[:position] + rng.choice(BYTES) + content[position:]


def _range(content: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(rng.expovariate(1 / 100)))


def _recode(content: bytes, rng: random.Random) -> bytes:
    """Return a text in another encoding, or with a mark of one."""
    text = content.decode("utf-8", "replace")
    how = rng.choice(("utf-16", "utf-32", "utf-8-sig", "cp037", "nul"))
    return content.replace(b" ", b"\0") if how == "nul" else text.encode(how, "replace")


_BYTE_CHANGES = (_flip, _flip, _flip, _overwrite, _cut, _remove, _repeat, _splice, _insert)


def _json_parts(content: bytes) -> list[tuple[int, int]]:
    parts, opened = [], []
    for match in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\w.+-]+|[\[\]{}]', content):
        token = match[0]
        if token in b"[{":
            opened.append(match.start())
        elif token in b"]}":
            parts.append((opened.pop(), match.end()))
        else:
            parts.append(match.span())
    return parts


def _xml_parts(content: bytes) -> list[tuple[int, int]]:
    parts = [match.span(1) for match in re.finditer(rb">([^<]*\S[^<]*)<", content)]  # texts
    parts += [match.span(1) for match in re.finditer(rb'="([^"]*)"', content)]
    opened = []
    for match in re.finditer(rb"<(/?)[\w:.-]+[^<>]*?(/?)>", content):  # elements
        if match[1]:
            parts.append((opened.pop(), match.end()))
        elif match[2]:
            parts.append(match.span())
        else:
            opened.append(match.start())
    return parts


def _table_parts(content: bytes) -> list[tuple[int, int]]:
    return [match.span() for pattern in (rb"[^,\s]+", rb"[^\n]+\n?") for match in re.finditer(pattern, content)]


def _nest(opening: bytes, closing: bytes, value: bytes) -> bytes:
    return opening * DEEP + value + closing * DEEP


FORMS: dict[str, tuple[Callable[[bytes], list[tuple[int, int]]], list[bytes], Callable[[bytes], bytes] | None]] = {
    "json": (_json_parts, JSON_VALUES, partial(_nest, b"[", b"]")),
    "xml": (_xml_parts, XML_VALUES, partial(_nest, b"<a>", b"</a>")),
    "table": (_table_parts, CELLS, None),
    "bytes": (lambda content: [], BYTES, None),
}
