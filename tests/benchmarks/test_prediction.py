"""The plain way computes the network that it is compared with; networks that run once a shape give results of their shape."""

import numpy as np
import pytest

from benchmarks.prediction import GSD, once_a_shape, plain_network, random_scene
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, each_gsd, sharpened_bands
from superres.networks.build import build_network


def test_the_plain_network_has_the_weights_of_dsen2() -> None:
    shapes = [tuple(variable.shape) for variable in build_network("dsen2", GSD).trainable_variables]
    assert [tuple(variable.shape) for variable in plain_network().trainable_variables] == shapes


@pytest.mark.parametrize("gsd", [20, 60, JOINT])
def test_a_network_runs_once_a_shape_and_its_inputs_stand_in_for_it(gsd: Gsd) -> None:
    clock = {"networks": 0.0, "processor": 0.0}
    sizes = []

    def predict(inputs: dict[str, np.ndarray]) -> np.ndarray:
        sizes.append(len(inputs["input_10m"]))
        return np.zeros((*inputs["input_10m"].shape[:2], len(sharpened_bands(gsd))), np.float32)

    run = once_a_shape(predict, clock)
    for size in (12, 24, 12):
        result = run(random_scene(size, gsd))
        assert result.shape == (size, size, len(sharpened_bands(gsd)))
    assert sizes == [12, 24]
    assert clock["networks"] > 0
    first = 0
    for each in each_gsd(gsd):
        bands = slice(first, first := first + len(BANDS_BY_GSD[each]))
        coarse = random_scene(12, gsd)[f"input_{each}m"]
        np.testing.assert_array_equal(result[:: each // 10, :: each // 10, bands], coarse)
