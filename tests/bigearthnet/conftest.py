"""Fixtures of the rooms of classification."""

import pytest


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network that compiles in a second stand for `small`."""
    from bigearthnet.networks.catalogue import NETWORKS
    from tests.support.made_patches import tiny_network

    monkeypatch.setitem(NETWORKS, "small", tiny_network)
