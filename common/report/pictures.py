"""Pictures inside a page: PNG files as data URIs, as many as a file may hold that people send to each other."""

import base64
import struct
from collections.abc import Iterable
from typing import NamedTuple

from common.report.records import Picture, Report, Slider

MOST_BYTES = 16_000_000  # of all pictures of a report; base64 makes a third more of them
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Embedded(NamedTuple):
    """A picture as the page holds it.

    Attributes:
        uri: its data URI.
        width, height: in pixels; None if the file does not say.
    """

    uri: str
    width: int | None
    height: int | None


def embed_pictures(report: Report) -> dict[Picture, Embedded]:
    """Return the pictures as the page holds them, without those for which MOST_BYTES leave no room.

    Raises:
        OSError: a file cannot be read.
    """
    embedded, room = {}, MOST_BYTES
    for picture in pictures_of(report):
        image = picture.image if isinstance(picture.image, bytes) else picture.image.read_bytes()
        if len(image) <= room:
            room -= len(image)
            embedded[picture] = embed(image)
    return embedded


def pictures_of(report: Report) -> Iterable[Picture]:
    """Yield the pictures of a report: first those of sliders, which stand in no other file, then figures."""
    parts = [part for section in report.sections for part in section.parts]
    for part in parts:
        if isinstance(part, Slider):
            yield from part.pictures
    yield from (part for part in parts if isinstance(part, Picture))


def embed(image: bytes) -> Embedded:
    """Return a PNG image as a data URI, with its size."""
    known = image.startswith(SIGNATURE)
    width, height = struct.unpack(">II", image[16:24]) if known else (None, None)  # IHDR, the first chunk
    return Embedded("data:image/png;base64," + base64.b64encode(image).decode(), width, height)
