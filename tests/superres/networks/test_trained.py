"""What weights are for: run folders and published names know it, the shapes in a file tell it."""

import hashlib
import warnings
from pathlib import Path

import pytest

from common.errors import RunFolderError, SettingError, WeightsError
from common.runs.folder import CONFIG, WEIGHTS, write_config
from superres.networks import weights
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, margin_px
from superres.networks.trained import choose_networks, describe_weights
from superres.training.config import SuperresConfig
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setitem(NETWORKS, "vdsen2", tiny_network(features=12))


def write_weights(path: Path, gsd: int, network: str = "dsen2") -> Path:
    model = build_network(network, gsd)
    set_random_weights(model)
    model.save_weights(path)
    return path


def write_run(folder: Path, gsd: int, network: str) -> Path:
    folder.mkdir()
    write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd, model=network))
    write_weights(folder / WEIGHTS, gsd, network)
    return folder


@pytest.mark.parametrize("gsd", [20, 60])
def test_files(tmp_path, gsd):
    path = write_weights(tmp_path / "any.weights.h5", gsd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = describe_weights(str(path))
    assert (found.network_name, found.gsd, found.file) == ("dsen2", gsd, path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.build("float32").output_shape[-1] == {20: 6, 60: 2}[gsd]


@pytest.mark.parametrize("gsd", [20, 60])
def test_run_folders_know_their_network(tmp_path, gsd):
    folder = write_run(tmp_path / "run", gsd, "vdsen2")
    for source in (folder, folder / WEIGHTS):
        found = describe_weights(str(source))
        assert (found.network_name, found.gsd, found.file) == ("vdsen2", gsd, folder / WEIGHTS)


def test_upsampling_is_remembered(tmp_path):
    """A run folder rebuilds the network that it trained, with its margin; of a bare file it must be said."""
    config = SuperresConfig(tiles="tiles.txt", model="lowres", upsample="none")
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run", config)
    build_network("lowres", 60, upsample="none").save_weights(tmp_path / "any.weights.h5")
    model = build_network("lowres", 20, upsample="none")
    model.save_weights(tmp_path / "run" / WEIGHTS)
    found = describe_weights(str(tmp_path / "run"), "dsen2", "bicubic")
    assert (found.network_name, found.upsample) == ("lowres", "none")
    assert [layer.name for layer in found.build("float32").layers] == [layer.name for layer in model.layers]
    found = describe_weights(str(tmp_path / "any.weights.h5"), "lowres", "none")
    assert (found.gsd, found.upsample) == (60, "none")
    dsen2 = describe_weights(str(write_weights(tmp_path / "other.weights.h5", 20)), "dsen2", "bicubic")
    assert dsen2.margin == margin_px("dsen2", 20, "bicubic") > margin_px("dsen2", 20)


def test_files_of_another_network_need_its_name(tmp_path):
    path = str(write_weights(tmp_path / "any.weights.h5", 20, "vdsen2"))
    with pytest.raises(WeightsError, match="does not hold weights of dsen2_20m"):
        describe_weights(path)
    assert describe_weights(path, "vdsen2").network_name == "vdsen2"


@pytest.mark.parametrize("name, gsd", [("dsen2-l1c-20m", 20), ("dsen2-l1c-60m", 60), ("dsen2-l2a-60m", 60)])
def test_published_names(tmp_path, monkeypatch, name, gsd):
    path = write_weights(tmp_path / "any.weights.h5", gsd)
    monkeypatch.setattr(weights, "fetch_published", {name: path}.__getitem__)
    found = describe_weights(name)
    assert (found.source, found.network_name, found.gsd, found.file) == (name, "dsen2", gsd, path)


@pytest.mark.parametrize("was, becomes", [('"superres"', '"bigearthnet"'), ('"dsen2"', '["dsen2"]')])
def test_folders_that_are_no_runs(tmp_path, was, becomes):
    folder = write_run(tmp_path / "run", 20, "dsen2")
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace(was, becomes))
    with pytest.raises(RunFolderError, match="holds no run of superres-train that this version knows"):
        describe_weights(str(folder))


def test_one_network_for_each_gsd(tmp_path):
    fine, coarse = (str(write_weights(tmp_path / f"{gsd}.weights.h5", gsd)) for gsd in (20, 60))
    assert list(choose_networks([coarse, fine], None, "dsen2")) == [20, 60]
    assert list(choose_networks([coarse, coarse], [60], "dsen2")) == [60]
    with pytest.raises(SettingError, match=r"20\.weights\.h5 is for 20 m, and --gsd asks for 60 m"):
        choose_networks([fine, coarse], [60], "dsen2")
    with pytest.raises(SettingError, match="there are no weights for 60 m; give them with --weights"):
        choose_networks([fine], [20, 60], "dsen2")
    with pytest.raises(SettingError, match="are both for 20 m; give one of them"):
        choose_networks([fine, str(write_weights(tmp_path / "more.weights.h5", 20))], None, "dsen2")
