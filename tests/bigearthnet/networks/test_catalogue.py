"""The catalogue of networks: every name leads to a body."""

import inspect
import pkgutil

import pytest

from bigearthnet.networks.catalogue import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_every_name_leads_to_its_body(name: str) -> None:
    body = pkgutil.resolve_name(NETWORKS[name])
    assert body.__name__ == name
    assert list(inspect.signature(body).parameters) == ["image"]
