"""Trained networks: run folders and published weights state their network and GSD; the shapes in a plain file tell its GSD."""

import hashlib
import os
import shutil
import warnings
from pathlib import Path

import pytest

from common.errors import RunFolderError, SettingError, WeightsError
from common.pixels.sentinel2 import JOINT, Gsd
from common.runs.folder import CONFIG, WEIGHTS, write_config
from superres.networks import weights
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.ensemble import choose_networks
from superres.networks.margin import margin_px
from superres.networks.trained import read_trained, trained_levels
from superres.networks.weights import find_weights
from superres.training.config import SuperresConfig
from tests.support.checks import set_random_weights
from tests.support.tiny_training import tiny_joint_network, tiny_network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setitem(NETWORKS, "vdsen2", tiny_network(features=12))


def write_weights(path: Path, gsd: Gsd, network: str = "dsen2") -> Path:
    model = build_network(network, gsd)
    set_random_weights(model)
    model.save_weights(path)
    return path


def write_run(folder: Path, gsd: Gsd, network: str) -> Path:
    folder.mkdir()
    write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd, model=network))
    write_weights(folder / WEIGHTS, gsd, network)
    return folder


@pytest.mark.parametrize("gsd", [20, 60])
def test_files(tmp_path: Path, gsd: int) -> None:
    path = write_weights(tmp_path / "any.weights.h5", gsd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = read_trained(str(path))
    assert (trained.network_name, trained.gsd, trained.file) == ("dsen2", gsd, path)
    assert trained.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert trained.build("float32").output_shape[-1] == {20: 6, 60: 2}[gsd]


@pytest.mark.parametrize("gsd", [20, 60])
def test_run_folders_state_their_network(tmp_path: Path, gsd: int) -> None:
    folder = write_run(tmp_path / "run", gsd, "vdsen2")
    for source in (folder, folder / WEIGHTS):
        trained = read_trained(str(source))
        assert (trained.network_name, trained.gsd, trained.file) == ("vdsen2", gsd, folder / WEIGHTS)


def test_upsampling_is_remembered(tmp_path: Path) -> None:
    """A run folder rebuilds the network that it trained, with its margin; for a plain file the user gives the upsampling."""
    config = SuperresConfig(tiles="tiles.txt", model="lowres", upsample="none")
    (tmp_path / "run").mkdir()
    write_config(tmp_path / "run", config)
    build_network("lowres", 60, upsample="none").save_weights(tmp_path / "any.weights.h5")
    model = build_network("lowres", 20, upsample="none")
    model.save_weights(tmp_path / "run" / WEIGHTS)
    trained = read_trained(str(tmp_path / "run"), "dsen2", "bicubic")
    assert (trained.network_name, trained.upsample) == ("lowres", "none")
    assert [layer.name for layer in trained.build("float32").layers] == [layer.name for layer in model.layers]
    trained = read_trained(str(tmp_path / "any.weights.h5"), "lowres", "none")
    assert (trained.gsd, trained.upsample) == (60, "none")
    dsen2 = read_trained(str(write_weights(tmp_path / "other.weights.h5", 20)), "dsen2", "bicubic")
    assert dsen2.margin == margin_px("dsen2", 20, "bicubic") > margin_px("dsen2", 20)


def test_files_of_another_network_need_its_name(tmp_path: Path) -> None:
    path = str(write_weights(tmp_path / "any.weights.h5", 20, "vdsen2"))
    with pytest.raises(WeightsError, match="does not hold weights of dsen2_20m"):
        read_trained(path)
    assert read_trained(path, "vdsen2").network_name == "vdsen2"


@pytest.mark.parametrize("name, gsd", [("dsen2-l1c-20m", 20), ("dsen2-l1c-60m", 60), ("dsen2-l2a-60m", 60)])
def test_published_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, gsd: int) -> None:
    path = write_weights(tmp_path / "any.weights.h5", gsd)
    monkeypatch.setattr(weights, "fetch_published", {name: path}.__getitem__)
    trained = read_trained(name)
    assert (trained.source, trained.network_name, trained.gsd, trained.file) == (name, "dsen2", gsd, path)


@pytest.mark.parametrize("was, becomes", [('"superres"', '"bigearthnet"'), ('"dsen2"', '["dsen2"]')])
def test_folders_without_a_run(tmp_path: Path, was: str, becomes: str) -> None:
    folder = write_run(tmp_path / "run", 20, "dsen2")
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace(was, becomes))
    with pytest.raises(RunFolderError, match="holds no run of superres-train that this version can read"):
        read_trained(str(folder))


def test_a_huge_file_of_something_else_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, 2**42)
    with pytest.raises(WeightsError, match="huge does not hold weights"):
        read_trained(str(path))


def test_a_joint_network_is_for_both_gsds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or for the one that is asked for. No other network may be given for the same bands."""
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())
    both, fine = str(write_run(tmp_path / "both", JOINT, "joint")), str(write_run(tmp_path / "fine", 20, "dsen2"))
    trained = read_trained(both)
    assert (trained.gsd, trained.gsds, trained.margin) == (JOINT, (20, 60), 42)
    assert read_trained(shutil.copy(Path(both) / WEIGHTS, tmp_path / "any.weights.h5"), "joint").gsd == JOINT
    assert choose_networks([both], None, "dsen2") == {20: trained, 60: trained}
    assert choose_networks([both], [60], "dsen2") == {60: trained}
    for sources in ([both, fine], [fine, both]):
        with pytest.raises(SettingError, match=r"members of different networks or levels: .*, or give one of them"):
            choose_networks(sources, None, "dsen2")
    with pytest.raises(SettingError, match=r"fine is for 20 m, and --gsd asks for 60 m"):
        choose_networks([both, fine], [60], "dsen2")
    (tmp_path / "both" / CONFIG).write_text((tmp_path / "both" / CONFIG).read_text().replace('"joint"', '"dsen2"'))
    with pytest.raises(
        SettingError, match="--gsd 20 60 needs a network that sharpens both, and dsen2 sharpens one of them"
    ):
        read_trained(both)


def test_levels_follow_from_the_checksum_or_from_the_run_folder(weights_wheel: Path, tmp_path: Path) -> None:
    assert trained_levels("dsen2-l1c-20m") == ("L1C",)
    copy = shutil.copy(find_weights("dsen2-l2a-60m"), tmp_path / "mine.hdf5")
    assert trained_levels(copy) == ("L2A",)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / WEIGHTS).write_text("weights of my own")
    assert trained_levels(tmp_path / "run") == ()
    (tmp_path / "run" / CONFIG).write_text('{"levels": ["L1C"]}')  # of another program
    assert trained_levels(tmp_path / "run") == ()
    record = '{"settings": {}, "application": "superres", "levels": %s}'
    (tmp_path / "run" / CONFIG).write_text(record % '["L1C", "L2A"]')
    assert trained_levels(tmp_path / "run") == ("L1C", "L2A")
    for damaged in ("5", "[1]", '"L1C"'):
        (tmp_path / "run" / CONFIG).write_text(record % damaged)
        with pytest.raises(RunFolderError, match=r"config\.json has the levels .*; expected L1C and L2A"):
            trained_levels(tmp_path / "run")
