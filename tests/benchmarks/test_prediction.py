"""The plain way computes the network that it is compared with."""

from benchmarks.prediction import GSD, plain_network
from superres.networks.build import build_network


def test_the_plain_network_has_the_weights_of_dsen2() -> None:
    shapes = [tuple(variable.shape) for variable in build_network("dsen2", GSD).trainable_variables]
    assert [tuple(variable.shape) for variable in plain_network().trainable_variables] == shapes
