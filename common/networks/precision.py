"""Precisions of the networks, the fastest one of this machine, and the hardware that decides about numbers.

TensorFlow and Keras are imported inside functions, so that options and settings can list the precisions without them.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common.distributed as hvd

# Name of a precision -> Keras dtype policy. Variables are float32 in all of them.
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")  # of processors, in /proc/cpuinfo
# Instruction sets by which oneDNN chooses its code, and with it the order of its sums.
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_fp16", "amx_int8", *BFLOAT16_FLAGS)
# Values of ONEDNN_MAX_CPU_ISA that leave oneDNN without bfloat16 instructions.
CAPS_BELOW_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
BFLOAT16_COMPUTE_CAPABILITY = (8, 0)  # NVIDIA Ampere


def has_bfloat16() -> bool:
    """Return whether the hardware that TensorFlow uses computes in bfloat16. If it emulates it, float32 is faster.

    oneDNN computes in bfloat16 on processors. Environment variables can forbid it the instructions, or turn it off.
    """
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return tuple(capability) >= BFLOAT16_COMPUTE_CAPABILITY
    cap = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", ""))
    if cap.upper() in CAPS_BELOW_BFLOAT16 or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return False
    return any(name in BFLOAT16_FLAGS for name in processor_record()["instruction_sets"])


def fastest_precision() -> str:
    """Return `bfloat16` if the hardware has it: about twice as fast, RMSE within 0.5 %. Otherwise return `float32`."""
    return "bfloat16" if has_bfloat16() else "float32"


def processor_record() -> dict[str, Any]:
    """Return name and instruction sets of the processor, for a JSON file; `unknown` and none if Linux does not tell them."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.MULTILINE)
    present = flags[1].split() if flags else []
    return {
        "processor": name[1] if name else "unknown",
        "instruction_sets": [flag for flag in INSTRUCTION_SETS if flag in present],
    }


def hardware_record() -> dict[str, Any]:
    """Return the hardware of this rank as far as numbers depend on it, for a JSON file. 0 threads: TensorFlow's own choice."""
    import tensorflow as tf

    return {
        **processor_record(),
        "device": hvd.describe_hardware(),
        "cores_per_rank": hvd.cores_per_rank(),
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
    }


@contextlib.contextmanager
def dtype_policy(policy: str) -> Iterator[None]:
    """Set the dtype policy of the Keras layers that are made inside this block."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
