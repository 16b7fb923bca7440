"""The plan of an evaluation: its networks and their names, its scenes, its output folder."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import OutputError, SettingError
from common.pixels.sentinel2 import JOINT, Gsd
from common.runs import folder as run
from superres.evaluation.options import EvaluationOptions
from superres.evaluation.plan import find_networks, method_names, prepare_evaluation
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.training.config import SuperresConfig
from tests.support.tiny_training import tiny_joint_network, tiny_network, write_scenes


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dsen2", "vdsen2"):
        monkeypatch.setitem(NETWORKS, name, tiny_network())


def write_run(folder: Path, gsd: Gsd, network: str) -> str:
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
def test_networks_with_the_same_title_get_different_names(sources, names):
    all_trained = [TrainedNetwork(source, Path(source), network, 20, "", network) for network, source in sources]
    assert method_names(all_trained) == names


@pytest.mark.parametrize("gsd", [20, 60])
def test_networks_of_runs_and_files(tmp_path, gsd):
    """A run folder says its network and GSD, the weights of a file say its GSD. A source that is given twice counts once."""
    runs = [write_run(tmp_path / name, gsd, name) for name in ("vdsen2", "dsen2")]
    file = str(Path(runs[1]).rename(tmp_path / "moved") / "best.weights.h5")
    (tmp_path / "moved" / run.CONFIG).unlink()
    trained_networks, common_gsd = find_networks(WeightsOptions((runs[0], file, f"{runs[0]}/../vdsen2")), None)
    assert common_gsd == gsd
    assert {name: (trained.network_name, trained.source) for name, trained in trained_networks.items()} == {
        "vdsen2": ("vdsen2", runs[0]),
        "dsen2": ("dsen2", file),
    }


def test_networks_of_two_gsds_are_refused(tmp_path):
    sources = [write_run(tmp_path / str(gsd), gsd, "dsen2") for gsd in (20, 60)]
    with pytest.raises(
        SettingError, match=r"60 is for 60 m, but the bands to sharpen are 20 m; .* with --gsd 60 for this one"
    ):
        find_networks(WeightsOptions(tuple(sources)), None)


def test_a_joint_network_is_measured_at_either_gsd(tmp_path, monkeypatch):
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())
    both = write_run(tmp_path / "both", JOINT, "joint")
    fine = write_run(tmp_path / "fine", 20, "dsen2")
    with pytest.raises(
        SettingError, match="both is for 20 m and 60 m; say with --gsd 20 or --gsd 60 which bands to measure"
    ):
        find_networks(WeightsOptions((both,)), None)
    for gsd in (20, 60):
        assert find_networks(WeightsOptions((both,)), gsd)[1] == gsd
    assert find_networks(WeightsOptions((both, fine)), None)[1] == 20


def options_for(folder: Path, scene_size: int = 24, **changes: object) -> EvaluationOptions:
    """Options for a run folder of the tiny network and a list of two scenes."""
    tiles = write_scenes(folder, size=scene_size)
    weights = WeightsOptions((write_run(folder / "run", 20, "dsen2"),))
    return EvaluationOptions(str(tiles), weights, folder / "results", **changes)


def test_the_plan_holds_all_that_was_checked(tmp_path):
    options = options_for(tmp_path, degradation="mtf", precision="float16", engine="openvino", full_scale=True)
    plan = prepare_evaluation(options)
    assert [scene.tile for scene in plan.scenes] == ["T32TNS", "T32TPS"]
    assert list(plan.trained_networks) == ["dsen2"]
    assert (plan.settings.gsd, plan.settings.degradation) == (20, "mtf")
    assert (plan.precision, plan.full_scale, plan.folder) == ("float16", True, tmp_path / "results")
    assert not plan.folder.exists()
    record = plan.record()
    assert record["scenes"] == [scene.name for scene in plan.scenes]
    assert record["networks"]["dsen2"]["gsd"] == record["gsd"] == 20
    assert record["engine"].startswith("tensorflow 2.")  # OpenVINO has no float16


def test_a_network_that_was_trained_with_another_degradation_warns(tmp_path, caplog):
    prepare_evaluation(options_for(tmp_path, degradation="mtf"))
    assert "was trained with --degradation gaussian and is measured with --degradation mtf" in caplog.text


def test_an_output_folder_with_results_is_refused(tmp_path):
    options = options_for(tmp_path)
    options.output.mkdir()
    (options.output / "metrics.csv").touch()
    with pytest.raises(
        OutputError, match="is not empty; give another --output, or replace its results with --overwrite"
    ):
        prepare_evaluation(options)
    prepare_evaluation(replace(options, overwrite=True))
    assert (options.output / "metrics.csv").exists()  # replaced when the networks are ready
