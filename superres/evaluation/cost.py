"""The cost of applying a network, multiplications for a pixel and pixels in a second; and of sharpening by any method."""

import ctypes
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import keras
import numpy as np

from common.metrics.fusion import OVERALL
from common.networks.work import multiplications, with_sizes
from superres.evaluation.tables import MetricRow
from superres.prediction.windows import compile_model, input_shape

Result = TypeVar("Result")
COUNTED_PX = 12  # side of the image that multiplications are counted for, in 10 m pixels; networks take multiples of 6
TIMED_PX = 288  # side of the image that speed is measured with, in 10 m pixels
TIMED_RUNS = 3  # the fastest one counts, because other work on the machine only slows a run down
CLEAR_REFS = Path("/proc/self/clear_refs")  # Linux counts the peak of memory anew when 5 is written to it; see proc(5)


def multiplications_per_pixel(model: keras.Model) -> float:
    """Count the multiplications, each with an addition, for one pixel of the result; compute nothing.

    Args:
        model: a fusion network, from `superres.networks.build.build_network`.
    """
    shapes = {name: (*input_shape(name, COUNTED_PX), tensor.shape[-1]) for name, tensor in model.input.items()}
    return multiplications(with_sizes(model, shapes)) / COUNTED_PX**2


def pixels_per_second(model: keras.Model) -> float:
    """Measure how many pixels of the result a network computes in a second, on one image of TIMED_PX x TIMED_PX pixels.

    Args:
        model: a fusion network, from `superres.networks.build.build_network`.
    """
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.uniform(0, 2, (*input_shape(name, TIMED_PX), tensor.shape[-1])).astype(np.float32)
        for name, tensor in model.input.items()
    }
    predict = compile_model(model)
    predict(inputs)  # the first call builds the graph
    seconds = []
    for _ in range(TIMED_RUNS):
        started = time.perf_counter()
        predict(inputs)
        seconds.append(time.perf_counter() - started)
    return TIMED_PX**2 / min(seconds)


def smallest_inputs(model: keras.Model) -> dict[str, np.ndarray]:
    """Return inputs of COUNTED_PX x COUNTED_PX pixels of the result, all 0, by name."""
    return {
        name: np.zeros((*input_shape(name, COUNTED_PX), tensor.shape[-1]), np.float32)
        for name, tensor in model.input.items()
    }


class Cost(NamedTuple):
    """What a call has cost.

    Attributes:
        seconds: processor time of all threads of this process.
        megabytes: the most memory that this process held during the call, beyond what it held before, in 10^6 bytes; None if
            the system does not tell.
    """

    seconds: float
    megabytes: float | None

    def followed_by(self, other: "Cost") -> "Cost":
        """Return the cost of two calls, one after the other."""
        known = [cost.megabytes for cost in (self, other) if cost.megabytes is not None]
        return Cost(self.seconds + other.seconds, max(known, default=None))


def measure_cost(call: Callable[[], Result]) -> tuple[Result, Cost]:
    """Call a function; return its result and its cost."""
    tells_peak = forget_peak()
    before, started = resident_memory(), time.process_time()
    result = call()
    seconds = time.process_time() - started
    return result, Cost(seconds, (resident_memory("VmHWM") - before) / 1e6 if tells_peak else None)


def cost_rows(scene_name: str, method_name: str, cost: Cost, pixels: int) -> list[MetricRow]:
    """Return the rows of COST_METRICS that were measured, of an estimate with so many pixels."""
    values = {"processor_time": 1e6 * cost.seconds / pixels, "memory": cost.megabytes}
    return [
        MetricRow(scene_name, method_name, OVERALL, metric, value)
        for metric, value in values.items()
        if value is not None
    ]


def forget_peak() -> bool:
    """Give freed memory back to the system, and let it count the peak of this process anew; return whether it does (Linux)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # of the GNU C library
        CLEAR_REFS.write_bytes(b"5")
    except (AttributeError, OSError):
        return False
    return True


def resident_memory(field: str = "VmRSS") -> int:
    """Return the memory of this process in bytes: `VmRSS`, now, or `VmHWM`, its peak; 0 if the system does not tell."""
    try:
        found = re.search(rf"^{field}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0
