"""Small files on disk or at an http address: whole, or an OSError, soon and in little memory."""

from pathlib import Path

import pytest

from common.scenes.stac import documents
from common.scenes.stac.documents import read_document
from tests.support.file_server import FileServer, serve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "MTD.xml").write_bytes(b"<xml/>" * 40_000)
    return tmp_path


@pytest.fixture
def server(folder: Path):
    with serve(folder) as server:
        yield server


def address(server: FileServer) -> str:
    return f"/vsicurl/{server.url}/MTD.xml"


def test_content(folder: Path, server: FileServer) -> None:
    assert read_document(str(folder / "MTD.xml")) == read_document(address(server)) == b"<xml/>" * 40_000


@pytest.mark.parametrize("path", ["missing.xml", ".", "a\0b"])
def test_local_files_that_cannot_be_read(folder: Path, path: str) -> None:
    with pytest.raises(OSError):
        read_document(str(folder / path))


@pytest.mark.parametrize("status", [403, 404, 500])
def test_other_answers(server: FileServer, status: int) -> None:
    server.statuses["MTD"] = status
    with pytest.raises(OSError, match=f"HTTP Error {status}"):
        read_document(address(server))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/MTD.xml", "http://host .xml", "https://a..b/", "http://127.0.0.1:99999/"]
)
def test_addresses_without_a_server(url: str) -> None:
    with pytest.raises(OSError):
        read_document(f"/vsicurl/{url}")


def test_a_server_that_stops_in_the_middle(server: FileServer) -> None:
    server.breaks.add("MTD")
    with pytest.raises(OSError, match="lacks 120000 bytes"):
        read_document(address(server))


def test_a_server_that_does_not_answer(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_TIMEOUT_S", 0.1)
    server.stalls.add("MTD")
    with pytest.raises(OSError, match="timed out"):
        read_document(address(server))


def test_a_slow_server(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_MOST_S", 0.0)
    with pytest.raises(OSError, match="takes more than 0 s"):
        read_document(address(server))


def test_a_large_file(folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_METADATA_BYTES", 2**17)
    for path in (str(folder / "MTD.xml"), address(server)):
        with pytest.raises(OSError, match="is larger than 0 MiB"):
            read_document(path)
