"""Files that are no archive are named by their first bytes."""

from pathlib import Path

import pytest

from common.files.first_bytes import describe_content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes); download it again"),
        (b"PK\3\4\x14\0", "is a zip that is cut short; download it again"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML><p>Log in", "is a web page, as servers send it"),
        (b"<html lang=en>", "is a web page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied', "is an XML text in no product; give"),
        (b'{"detail": "Unauthorized"}', "is a JSON text; give the product"),
        (b"\x1f\x8b\x08", "is compressed by gzip: its pixels cannot be read in place: unpack it, and give the folder"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        (b"II*\0", "is one GeoTIFF without the metadata of a product"),
        (b"\0\0\0\x0cjP  \r\n", "is one JPEG 2000 image without"),
        (b"\x89HDF\r\n", "is an HDF5 or NetCDF file; give"),
        (b"anything", "is no product and no complete zip or tar; give"),
    ],
)
def test_content(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "product.zip").write_bytes(content)
    assert describe_content(tmp_path / "product.zip").startswith(words)


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert describe_content(tmp_path / "none") == "cannot be read (No such file or directory); check the path"
