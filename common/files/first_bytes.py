"""Name the content of a file that is no archive by its first bytes, so that a message says what to do with it."""

from pathlib import Path

from common.files.jpeg2000_gaps import SIGNATURE
from common.files.read_errors import describe_failed_read

_READ_BYTES = 1024
_WANTED = "give the product as a .SAFE or .zarr folder, its zip, its tar or its MTD_*.xml"
_UNPACK = "its pixels cannot be read in place: unpack it, and give the folder"
_ONE_IMAGE = (
    f"without the metadata of a product, which give the level, the offsets and the quantification of its DN; {_WANTED}"
)
_KINDS = (
    (b"PK\3\4", "is a zip that is cut short; download it again"),
    (b"\x1f\x8b", f"is compressed by gzip: {_UNPACK}"),
    (b"BZh", f"is compressed by bzip2: {_UNPACK}"),
    (b"\xfd7zXZ\0", f"is compressed by xz: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"is compressed by zstd: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"is a 7z archive: {_UNPACK}"),
    (b"Rar!", f"is a RAR archive: {_UNPACK}"),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), f"is one GeoTIFF {_ONE_IMAGE}"),  # classic and big, both byte orders
    (SIGNATURE, f"is one JPEG 2000 image {_ONE_IMAGE}"),
    (b"\x89HDF", f"is an HDF5 or NetCDF file; {_WANTED}"),
    (b"CDF", f"is a NetCDF file; {_WANTED}"),
)
_WEB_PAGE = "is a web page, as servers send it for an error or a login; download the product again"
_TEXTS = (
    (b"<!doctype html", _WEB_PAGE),
    (b"<html", _WEB_PAGE),
    (b"<", f"is an XML text in no product; {_WANTED}"),
    (b"{", f"is a JSON text; {_WANTED}"),
)


def describe_content(path: Path) -> str:
    """Return what a file is and what to do, as the end of a message: `is empty; download it again`."""
    try:
        with path.open("rb") as file:
            head = file.read(_READ_BYTES)
    except OSError as error:
        return describe_failed_read(error)
    if not head:
        return "is empty (0 bytes); download it again"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    kinds = [words for start, words in _KINDS if head.startswith(start)]
    texts = [words for start, words in _TEXTS if text.startswith(start)]
    return next(iter(kinds + texts), f"is no product and no complete zip or tar; {_WANTED}, or download it again")
