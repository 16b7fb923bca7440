"""The catalogue of networks: names, reach, accepted upsamplings, margins. Runs without TensorFlow."""

import pytest

from common.errors import SettingError
from superres.networks.catalogue import (
    ATTENTION_REACH_PX,
    NETWORKS,
    UPSAMPLINGS,
    check_network,
    find_network,
    trained_network_name,
)


@pytest.mark.parametrize("name", NETWORKS)
def test_attention_adds_its_reach(name: str) -> None:
    plain, with_attention = find_network(name), find_network(f"{name}-attention")
    assert plain is NETWORKS[name] and not plain.attention
    assert with_attention.attention
    assert with_attention.reach == plain.reach + ATTENTION_REACH_PX
    assert (with_attention.body, with_attention.at_own_gsd) == (plain.body, plain.at_own_gsd)


@pytest.mark.parametrize("name", ["dsen3", "", "-attention", "dsen2-attention-attention", "gan"])
def test_unknown_networks(name: str) -> None:
    with pytest.raises(SettingError, match=f"unknown network '{name}'; expected one of dsen2, vdsen2, .*tiny"):
        find_network(name)


def test_unknown_upsampling() -> None:
    with pytest.raises(SettingError, match="unknown upsampling 'lanczos'; expected one of bilinear, bicubic, nearest"):
        check_network("dsen2", "lanczos")


@pytest.mark.parametrize("name", NETWORKS)
def test_only_networks_at_their_own_gsd_accept_no_upsampling(name: str) -> None:
    for upsample in UPSAMPLINGS[:3]:
        check_network(name, upsample)
    if NETWORKS[name].at_own_gsd:
        check_network(name, "none")
    else:
        with pytest.raises(SettingError, match=rf"--upsample none does not go with {name}, .*; give lowres, or"):
            check_network(name, "none")


@pytest.mark.parametrize(
    "model, attention, name",
    [("fuse", False, "fuse"), ("fuse", True, "fuse"), ("gan", False, "tiny"), ("gan", True, "tiny-attention")],
)
def test_name_of_the_trained_network(model: str, attention: bool, name: str) -> None:
    """Adversarial training trains its generator; --attention is a setting of adversarial training only."""
    assert trained_network_name(model, "tiny", attention) == name
