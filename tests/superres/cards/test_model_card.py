"""Model cards of super-resolution. `tests/cli/superres_train/test_runs.py` reads the card of a real run."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.scenes.tile_list import open_scene
from superres.cards.model_card import describe_limits, describe_place, describe_use, levels_of, saving_rule
from superres.training.config import SuperresConfig


@pytest.mark.parametrize(
    "footprint, place",
    [
        ((10, 40, 12, 41), "40.50 N, 11.00 E"),
        ((-71, -34, -70, -33), "33.50 S, 70.50 W"),
        ((179, 60, -178, 61), "60.50 N, 179.50 W"),
    ],
)
def test_places(footprint, place):
    assert describe_place(footprint) == place


def test_limits_follow_from_gsd_blur_and_level(fake_product: Path):
    scene = open_scene(fake_product)
    text = describe_limits(SuperresConfig(tiles="t", gsd=60, degradation="mtf"), ["L1C"])
    assert "360 m to 60 m, and is applied at 60 m to 10 m" in text
    assert "the blur `mtf`" in text
    assert "It was trained on L1C only. `superres/predict.py` warns if a product is L2A." in text
    taught = SuperresConfig(tiles="t", teacher=("dsen2-l1c-20m",))
    assert "It was taught for L1C only." in describe_limits(taught, ["L1C"])
    both = [scene, replace(scene, level="L2A")]
    assert levels_of(both) == ["L1C", "L2A"]
    assert "only. `superres" not in describe_limits(SuperresConfig(tiles="t"), ["L1C", "L2A"])


def test_the_command_names_the_other_bands():
    assert "--run-dir runs/mine" in describe_use(Path("runs/mine"), 20)
    assert "sharpens the 60 m bands" in describe_use(Path("runs/mine"), 20)
    assert "sharpens the 20 m bands" in describe_use(Path("runs/mine"), 60)


def test_the_saved_weights_follow_the_rule_of_the_training():
    rows = [{"loss": 1.0, "val_loss": 1.0, "val_rmse": 50.0}, {"loss": 2.0, "val_loss": 2.0, "val_rmse": 52.0}]
    assert not saving_rule(SuperresConfig(tiles="t"))(rows)
    assert saving_rule(SuperresConfig(tiles="t", model="gan"))(rows)
