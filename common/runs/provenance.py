"""How a result was made: command, time, code revision, library versions, variables that change numbers."""

import fnmatch
import hashlib
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import common.distributed as hvd
from common.errors import SettingError
from common.runs.signals import PACKAGES

LIBRARIES = (
    "jeoparda",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "openvino",
    "horovod",
    "mpi4py",
    "gdal",
    "h5py",
    "numpy",
    "scikit-learn",
)
# Patterns of environment variables that change numbers, often in the last digits only. DNNL_* are oneDNN's older names.
NUMBER_VARIABLES = (
    "ONEDNN_*",
    "DNNL_*",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_*DETERMINISTIC*",
    "TF_NUM_*THREADS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
    "HOROVOD_*FUSION*",
    "HOROVOD_CYCLE_TIME",
    "HOROVOD_*ALLREDUCE*",
    "JEOPARDA_BACKEND",
)
FLOAT32_MODES = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")

logger = logging.getLogger(__name__)


def provenance_record() -> dict[str, Any]:
    """Return command, time, code revision and library versions, for a JSON file."""
    return {
        "command": sys.argv,
        "created_utc": utc_now(),
        "code_revision": code_revision(),
        "versions": library_versions(),
        "environment": number_variables(),
    }


def provenance_line() -> str:
    """Return one sentence of Markdown: command, code revision and time, and the variables that change numbers, if any is set."""
    variables = describe_variables(number_variables())
    more = f", with {variables}" if variables else ""
    return f"Made by `{' '.join(sys.argv)}`, code revision {code_revision()}, {utc_now()}{more}."


def number_variables() -> dict[str, str]:
    """Return the environment variables that are set and change numbers, by name."""
    return {
        name: os.environ[name]
        for name in sorted(os.environ)
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in NUMBER_VARIABLES)
    }


def describe_variables(variables: Mapping[str, str]) -> str:
    """Return environment variables as `NAME=value, NAME=value`."""
    return ", ".join(f"{name}={value}" for name, value in variables.items())


def warn_of_reduced_float32() -> None:
    """Log a warning if an environment variable lets oneDNN compute float32 convolutions in a shorter format."""
    for name in FLOAT32_MODES:
        mode = os.environ.get(name, "STRICT")
        if mode.upper() != "STRICT":
            logger.warning(
                "%s=%s: processors with such instructions compute float32 in fewer digits, and results differ; unset it for "
                "full float32",
                name,
                mode,
            )


def require_same_code() -> None:
    """Check that all ranks run the same code with the same libraries. Every rank must call this.

    The nodes of a job may differ: in a checkout or a virtual environment on a disk of their own.

    Raises:
        SettingError: a rank differs from rank 0; on all ranks.
    """
    if hvd.size() > 1:
        versions = {"the code": f"with checksum {code_checksum()}", **library_versions()}
        hvd.raise_together(first_difference(hvd.allgather_object((platform.node(), versions))))


def first_difference(versions_of_ranks: list[tuple[str, dict[str, str]]]) -> SettingError | None:
    """Return an error that names the first rank with other versions than rank 0; None if there is none.

    Args:
        versions_of_ranks: node of each rank, and name -> version.
    """
    (first_node, first), *others = versions_of_ranks
    for rank, (node, versions) in enumerate(others, start=1):
        for name in {**first, **versions}:
            if versions.get(name) != first.get(name):
                return SettingError(
                    f"rank {rank} on {node} has {name} {versions.get(name, 'not installed')}, and rank 0 on {first_node} "
                    f"{first.get(name, 'not installed')}; start all ranks from one checkout and one .venv."
                )
    return None


def code_checksum() -> str:
    """Return the first 12 digits of the SHA-256 of all our modules, with their names."""
    checkout = Path(__file__).resolve().parents[2]
    content = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (checkout / package).rglob("*.py")):
        content.update(f"{path.relative_to(checkout)}\0".encode() + path.read_bytes())
    return content.hexdigest()[:12]


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
