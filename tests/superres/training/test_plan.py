"""Checks before a training: overlapping scenes, weights that would be replaced, the teacher, the precision."""

import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.errors import SettingError, WeightsError
from common.rasters.grids import footprint_lonlat
from common.runs.folder import CONFIG, WEIGHTS
from common.runs.opening import RunLocation
from common.scenes.tile_list import open_scene, read_tile_list
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.trained import TrainedNetwork
from superres.training import plan
from superres.training.config import SuperresConfig
from superres.training.plan import (
    check_init_weights,
    check_run_name,
    check_scenes,
    check_weights_are_kept,
    find_cuts,
    find_teachers,
    prepare_training,
    shared_ground,
    warn_of_emulated_precision,
)
from tests.support.fake_safe import write_safe
from tests.support.tiny_training import TILES, tiny_network, write_scenes, write_trained_run


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())


def make_config(**settings: object) -> SuperresConfig:
    return SuperresConfig(tiles="t.txt", **settings)


def test_a_run_folder_with_the_name_of_published_weights_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the scenes are read, of which there are none here."""
    monkeypatch.chdir(tmp_path)
    for name in ("dsen2-l1c-20m", "./dsen2-l2a-60m/"):
        with pytest.raises(
            SettingError, match=r"--run-dir dsen2-l\S+ is the name of published .*; give another --run-dir"
        ):
            prepare_training(make_config(), RunLocation(Path(name), resume=True))
    for folder in (Path("runs/dsen2-l1c-20m"), None):
        check_run_name(folder)
    Path("dsen2-l1c-20m").mkdir()  # older versions accepted the name
    with pytest.raises(SettingError, match="instead of this folder; rename it, and give its new name"):
        check_run_name(Path("dsen2-l1c-20m"))


def test_test_scenes_that_overlap_a_training_scene_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another date of the same tile overlaps; a scene elsewhere does not."""
    scenes = read_tile_list(write_scenes(tmp_path / "train", size=48))
    other_date = write_safe(tmp_path / "dates", tile=TILES[0], size=48, sensed="20200101T101031")
    (tmp_path / "dates" / "list.txt").write_text(f"{other_date}\n")
    elsewhere = read_tile_list(write_scenes(tmp_path / "test", tiles=TILES[2:], size=48))
    with caplog.at_level(logging.WARNING):
        check_scenes(scenes, elsewhere, 20)
        assert not caplog.messages
        tests = read_tile_list(tmp_path / "dates" / "list.txt")
        check_scenes(scenes, tests, 20)
    footprints = {scene.name: footprint_lonlat(scene) for scene in scenes}
    assert shared_ground(footprints, [*tests, *elsewhere]) == {tests[0].name: scenes[0].name}
    (message,) = caplog.messages
    assert message.endswith(f"overlaps {scenes[0].name}, a scene to train on; its metrics may be optimistic")


def test_a_scene_on_both_lists(tmp_path: Path) -> None:
    scenes = read_tile_list(write_scenes(tmp_path, size=48))
    with pytest.raises(SettingError, match=r"T32TPS\S+ is in --tiles and in --test-tiles; remove it from one of them"):
        check_scenes(scenes, scenes[1:], 20)


@pytest.mark.parametrize("option", ["init_weights", "teacher"])
@pytest.mark.parametrize("source", ["run", "run/best.weights.h5", "elsewhere/../run"])
def test_weights_in_the_folder_that_a_run_replaces(tmp_path: Path, option: str, source: str) -> None:
    config = make_config(**{option: str(tmp_path / source)})
    (tmp_path / "elsewhere").mkdir()
    for folder in (tmp_path / "other", None):
        check_weights_are_kept(config, folder)
    with pytest.raises(
        SettingError, match=rf"--{option.replace('_', '-')} \S+ is in the run folder that this run would"
    ):
        check_weights_are_kept(config, tmp_path / "run")


def test_teacher_must_be_for_the_same_gsd(tmp_path: Path) -> None:
    for gsd in (20, 60):
        build_network("dsen2", gsd).save_weights(tmp_path / f"{gsd}.weights.h5")
    (teacher,) = find_teachers(make_config(gsd=60, teacher=str(tmp_path / "60.weights.h5")), [])
    assert teacher.gsd == 60
    with pytest.raises(SettingError, match=r"--teacher .* is for 20 m, and --gsd is 60; give one for 60 m"):
        find_teachers(make_config(gsd=60, teacher=str(tmp_path / "20.weights.h5")), [])


def test_a_joint_network_has_a_teacher_for_each_gsd(tmp_path: Path) -> None:
    fine, coarse = (str(tmp_path / f"{gsd}.weights.h5") for gsd in (20, 60))
    for gsd, path in ((20, fine), (60, coarse)):
        build_network("dsen2", gsd).save_weights(path)
    both = {"model": "joint", "gsd": [20, 60]}
    for pair in ([fine, coarse], [coarse, fine]):
        assert [teacher.source for teacher in find_teachers(make_config(teacher=pair, **both), [])] == pair
    with pytest.raises(SettingError, match="--gsd 20 60 needs a --teacher for 60 m, too; give one for each GSD"):
        find_teachers(make_config(teacher=fine, **both), [])


@pytest.mark.parametrize(
    "of_each, message",
    [
        (
            ((20, "L1C"), (20, "L1C", "L2A")),
            r"--teacher a and b are both for 20 m and L1C; give one for each level and GSD",
        ),
        (
            ((20, "L1C"), (20,)),
            r"both for 20 m, and b does not tell the level that it was trained on; give one of them",
        ),
        (((20,), (60, "L1C"), (20, "L2A")), r"--teacher a and c are both for 20 m, and a does not tell the level"),
        (
            ((20, "L1C"), (60, "L2A")),
            r"no level has a --teacher for each GSD: a for L1C and b for L2A; give those of one",
        ),
        (((20, "L1C"), (20, "L2A")), None),
        (((20, "L1C"), (60, "L1C"), (60, "L2A")), None),
        (((20, "L1C"), (60,)), None),
    ],
)
def test_levels_of_teachers(of_each: tuple[tuple, ...], message: str | None) -> None:
    """No two for the same GSD and level, and one level at least has one for each GSD."""
    teachers = [trained_network(name, gsd, *levels) for name, (gsd, *levels) in zip("abc", of_each, strict=False)]
    if message is None:
        plan.check_levels(teachers, {"L1C", "L2A"})
    else:
        with pytest.raises(SettingError, match=message):
            plan.check_levels(teachers, {"L1C", "L2A"})


def test_scenes_of_l2a_may_have_a_teacher_of_l1c_for_20_m() -> None:
    """No weights are published for the 20 m bands of L2A. The network is for the level of its scenes then."""
    teachers = (trained_network("a", 20, "L1C"), trained_network("b", 60, "L2A"))
    for given in (teachers, (*teachers, trained_network("c", 60, "L1C"))):
        plan.check_levels(given, {"L2A"})
        assert plan.TrainingPlan((SimpleNamespace(level="L2A"),), (), given, ()).levels == ["L2A"]


@pytest.mark.parametrize(
    "scenes, warning",
    [(["L1C", "L2A"], None), ([], None), (["L1C"], r"--teacher \S+b is not used: no scene is L2A")],
)
def test_a_teacher_that_no_scene_needs_is_told(
    tmp_path: Path, scenes: list[str], warning: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    runs = [write_trained_run(tmp_path / name, 20, level) for name, level in (("a", "L1C"), ("b", "L2A"))]
    teachers = make_config(teacher=runs)
    assert len(find_teachers(teachers, [SimpleNamespace(level=level) for level in scenes])) == 2
    assert re.search(warning, caplog.text) if warning else not caplog.messages


def trained_network(name: str, gsd: int, *levels: str) -> TrainedNetwork:
    return TrainedNetwork(name, Path(name), "dsen2", gsd, levels=levels)


def test_a_scene_gives_patches_at_the_scales_at_which_it_is_large_enough(tmp_path: Path) -> None:
    small, large = (
        open_scene(write_safe(tmp_path, tile=tile, size=size)) for tile, size in (("T32TNS", 96), ("T32TPS", 288))
    )
    config = make_config(model="joint", gsd=[20, 60], teacher=["a", "b"])
    cuts = find_cuts([small, large], config.patches)
    assert [(scene.tile, settings.scale_factor) for scene, settings in cuts] == [
        *(("T32TNS", scale) for scale in (1, 2)),
        *(("T32TPS", scale) for scale in (1, 2, 6)),
    ]
    tiny = open_scene(write_safe(tmp_path, tile="T32TQS", size=24))
    assert [settings.gsd for _, settings in find_cuts([tiny], config.patches)] == [
        10
    ]  # whose error says what is too small


@pytest.mark.parametrize(
    ("scenes", "teachers", "levels"),
    [
        (["L2A", "L1C"], [], ["L1C", "L2A"]),
        (["L1C", "L2A"], [(20, ["L1C"])], ["L1C"]),
        (["L2A"], [(20, ["L1C"])], ["L1C"]),
        (["L1C", "L2A"], [(20, ["L1C", "L2A"]), (60, ["L2A"])], ["L2A"]),
        (["L1C", "L2A"], [(20, [])], ["L1C", "L2A"]),
        (["L1C", "L2A"], [(20, ["L1C"]), (20, ["L2A"])], ["L1C", "L2A"]),
        (["L1C", "L2A"], [(20, ["L1C"]), (60, ["L1C"]), (60, ["L2A"])], ["L1C"]),
    ],
)
def test_a_network_is_for_the_levels_of_its_teachers(
    scenes: list[str], teachers: list[tuple[int, list[str]]], levels: list[str]
) -> None:
    """Those that all GSDs have a teacher for. Teachers of unknown levels do not count."""
    taught_by = tuple(trained_network("x", gsd, *known) for gsd, known in teachers)
    plan_of = plan.TrainingPlan(tuple(SimpleNamespace(level=level) for level in scenes), (), taught_by, ())
    assert plan_of.levels == levels


def test_init_weights_of_another_level_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    build_network("dsen2", 20).save_weights(tmp_path / WEIGHTS)
    (tmp_path / CONFIG).write_text(json.dumps({"settings": {}, "application": "superres", "levels": ["L1C"]}))
    with caplog.at_level(logging.WARNING):
        check_init_weights(make_config(init_weights=str(tmp_path)), [SimpleNamespace(level="L1C")])
        assert not caplog.messages
        check_init_weights(make_config(init_weights=str(tmp_path)), [SimpleNamespace(level="L2A")])
    assert "was trained on L1C and the scenes are L2A" in caplog.text
    with pytest.raises(WeightsError, match="does not hold weights of dsen2_60m"):
        check_init_weights(make_config(gsd=60, init_weights=str(tmp_path)), [])


@pytest.mark.parametrize(
    "precision, has_bfloat16, warns",
    [("bfloat16", False, True), ("bfloat16", True, False), ("float32", False, False)],
)
def test_emulated_precision_is_reported(
    precision: str,
    has_bfloat16: bool,
    warns: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(plan, "has_bfloat16", lambda: has_bfloat16)
    with caplog.at_level(logging.WARNING):
        warn_of_emulated_precision(precision)
    assert [message.startswith("bfloat16 is only emulated") for message in caplog.messages] == [True] * warns
