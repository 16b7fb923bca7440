"""Small text files that an item names, on disk or at an http address: read whole, in bounded time and memory."""

import time

from common.files.limits import MAX_METADATA_BYTES, read_regular_file
from common.scenes.stac.assets import REMOTE

_TIMEOUT_S = 10.0  # for each answer of the server
_MOST_S = 30.0  # for the whole file


def read_document(path: str) -> bytes:
    """Read a file, or what a server answers for `/vsicurl/URL`. No credentials are sent.

    Raises:
        OSError: the file cannot be read, the server does not answer with it, or it is larger than MAX_METADATA_BYTES.
    """
    try:
        content = _download(path.removeprefix(REMOTE)) if path.startswith(REMOTE) else read_regular_file(path)
    except ValueError as error:  # an impossible path or address, a device, or too large
        raise OSError(str(error)) from error
    if len(content) > MAX_METADATA_BYTES:
        raise OSError(f"it is larger than {MAX_METADATA_BYTES // 2**20} MiB")
    return content


def _download(url: str) -> bytes:
    """Read what a server answers, at most about MAX_METADATA_BYTES."""
    import http.client  # here, because commands that only print their help import this module, too
    import urllib.request

    deadline = time.monotonic() + _MOST_S
    content = b""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            while len(content) <= MAX_METADATA_BYTES and (part := answer.read1(65536)):
                content += part
                if time.monotonic() > deadline:
                    raise TimeoutError(f"it takes more than {_MOST_S:g} s")
            missing = answer.length  # read1 does not notice that an answer ends early
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    if missing and len(content) <= MAX_METADATA_BYTES:
        raise OSError(f"the answer lacks {missing} bytes")
    return content
