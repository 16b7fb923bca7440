"""Self-attention after a network: against a plain computation, window by window, and from weights without attention."""

from pathlib import Path

import numpy as np
import pytest

from superres.evaluation.cost import multiplications_per_pixel
from superres.networks.attention import NEIGHBOURHOOD_PX, STEP_PX, NeighbourAttention
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, find_network
from superres.networks.margin import margin_px
from superres.networks.weights import load_init_weights
from tests.support.checks import check_network, predict_by_windows, random_batch, set_random_weights
from tests.support.tiny_training import tiny_network

NAME = "small-attention"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "small", tiny_network())


def test_neighbour_attention() -> None:
    """At one pixel near a corner, where some neighbours lie beyond the border and are zero."""
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(1, 9, 8, bands)).astype(np.float32) for bands in (3, 3, 4))
    row, col = 2, 5
    padding = [(0, 0), (NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), (NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), (0, 0)]
    around = np.s_[0, row : row + 2 * NEIGHBOURHOOD_PX + 1 : STEP_PX, col : col + 2 * NEIGHBOURHOOD_PX + 1 : STEP_PX]
    weights = np.exp((np.pad(key, padding)[around] * query[0, row, col]).sum(axis=-1))
    expected = (np.pad(value, padding)[around] * weights[..., None]).sum(axis=(0, 1)) / weights.sum()
    attended = np.asarray(NeighbourAttention()([query, key, value]))
    assert attended.shape == value.shape
    np.testing.assert_allclose(attended[0, row, col], expected, rtol=1e-5, atol=1e-6)


def test_network_passes_the_shared_check() -> None:
    check_network(NAME, 20)


@pytest.mark.parametrize("gsd, parameters, work", [(20, 4646, 4608 + 25 * 40), (60, 3362, 3328 + 25 * 40)])
def test_parameters_and_work(gsd: int, parameters: int, work: int) -> None:
    with_attention, without = (build_network(name, gsd) for name in (NAME, "small"))
    assert with_attention.count_params() == without.count_params() + parameters
    assert multiplications_per_pixel(with_attention) == multiplications_per_pixel(without) + work


def test_windows_equal_the_whole_scene() -> None:
    """The margin holds all neighbours of a window's pixels."""
    model = build_network(NAME, 20)
    set_random_weights(model)
    assert find_network(NAME).reach == NETWORKS["small"].reach + NEIGHBOURHOOD_PX + 1
    inputs = {name: image[0] for name, image in random_batch(20, patches=1, size=60)[0].items()}
    whole = np.asarray(model({name: image[None] for name, image in inputs.items()}))[0]
    by_windows = predict_by_windows(model, inputs, margin_px(NAME, 20), 24)
    np.testing.assert_allclose(by_windows, whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("saved", ["small", NAME])
def test_starts_from_weights_with_and_without_attention(tmp_path: Path, saved: str) -> None:
    source, model = build_network(saved, 20), build_network(NAME, 20)
    set_random_weights(source)
    source.save_weights(tmp_path / "any.weights.h5")
    load_init_weights(model, NAME, 20, tmp_path / "any.weights.h5")
    inputs, _ = random_batch(20)
    np.testing.assert_allclose(model(inputs), source(inputs), rtol=1e-6)
