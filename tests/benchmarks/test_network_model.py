"""The model of averaging over ranks: its limits, its directions, and that a fit finds planted factors again."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.network_model import (
    IDEAL,
    Average,
    Costs,
    Job,
    Network,
    average_seconds,
    expected_maximum,
    fit,
    message_sizes,
)

NETWORK = Network(latency_s=1e-3, bytes_per_s=1e8)
JOB = Job(compute_s=0.5, size=7e6, network=NETWORK, spread=0.05)
MANY = st.integers(2, 4096)


def test_one_rank_is_efficient_and_averages_nothing() -> None:
    assert JOB.efficiency(1) == 1
    assert average_seconds(IDEAL, Average(1, 1e6, NETWORK)) == 0


@settings(max_examples=25)
@given(MANY, st.floats(1e3, 1e9), st.floats(1, 100))
def test_a_faster_network_is_never_slower(ranks: int, size: float, factor: float) -> None:
    job = replace(JOB, size=size)
    for network in (NETWORK._replace(bytes_per_s=1e8 * factor), NETWORK._replace(latency_s=1e-3 / factor)):
        assert replace(job, network=network).step_seconds(ranks) <= job.step_seconds(ranks)


@settings(max_examples=25)
@given(MANY)
def test_more_ranks_of_the_same_batch_are_never_more_efficient(ranks: int) -> None:
    """Of gradients above 32 MiB they can be: smaller messages cross the network once instead of three times."""
    assert JOB.efficiency(ranks) <= JOB.efficiency(ranks - 1) <= 1


def test_an_ideal_ring_of_two_ranks_sends_the_gradients_once() -> None:
    """1e8 bytes at 1e8 bytes/s; two messages of more than 32 MiB that cross the network three times; two to agree."""
    assert average_seconds(IDEAL, Average(2, 1e8, NETWORK)) == pytest.approx(1 + (6 + 2) * 1e-3)


def test_an_ideal_ring_of_many_ranks_sends_them_nearly_twice() -> None:
    crossings = 1998 + 2 * 10
    assert average_seconds(IDEAL, Average(1000, 1e8, NETWORK)) == pytest.approx(2 * 0.999 + crossings * 1e-3)


def test_small_messages_cross_the_network_once() -> None:
    assert average_seconds(IDEAL, Average(8, 8000, NETWORK)) == pytest.approx(14 / 8 * 8e-5 + (14 + 6) * 1e-3)


def test_a_tree_has_fewer_messages_of_the_same_volume() -> None:
    tree = Average(8, 8000, NETWORK, tree=True)
    assert average_seconds(IDEAL, tree) == pytest.approx(14 / 8 * 8e-5 + (6 + 6) * 1e-3)


def test_messages_of_a_tree_cross_the_network_as_often_as_their_own_size_says() -> None:
    """40 MB, about which Open MPI asks, and 20 MB; and back."""
    tree = Average(4, 80e6, NETWORK, tree=True)
    assert average_seconds(IDEAL, tree) == pytest.approx(120e6 / 1e8 + (3 + 1 + 1 + 3 + 4) * 1e-3)


@pytest.mark.parametrize(
    "ranks, sizes", [(2, [4, 4]), (3, [4, 4, 4, 4, 8]), (4, [4, 2, 2, 4]), (5, [4, 4, 4, 2, 2, 4, 8])]
)
def test_a_tree_joins_ranks_until_their_number_is_a_power_of_two(ranks: int, sizes: list[int]) -> None:
    assert message_sizes(Average(ranks, 8, NETWORK, tree=True)).tolist() == sizes


def test_over_a_fast_network_gradients_wait_for_horovods_cycle_of_one_millisecond() -> None:
    fast = Average(8, 1e6, Network(latency_s=2e-6, bytes_per_s=1e10), tree=True)
    crossings = 2 * 3 + 3
    assert average_seconds(IDEAL, fast) == pytest.approx(1e-3 + 14 / 8 * 1e-4 + crossings * 2e-6)


def test_an_idle_node_sends_a_burst_at_once() -> None:
    """Messages of 4, 2, 2 and 4 MB: a burst of 3 MB leaves 1 MB of the first and of the last."""
    bursts = Average(4, 8e6, NETWORK._replace(burst=3e6), tree=True)
    assert average_seconds(IDEAL, bursts) == pytest.approx(2e6 / 1e8 + (4 + 4) * 1e-3)


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_ranks_that_ask_each_other_again_and_again_agree_after_two_periods(ranks: int) -> None:
    """A simulation: each period a rank exchanges a message with one rank after the other, which takes 1; and is late at random."""
    rng = np.random.default_rng(0)
    levels = ranks.bit_length() - 1
    begins = np.zeros((3000, ranks))
    for before, after in itertools.pairwise(begins):
        after[:] = before
        for level in range(levels):
            after[:] = np.maximum(after, after[np.arange(ranks) ^ 2**level] + 1)
        after += rng.exponential(0.02, ranks)
    there = rng.uniform(begins[10].max(), begins[-10].min(), 3000)  # the last gradients
    agreed = begins[np.searchsorted(begins.min(axis=1), there) + 1].max(axis=1)
    modelled = average_seconds(IDEAL, Average(ranks, 0, Network(latency_s=1, bytes_per_s=1), tree=True)) - 2 * levels
    assert np.mean(agreed - there) == pytest.approx(modelled, rel=0.15)


@pytest.mark.parametrize(
    "ranks, expected", [(1, 0), (2, 1 / np.sqrt(np.pi)), (3, 1.5 / np.sqrt(np.pi)), (100, 2.50759)]
)
def test_the_expected_maximum_of_normal_numbers(ranks: int, expected: float) -> None:
    """Of two and three: exact. Of 100: Harter 1961, Expected values of normal order statistics."""
    assert expected_maximum(ranks) == pytest.approx(expected, abs=1e-5)


def test_overlap_hides_a_part_of_the_average() -> None:
    hidden = replace(JOB, overlap=1.0, spread=0)
    assert hidden.step_seconds(64) == pytest.approx(hidden.compute_s)


def test_a_fit_finds_planted_factors_again() -> None:
    planted = Costs(start=2e-3, message=1e-3, latency=1.5, wire=1.1, copy=2e-9)
    settings = itertools.product((2, 3, 4), (1e4, 1e6, 7e6, 9e7), (2e-4, 1e-3, 5e-3), (1e7, 4e7, 1.2e8))
    averages = [Average(ranks, size, Network(latency, rate)) for ranks, size, latency, rate in settings]
    noise = np.random.default_rng(0).normal(1, 0.002, len(averages))
    found = fit(
        averages, [average_seconds(planted, average) * factor for average, factor in zip(averages, noise, strict=True)]
    )
    np.testing.assert_allclose(found, planted, rtol=0.1)
