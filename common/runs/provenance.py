"""How a result was made: command, time, code revision, library versions."""

import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def provenance_record() -> dict[str, Any]:
    """How the results of a command came about, for a JSON file."""
    return {
        "command": sys.argv,
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "versions": library_versions(),
    }


def utc_now() -> str:
    """The time, ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def code_revision() -> str:
    """Git revision of this code, with `-dirty` where files differ from it; `unknown` outside a checkout."""
    here = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that can change a number."""
    versions = {"python": platform.python_version()}
    for package in (
        "jeoparda",
        "tensorflow",
        "tensorflow-cpu",
        "keras",
        "horovod",
        "gdal",
        "h5py",
        "numpy",
        "scikit-learn",
    ):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def provenance_line() -> str:
    """Return one sentence of Markdown: command, code revision and time."""
    return f"Made by `{' '.join(sys.argv)}`, code revision {code_revision()}, {utc_now()}."
