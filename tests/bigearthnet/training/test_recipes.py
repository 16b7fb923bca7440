"""Recipes: their settings are settings of the training, and the command line counts more."""

import dataclasses

import pytest

from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.recipes import OWN, REBEN, RECIPES


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_sets_what_the_command_line_leaves_open(recipe: str) -> None:
    config = BigEarthNetConfig.from_dict({"data": "data.h5", "recipe": recipe, "bands": "s1_10bands", "epochs": 3})
    assert (config.recipe, config.bands, config.epochs) == (recipe, "s1_10bands", 3)
    left_open = {name: value for name, value in RECIPES[recipe].items() if name not in ("bands", "epochs")}
    assert left_open.items() <= dataclasses.asdict(config).items()


def test_the_recipe_of_reben() -> None:
    """As Clasen et al. publish it: AdamW, 0.001, batches of 512, warm-up and cosine, dropout 0.15, best by macro AP."""
    config = BigEarthNetConfig.from_dict({"data": "data.h5", "recipe": REBEN})
    assert (config.optimizer, config.learning_rate, config.step_patches) == ("adamw", 1e-3, 512)
    assert (config.schedule, config.dropout, config.best_by, config.bands) == ("cosine", 0.15, "ap_macro", "10bands")


def test_settings_that_a_run_folder_tells_are_read_as_they_are() -> None:
    config = BigEarthNetConfig.from_dict({"data": "data.h5", "recipe": REBEN, "dropout": 0.5})
    assert BigEarthNetConfig.from_dict(dataclasses.asdict(config)) == config
    assert BigEarthNetConfig(data="data.h5") == BigEarthNetConfig.from_dict({"data": "data.h5", "recipe": OWN})
