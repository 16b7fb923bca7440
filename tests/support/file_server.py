"""A real HTTP/1.1 server of the files of a folder, in a thread: it answers range requests, counts them, and fails on request."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class FileServer(ThreadingHTTPServer):
    """Serves the files of a folder.

    Attributes:
        folder: its files have the addresses `url/NAME`.
        url: address of the folder.
        answers_ranges: whether a request for a range gets that range; otherwise it gets the whole file.
        statuses: part of a path -> status of the answer to paths that hold it, such as 404.
        statuses_once: as `statuses`, for the next request only.
        breaks: parts of paths; the answer for such a file ends in the middle, but for a range at its beginning.
        stalls: parts of paths that get no answer.
        requests: method, path and range of each request.
    """

    daemon_threads = True

    def __init__(self, folder: Path, answers_ranges: bool = True):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers_ranges = answers_ranges
        self.statuses: dict[str, int] = {}
        self.statuses_once: dict[str, int] = {}
        self.breaks: set[str] = set()
        self.stalls: set[str] = set()
        self.requests: list[tuple[str, str, str]] = []
        self.ends = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Print nothing if a client goes away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and content in one packet
    disable_nagle_algorithm = True
    server: FileServer

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def _answer(self, with_content: bool) -> None:
        path = urlsplit(self.path).path
        asked = self.headers.get("Range", "")
        self.server.requests.append((self.command, path, asked))
        if any(part in path for part in self.server.stalls):
            self.server.ends.wait(30)
            return None
        file = self.server.folder / path.lstrip("/")
        status = next((status for part, status in self.server.statuses.items() if part in path), 0)
        once = next((part for part in self.server.statuses_once if part in path), None)
        status = self.server.statuses_once.pop(once) if once else status
        if status or not file.is_file():
            return self._send(status or 404, b"", with_content)
        size = file.stat().st_size
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
        if not match or not self.server.answers_ranges:
            return self._send(200, file.read_bytes(), with_content, breaks=self._breaks(path))
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
        if first >= size:
            return self._send(416, b"", with_content)
        with file.open("rb") as opened:
            opened.seek(first)
            content = opened.read(last + 1 - first)
        headers = {"Content-Range": f"bytes {first}-{last}/{size}", "Accept-Ranges": "bytes"}
        return self._send(206, content, with_content, headers, breaks=first > 0 and self._breaks(path))

    def _breaks(self, path: str) -> bool:
        return any(part in path for part in self.server.breaks)

    def _send(
        self,
        status: int,
        content: bytes,
        with_content: bool,
        headers: dict[str, str] | None = None,
        breaks: bool = False,
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(content[: len(content) // 2] if breaks else content)
        self.close_connection = self.close_connection or breaks

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serve(folder: Path, answers_ranges: bool = True) -> Iterator[FileServer]:
    """Serve a folder until the block ends."""
    with FileServer(folder, answers_ranges) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ends.set()
            server.shutdown()
            thread.join()
