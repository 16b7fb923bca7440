"""A path that GDAL opens -> the file on the disk: the file itself, or the zip or tar that holds it.

`common/files/archives.py` makes the paths into archives.

In a zip: `/vsizip/{a.zip}/folder/b.jp2`. In a tar, by its first byte and its size: `/vsisubfile/1536_4000,a.tar`.
"""

import re
from pathlib import Path
from typing import NamedTuple

_IN_ZIP = re.compile(r"/vsizip/\{(?P<zip>.+)\}/(?P<member>.*)")
_IN_TAR = re.compile(r"/vsisubfile/(?P<offset>\d+)_(?P<size>\d+),(?P<tar>.+)")


class Place(NamedTuple):
    """The place of a file.

    Attributes:
        file: on the disk: the file itself, or the zip or tar that holds it.
        member: name in a zip; empty for others.
        offset: first byte in a tar; None for others.
        size: bytes in a tar; None for others.
    """

    file: Path
    member: str = ""
    offset: int | None = None
    size: int | None = None


def find_place(path: str) -> Place | None:
    """Return the place of a file or folder that GDAL opens; None if it is not on a disk."""
    if match := _IN_ZIP.fullmatch(path):
        return Place(Path(match["zip"]), match["member"])
    if match := _IN_TAR.fullmatch(path):
        return Place(Path(match["tar"]), offset=int(match["offset"]), size=int(match["size"]))
    return None if path.startswith("/vsi") else Place(Path(path))
