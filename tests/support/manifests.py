"""Write the `manifest.safe` of a product, and damage files as a bad download does."""

import hashlib
from pathlib import Path

_ALGORITHMS = {"MD5": hashlib.md5, "SHA3-256": hashlib.sha3_256}
_ENTRY = (
    '<dataObject ID="Data"><byteStream mimeType="application/octet-stream" size="{size}">'
    '<fileLocation locatorType="URL" href="./{name}"/><checksum checksumName="{algorithm}">{digest}</checksum>'
    "</byteStream></dataObject>"
)


def write_manifest(product: Path, algorithm: str = "MD5") -> Path:
    """Write a manifest with the true checksums of all files of a product folder, as ESA writes it."""
    entries = []
    for path in sorted(path for path in product.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest = _ALGORITHMS[algorithm](content).hexdigest()
        name = path.relative_to(product).as_posix()
        # ESA's SHA3-256 are in upper case.
        digest = digest.upper() if algorithm == "SHA3-256" else digest
        entries.append(_ENTRY.format(size=len(content), name=name, algorithm=algorithm, digest=digest))
    manifest = product / "manifest.safe"
    manifest.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"><dataObjectSection>'
        f"{''.join(entries)}</dataObjectSection></xfdu:XFDU>"
    )
    return manifest


def damage(path: Path, start: int | None = None, count: int = 10) -> None:
    """Overwrite some bytes of a file by others, by default in its middle. The size stays."""
    content = bytearray(path.read_bytes())
    start = len(content) // 2 if start is None else start
    content[start : start + count] = bytes(255 - byte for byte in content[start : start + count])
    path.write_bytes(content)
