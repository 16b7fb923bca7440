"""Pictures inside a page: PNG files as data URIs, as many as a file may hold that people send to each other."""

import base64
import logging
import struct
from collections.abc import Iterable
from typing import NamedTuple

from common.files.read_errors import describe_failed_read
from common.report.records import Picture, Report, Slider

MOST_BYTES = 16_000_000  # of all pictures of a report; base64 makes a third more of them
SIGNATURE = b"\x89PNG\r\n\x1a\n"

logger = logging.getLogger(__name__)


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

    A file that cannot be read is left out, too: the disk of another rank, which drew it, may show it late.
    """
    embedded, room = {}, MOST_BYTES
    for picture in pictures_of(report):
        image = read_image(picture)
        if image is not None and len(image) <= room:
            room -= len(image)
            embedded[picture] = embed(image)
    return embedded


def read_image(picture: Picture) -> bytes | None:
    """Return the bytes of a picture; None, with a warning, if its file cannot be read."""
    if isinstance(picture.image, bytes):
        return picture.image
    try:
        return picture.image.read_bytes()
    except OSError as error:
        logger.warning("%s %s; the report goes without it", picture.image, describe_failed_read(error))
        return None


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
