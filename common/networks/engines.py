"""The engines that compute trained networks: TensorFlow, and OpenVINO, which is optional and faster on some processors.

This module imports neither, so that options can name the engines without delay.
"""

import importlib
import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

logger = logging.getLogger(__name__)

TENSORFLOW, OPENVINO = "tensorflow", "openvino"
ENGINES = (TENSORFLOW, OPENVINO)
OLDEST_OPENVINO = (2026, 4)  # the oldest release tried
_TELEMETRY = "openvino_telemetry"


def usable_engine(engine: str, precision: str) -> str:
    """Return the engine, or TensorFlow, after one line in the log, where the engine cannot be used.

    Args:
        engine: one of ENGINES.
        precision: one of `common.networks.precision.PRECISIONS`.
    """
    obstacle = openvino_obstacle(precision) if engine == OPENVINO else None
    if obstacle is None:
        return engine
    logger.warning("%s; TensorFlow computes the networks instead", obstacle)
    return TENSORFLOW


def openvino_obstacle(precision: str) -> str | None:
    """Return why OpenVINO cannot compute networks in a precision here; None if it can."""
    wanted = ".".join(map(str, OLDEST_OPENVINO))
    try:
        openvino = import_openvino()
        installed = version(OPENVINO)
    except (ImportError, PackageNotFoundError):
        return f"OpenVINO is not installed; install it with: pip install 'openvino>={wanted}'"
    if tuple(int(number) for number in installed.split(".")[:2]) < OLDEST_OPENVINO:
        return f"OpenVINO {installed} is too old; install another with: pip install 'openvino>={wanted}'"
    if precision == "float16":
        return "OpenVINO computes in float32 or bfloat16 on processors, not in float16"
    if precision == "bfloat16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return "OpenVINO computes bfloat16 only on processors that have it, and this one has not"
    return None


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which would send a message over the network at each import.

    Raises:
        ImportError: it is not installed, or its libraries do not load.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # OpenVINO then takes it for not installed
    return importlib.import_module(OPENVINO)


def describe_engine(engine: str) -> str:
    """Return name and version of an engine, such as `openvino 2026.4.1`."""
    for package in (engine, f"{engine}-cpu"):  # tensorflow-cpu is a package of its own
        try:
            return f"{engine} {version(package)}"
        except PackageNotFoundError:
            continue
    return engine
