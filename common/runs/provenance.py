"""How a result was made: command, time, code revision, library versions."""

import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("jeoparda", "tensorflow", "tensorflow-cpu", "keras", "horovod", "gdal", "h5py", "numpy", "scikit-learn")


def provenance_record() -> dict[str, Any]:
    """Return command, time, code revision and library versions, for a JSON file."""
    return {
        "command": sys.argv,
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "versions": library_versions(),
    }


def provenance_line() -> str:
    """Return one sentence of Markdown: command, code revision and time."""
    return f"Made by `{' '.join(sys.argv)}`, code revision {code_revision()}, {utc_now()}."


def utc_now() -> str:
    """Return the present time, ISO 8601, UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def code_revision() -> str:
    """Return the git revision of this code, with `-dirty` if files were changed; `unknown` outside a checkout."""
    checkout = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12", "--match="]
    try:
        # A session of its own: Ctrl-C goes to all processes of this session, and git would end without an answer.
        done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that can change a result."""
    versions = {"python": platform.python_version()}
    for package in LIBRARIES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
