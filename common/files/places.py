"""Where the bytes of a file are: GDAL also opens files inside a zip, by paths such as `/vsizip/{a.zip}/folder/b.jp2`."""

import re
from pathlib import Path
from typing import NamedTuple

_IN_ZIP = re.compile(r"/vsizip/\{(?P<zip>.+)\}/(?P<member>.*)")


class Place(NamedTuple):
    """The place of a file.

    Attributes:
        file: on the disk: the file itself, or the zip that holds it.
        member: name in the zip; empty for a file of its own.
    """

    file: Path
    member: str = ""


def find_place(path: str) -> Place | None:
    """Return the place of a file or folder that GDAL opens; None if it is not on a disk, or in another archive than a zip."""
    if match := _IN_ZIP.fullmatch(path):
        return Place(Path(match["zip"]), match["member"])
    return None if path.startswith("/vsi") else Place(Path(path))
