"""Methods: names that tell networks apart, and estimates in reflectance * 10000."""

from pathlib import Path

import numpy as np
import pytest

from common import run
from common.errors import RunFolderError, SettingError
from superres.config import SuperresConfig
from superres.inference import predict_scene
from superres.methods import NetworkSource, distinguish, find_networks, interpolation_methods, network_method
from superres.networks import NETWORKS, build_network, margin_px
from tests.checks import random_batch, set_random_weights
from tests.tiny_training import tiny_network


def write_config(folder: Path, gsd: int, model: str = "dsen2") -> str:
    folder.mkdir(parents=True)
    run.write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd, model=model))
    return str(folder)


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        ([("dsen2", "runs/a"), ("vdsen2", "runs/b")], ["dsen2", "vdsen2"]),
        ([("dsen2", "runs/a"), ("dsen2", "runs/b"), ("vdsen2", "c")], ["dsen2 (a)", "dsen2 (b)", "vdsen2"]),
        ([("dsen2", "x/run"), ("dsen2", "y/run")], ["dsen2 (x/run)", "dsen2 (y/run)"]),
        ([("dsen2", "x/run"), ("dsen2", "y/run"), ("dsen2", "z.hdf5")],
         ["dsen2 (x/run)", "dsen2 (y/run)", "dsen2 (z)"]),
    ],
)
def test_networks_of_one_name_are_told_apart(sources, names):
    found = distinguish([NetworkSource(network, network, weights) for network, weights in sources])
    assert [source.name for source in found] == names
    assert [(source.network, source.weights) for source in found] == sources


@pytest.mark.parametrize("gsd", [20, 60])
def test_runs_say_network_and_gsd(tmp_path, gsd):
    folders = [write_config(tmp_path / name, gsd, name) for name in ("vdsen2", "dsen2")]
    found, found_gsd = find_networks(folders, ["file.h5"], "dsen2", None)
    assert found_gsd == gsd
    assert found == [NetworkSource("vdsen2", "vdsen2", folders[0]), NetworkSource("dsen2 (dsen2)", "dsen2", folders[1]),
                     NetworkSource("dsen2 (file)", "dsen2", "file.h5")]


def test_weights_alone_are_for_20m():
    assert find_networks([], ["file.h5"], "vdsen2", None) == ([NetworkSource("vdsen2", "vdsen2", "file.h5")], 20)


def test_runs_of_two_gsds_are_refused(tmp_path):
    folders = [write_config(tmp_path / str(gsd), gsd) for gsd in (20, 60)]
    with pytest.raises(SettingError, match=r"60 is a run for 60 m, and 20 m is asked for; .* --gsd 60"):
        find_networks(folders, [], "dsen2", None)


def test_run_of_an_unknown_network(tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "brandnew", tiny_network())
    folder = write_config(tmp_path / "run", 20)
    (Path(folder) / run.CONFIG).write_text((Path(folder) / run.CONFIG).read_text().replace("dsen2", "gone"))
    with pytest.raises(RunFolderError, match="holds no run of superres-train that this version knows"):
        find_networks([folder], [], "dsen2", None)


@pytest.mark.parametrize("gsd", [20, 60])
def test_estimates_lie_on_the_10m_grid_in_dn(gsd, monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    scaled, _ = random_batch(gsd, patches=1, size=36)
    images = {name: 2000 * image[0] for name, image in scaled.items()}
    model = build_network("tiny", gsd)
    set_random_weights(model)
    margin = margin_px("tiny", gsd)
    method = network_method("tiny", model, margin)
    expected = 2000 * predict_scene(model, {name: image[0] for name, image in scaled.items()}, margin)
    found = method.sharpen(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.1)
    for interpolation in interpolation_methods(gsd):
        estimate = interpolation.sharpen(images)
        assert estimate.shape == found.shape
        np.testing.assert_allclose(estimate.mean(), images[f"input_{gsd}m"].mean(), rtol=0.1)
