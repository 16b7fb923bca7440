"""Data inside wheels of a package registry: downloaded once, checked by SHA-256, kept in the user's cache."""

import hashlib
import logging
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from common.errors import DownloadError
from common.files.atomic import make_folder, move_into_place, temporary_folder, whole_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wheel:
    """A wheel in the package registry.

    Attributes:
        package: name of the package, as pip knows it.
        version: of the package.
        sha256: checksum of the wheel.
        megabytes: size of the wheel, for the log.
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
    """Return the path of a wheel in the cache; download it if it is not there. The wheel is not installed or run.

    Raises:
        DownloadError: the download failed, or the file has another checksum.
    """
    folder = cache_folder() / "downloads"
    make_folder(folder)
    path = folder / f"{wheel.package.replace('-', '_')}-{wheel.version}-py3-none-any.whl"
    if not path.exists():
        download(wheel, path)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    if checksum != wheel.sha256:
        path.unlink()
        raise DownloadError(f"{path} has SHA-256 {checksum}, expected {wheel.sha256}; it was removed, try again.")
    return path


def download(wheel: Wheel, path: Path) -> None:
    """Download a wheel to `path` with pip, whole or not at all.

    Raises:
        DownloadError: pip failed.
    """
    logger.info("downloading %s %s (%.1f MB)", wheel.package, wheel.version, wheel.megabytes)
    with temporary_folder(path) as temporary:
        # Without its check for a newer pip, whose notice would be the last line of an error.
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", temporary]
        command = [sys.executable, "-m", "pip", "download", *options, f"{wheel.package}=={wheel.version}"]
        done = subprocess.run(command, capture_output=True, text=True)
        files = list(Path(temporary).glob("*.whl"))
        if done.returncode or not files:
            reason = (done.stderr.strip().splitlines() or ["pip wrote no wheel"])[-1]
            raise DownloadError(
                f"cannot download {wheel.package} {wheel.version}: {reason}; check the network, or put "
                f"the wheel at {path}."
            )
        move_into_place(files[0], path)


def fetch_member(wheel: Wheel, member: str, sha256: str, path: Path) -> Path:
    """Unpack one file of a wheel to `path`, unless `path` already holds it. Return `path`.

    Args:
        wheel: downloaded if it is needed and not in the cache.
        member: name of the file inside the wheel.
        sha256: checksum of that file.
        path: of the unpacked file; its folder is made.

    Raises:
        DownloadError: as `fetch_wheel`, or the wheel holds no such file.
        OutputError: `path` cannot be written.
    """
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        with zipfile.ZipFile(fetch_wheel(wheel)) as archive:
            content = archive.read(member) if member in archive.namelist() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DownloadError(
                f"{wheel.package} {wheel.version} holds no file {member} with the expected checksum; report this."
            )
        make_folder(path.parent)
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
    return path


def cache_folder() -> Path:
    """Return the folder for downloads: `$XDG_CACHE_HOME/jeoparda`, or `~/.cache/jeoparda`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jeoparda"
