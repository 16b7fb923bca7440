"""Ensembles: the mean of members that differ in their weights only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import SettingError
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.ensemble import Ensemble, build_for_errors, choose_networks, join_members
from superres.networks.trained import TrainedNetwork
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of two seeds for 20 m, and for 60 m. Do not change them."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        for name, gsd, seed in (("first", 20, 0), ("second", 20, 1), ("coarse", 60, 0)):
            model = build_network("dsen2", gsd)
            set_random_weights(model, seed, spread=0.05)
            paths[name] = folder / f"{name}.weights.h5"
            model.save_weights(paths[name])
    return paths


def test_sources_are_grouped_by_gsd(files):
    first, second, coarse = map(str, files.values())
    chosen = choose_networks([coarse, first, second, first], None, "dsen2")
    assert list(chosen) == [20, 60]
    ensemble = chosen[20]
    assert isinstance(ensemble, Ensemble) and not isinstance(chosen[60], Ensemble)
    assert ensemble.source == f"{first}, {second}"
    assert ensemble.weights_name == "first.weights.h5, second.weights.h5"
    assert ensemble.sha256 == ", ".join(sorted(ensemble.digests))
    assert ensemble.files == (files["first"], files["second"])
    assert (ensemble.gsd, ensemble.network_name, ensemble.margin) == (20, "dsen2", ensemble.members[0].margin)
    with pytest.raises(SettingError, match=r"first\.weights\.h5 is for 20 m, and --gsd asks for 60 m"):
        choose_networks([first, coarse], [60], "dsen2")
    with pytest.raises(SettingError, match="there are no weights for 60 m; give them with --weights"):
        choose_networks([first], [20, 60], "dsen2")


def test_the_model_gives_mean_and_spread(files):
    ensemble = choose_networks([str(files["first"]), str(files["second"])], None, "dsen2")[20]
    rng = np.random.default_rng(0)
    inputs = {
        "input_10m": rng.uniform(0, 1, (1, 12, 12, 4)).astype(np.float32),
        "input_20m": rng.uniform(0, 1, (1, 6, 6, 6)).astype(np.float32),
    }
    single = np.stack([np.asarray(member.build()(inputs)) for member in ensemble.members])
    np.testing.assert_allclose(np.asarray(ensemble.build()(inputs)), single.mean(axis=0), atol=1e-5)
    both = np.asarray(build_for_errors(ensemble, "float32")(inputs))
    np.testing.assert_allclose(both, np.concatenate([single.mean(0), single.std(0)], axis=-1), atol=1e-5)
    assert build_for_errors(ensemble.members[0], "float32").output_shape[-1] == 6


def network(**changes: object) -> TrainedNetwork:
    return replace(TrainedNetwork("runs/a", Path("runs/a/best.h5"), "dsen2", 20, "a", levels=("L1C",)), **changes)


@pytest.mark.parametrize(
    ("changes", "described"),
    [
        ({"network_name": "lowres"}, "runs/b (lowres, 20 m, bilinear, L1C)"),
        ({"upsample": "bicubic"}, "runs/b (dsen2, 20 m, bicubic, L1C)"),
        ({"levels": ("L2A",)}, "runs/b (dsen2, 20 m, bilinear, L2A)"),
        ({"gsd": 60}, "runs/b (dsen2, 60 m, bilinear, L1C)"),
    ],
)
def test_members_of_different_kinds(changes, described):
    other = network(source="runs/b", sha256="b", **changes)
    with pytest.raises(SettingError, match=r"^members of different networks or levels: runs/a") as caught:
        join_members([network(), other])
    assert f"runs/a (dsen2, 20 m, bilinear, L1C) and {described}; give members" in str(caught.value)


def test_members_of_unknown_levels_are_accepted_and_copies_are_not():
    ensemble = join_members([network(levels=()), network(source="runs/b", sha256="b")])
    assert ensemble.levels == ("L1C",)
    with pytest.raises(SettingError, match=r"^runs/a and runs/b have the same weights; give one of them"):
        join_members([network(), network(source="runs/b")])
    assert join_members([network()]) == network()
