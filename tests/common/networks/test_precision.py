"""Precisions, and the fastest one of a machine."""

from pathlib import Path

import keras
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.networks.precision import (
    PRECISIONS,
    dtype_policy,
    fastest_precision,
    hardware_record,
    has_bfloat16,
    processor_record,
)

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU @ 2.50GHz\nflags\t\t: fpu {} sse\n\nprocessor\t: 1\n"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Pretend that this machine has a processor with these flags, or a GPU of this compute capability."""

    def pretend(flags: str | None = None, capability: tuple[int, int] | None = None) -> None:
        gpus = ["gpu"] if capability else []
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: gpus)
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": capability}
        )
        monkeypatch.setattr(Path, "exists", lambda path: flags is not None)
        monkeypatch.setattr(Path, "read_text", lambda path: CPUINFO.format(flags))

    return pretend


@pytest.mark.parametrize(
    ("flags", "capability", "expected"),
    [
        ("avx512f", None, False),
        ("avx512f avx512_bf16", None, True),
        ("amx_bf16 amx_tile", None, True),
        (None, None, False),  # no /proc/cpuinfo
        ("amx_bf16", (7, 5), False),  # TensorFlow uses the GPU
        ("avx512f", (8, 0), True),
        ("avx512f", (9, 0), True),
    ],
)
def test_bfloat16_is_used_where_the_hardware_computes_in_it(
    machine, flags: str | None, capability: tuple[int, int] | None, expected: bool
) -> None:
    machine(flags, capability)
    assert has_bfloat16() == expected
    assert fastest_precision() == ("bfloat16" if expected else "float32")


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", False),
        ("ONEDNN_MAX_CPU_ISA", "avx2", False),
        ("DNNL_MAX_CPU_ISA", "AVX512_CORE_VNNI", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("ONEDNN_MAX_CPU_ISA", "ALL", True),
        ("TF_ENABLE_ONEDNN_OPTS", "0", False),
        ("TF_ENABLE_ONEDNN_OPTS", "1", True),
    ],
)
def test_variables_that_forbid_bfloat16_instructions(
    machine, monkeypatch, name: str, value: str, expected: bool
) -> None:
    machine("avx512_bf16 amx_bf16")
    monkeypatch.setenv(name, value)
    assert has_bfloat16() == expected


def test_the_record_of_the_processor(machine) -> None:
    machine("avx2 avx512f amx_bf16 amx_tile")
    assert processor_record() == {
        "processor": "Some CPU @ 2.50GHz",
        "instruction_sets": ["avx2", "avx512f", "amx_bf16"],
    }
    machine(None)
    assert processor_record() == {"processor": "unknown", "instruction_sets": []}


def test_the_record_of_this_machine() -> None:
    record = hardware_record()
    assert record["cores_per_rank"] == hvd.cores_per_rank()
    assert record["processor"] != "unknown"
    assert {"intra_op_threads", "inter_op_threads", "device"} < set(record)


@pytest.mark.parametrize("policy", PRECISIONS.values())
def test_layers_get_the_policy_inside_the_block_only(policy: str) -> None:
    before = keras.config.dtype_policy().name
    with dtype_policy(policy):
        layer = keras.layers.Dense(2)
    assert layer.dtype_policy.name == policy
    assert layer.variable_dtype == "float32"
    assert keras.config.dtype_policy().name == before


def test_an_error_inside_the_block_restores_the_policy() -> None:
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError, match="no layer"), dtype_policy("mixed_bfloat16"):
        raise RuntimeError("no layer")
    assert keras.config.dtype_policy().name == before
