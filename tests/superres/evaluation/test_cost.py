"""Cost of a network: multiplications by hand, and a speed that is measured. Time and memory of a call."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from superres.evaluation import cost
from superres.evaluation.cost import (
    Cost,
    cost_rows,
    measure_cost,
    multiplications_per_pixel,
    pixels_per_second,
)
from superres.networks.build import build_network


def test_coarse_layers_count_less():
    """A convolution at 20 m has one pixel for four pixels of the result."""
    inputs = {
        "input_10m": keras.Input((None, None, 4), name="input_10m"),
        "input_20m": keras.Input((None, None, 6), name="input_20m"),
    }
    fine = keras.layers.Conv2D(6, 3, padding="same")(inputs["input_10m"])
    coarse = keras.layers.Conv2D(6, 1)(inputs["input_20m"])
    model = keras.Model(inputs, fine + keras.layers.UpSampling2D(2)(coarse))
    assert multiplications_per_pixel(model) == 3 * 3 * 4 * 6 + 6 * 6 / 4


@pytest.mark.parametrize("gsd", [20, 60])
def test_the_count_is_that_of_any_size(monkeypatch, gsd):
    model = build_network("lowres", gsd)
    count = multiplications_per_pixel(model)
    monkeypatch.setattr(cost, "COUNTED_PX", 24)
    assert multiplications_per_pixel(model) == count


def test_speed_is_that_of_the_fastest_run(monkeypatch):
    """The first call is not timed; of the others the fastest counts."""
    monkeypatch.setattr(cost, "TIMED_PX", 24)
    clock = iter([0.0, 2.0, 10.0, 10.5, 20.0, 24.0])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    calls = []
    monkeypatch.setattr(cost, "compile_model", lambda model: calls.append)
    assert pixels_per_second(build_network("tiny", 60)) == 24**2 / 0.5
    assert len(calls) == 4
    assert {name: image.shape for name, image in calls[0].items()} == {
        "input_10m": (24, 24, 4),
        "input_20m": (12, 12, 6),
        "input_60m": (4, 4, 2),
    }


@pytest.mark.parametrize("megabytes", [100, 300, 100])
def test_the_memory_of_a_call_is_its_peak_beyond_what_was_held_before(megabytes):
    """Neither memory that the process holds already, nor a larger peak of an earlier call, counts."""
    held = np.ones(10**8, np.uint8)
    result, cost = measure_cost(lambda: int(np.ones(megabytes * 10**6, np.uint8)[::4096].sum()))
    assert result == -(-megabytes * 10**6 // 4096)
    assert cost.megabytes == pytest.approx(megabytes, abs=20)
    assert 0 < cost.seconds < 10
    assert held.all()


def test_without_a_peak_from_the_system_memory_is_not_measured(monkeypatch):
    monkeypatch.setattr(cost, "forget_peak", lambda: False)
    _, unknown = measure_cost(lambda: None)
    assert unknown.megabytes is None
    assert [row.metric for row in cost_rows("scene", "bicubic", unknown, 100)] == ["processor_time"]


def test_a_refused_write_leaves_no_file_open(monkeypatch):
    monkeypatch.setattr(cost, "CLEAR_REFS", Path("/dev/full"))
    before = os.listdir("/proc/self/fd")
    assert not cost.forget_peak()
    assert os.listdir("/proc/self/fd") == before


def test_calls_in_turn_add_their_seconds_and_share_their_memory():
    assert Cost(1.0, 5.0).followed_by(Cost(2.0, 4.0)) == (3.0, 5.0)
    assert Cost(1.0, None).followed_by(Cost(2.0, None)) == (3.0, None)


def test_time_is_given_for_a_million_pixels():
    rows = cost_rows("scene", "bicubic", Cost(0.5, 7.0), 250_000)
    assert [(row.metric, row.value) for row in rows] == [("processor_time", 2.0), ("memory", 7.0)]
