"""Methods: names that tell networks apart, and estimates in reflectance * 10000."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import SettingError
from common.runs import folder as run
from superres.evaluation.methods import find_networks, interpolation_methods, method_names, network_method
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, margin_px
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.training.config import SuperresConfig
from tests.support.checks import random_batch, set_random_weights
from tests.support.tiny_training import tiny_network


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dsen2", "vdsen2"):
        monkeypatch.setitem(NETWORKS, name, tiny_network())


def write_run(folder: Path, gsd: int, network: str) -> str:
    folder.mkdir(parents=True)
    run.write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd, model=network))
    build_network(network, gsd).save_weights(folder / run.WEIGHTS)
    return str(folder)


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ([("dsen2", "runs/a"), ("vdsen2", "runs/b")], ["dsen2", "vdsen2"]),
        ([("dsen2", "runs/a"), ("dsen2", "runs/b"), ("vdsen2", "c")], ["dsen2 (a)", "dsen2 (b)", "vdsen2"]),
        ([("dsen2", "x/run"), ("dsen2", "y/run")], ["dsen2 (x/run)", "dsen2 (y/run)"]),
        (
            [("dsen2", "x/run"), ("dsen2", "y/run"), ("dsen2", "z.hdf5")],
            ["dsen2 (x/run)", "dsen2 (y/run)", "dsen2 (z)"],
        ),
    ],
)
def test_networks_of_one_name_are_told_apart(sources, names):
    found = [TrainedNetwork(source, Path(source), network, 20, "", network) for network, source in sources]
    assert method_names(found) == names


@pytest.mark.parametrize("gsd", [20, 60])
def test_networks_of_runs_and_files(tmp_path, gsd):
    """Runs know their network and GSD, a file is tried; what is given twice is measured once."""
    runs = [write_run(tmp_path / name, gsd, name) for name in ("vdsen2", "dsen2")]
    file = str(Path(runs[1]).rename(tmp_path / "moved") / "best.weights.h5")
    (tmp_path / "moved" / run.CONFIG).unlink()
    found, found_gsd = find_networks(WeightsOptions((runs[0], file, f"{runs[0]}/../vdsen2")), None)
    assert found_gsd == gsd
    assert {name: (trained.network_name, trained.source) for name, trained in found.items()} == {
        "vdsen2": ("vdsen2", runs[0]),
        "dsen2": ("dsen2", file),
    }


def test_networks_of_two_gsds_are_refused(tmp_path):
    sources = [write_run(tmp_path / str(gsd), gsd, "dsen2") for gsd in (20, 60)]
    with pytest.raises(SettingError, match=r"60 is for 60 m, and 20 m is asked for; .* with --gsd 60 for this one"):
        find_networks(WeightsOptions(tuple(sources)), None)


@pytest.mark.parametrize("gsd", [20, 60])
def test_estimates_lie_on_the_10m_grid_in_dn(gsd, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    scaled, _ = random_batch(gsd, patches=1, size=36)
    images = {name: 2000 * image[0] for name, image in scaled.items()}
    model = build_network("tiny", gsd)
    set_random_weights(model)
    margin = margin_px("tiny", gsd)
    method = network_method("tiny", model, margin)
    expected = 2000 * model(scaled).numpy()[0]
    found = method.sharpen(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.1)
    for interpolation in interpolation_methods(gsd):
        estimate = interpolation.sharpen(images)
        assert estimate.shape == found.shape
        np.testing.assert_allclose(estimate.mean(), images[f"input_{gsd}m"].mean(), rtol=0.1)
