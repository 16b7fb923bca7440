"""Settings of a training run."""

import dataclasses
import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import SettingError
from common.runs.config import OPTIMIZERS, RunConfig, setting

configs = st.builds(
    RunConfig,
    epochs=st.integers(1, 500),
    batch_size=st.integers(1, 99),
    optimizer=st.sampled_from(OPTIMIZERS),
    learning_rate=st.floats(1e-9, 10),
    schedule=st.sampled_from(["plateau", "cosine"]),
    patience=st.integers(1, 9),
    warmup_epochs=st.floats(0, 9),
    precision=st.sampled_from(["float32", "bfloat16", "float16"]),
    seed=st.integers(0, 2**31),
)


@dataclass(frozen=True, kw_only=True)
class OtherConfig(RunConfig):
    """The settings of an application."""

    size: int = setting("size", 3, choices=(3, 4))


@given(configs)
def test_settings_survive_json(config: RunConfig) -> None:
    assert RunConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_settings_of_an_application_are_read_with_those_of_all() -> None:
    assert OtherConfig.from_dict({"size": 4, "seed": 2}) == OtherConfig(size=4, seed=2)


def test_unknown_settings_are_an_error() -> None:
    with pytest.raises(SettingError, match="unknown settings colour, sizes for OtherConfig; take them out"):
        OtherConfig.from_dict({"sizes": 3, "colour": 1})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"epochs": 0}, "--epochs must be above 0; got 0"),
        ({"batch_size": -1}, "--batch-size must be above 0; got -1"),
        ({"patience": 0}, "--patience must be above 0; got 0"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0; got 0.0"),
        ({"learning_rate": math.nan}, "--learning-rate must be above 0; got nan"),
        ({"clip_norm": 0.0}, "--clip-norm must be 1e-30 to 1e30, or left out to shorten no gradients; got 0.0"),
        ({"clip_norm": math.nan}, "--clip-norm must be .* got nan"),
        ({"clip_norm": 1e39}, r"--clip-norm must be .* got 1e\+39"),
        ({"learning_rate": math.inf}, "--learning-rate must be above 0; got inf"),
        ({"warmup_epochs": -1.0}, "--warmup-epochs must be at least 0; got -1.0"),
        ({"warmup_epochs": math.nan}, "--warmup-epochs must be at least 0; got nan"),
        ({"seed": -1}, "--seed must be 0 to 4294967295; got -1"),
        ({"schedule": "steps"}, "--schedule must be one of plateau, cosine; got 'steps'"),
        ({"precision": "int8"}, "--precision must be one of .*; got 'int8'"),
        (
            {"optimizer": "lamb", "momentum": 0.5},
            "--momentum is only for --optimizer sgd and lars, and .* has --optimizer lamb",
        ),
        ({"optimizer": "nadam", "momentum": 0.9}, "--momentum is only for"),  # also the value that sgd and lars have
        ({"size": 5}, "--size must be one of 3, 4; got 5"),
    ],
)
def test_a_value_out_of_range_is_an_error(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        OtherConfig.from_dict(settings)


@pytest.mark.parametrize("optimizer", ["sgd", "lars"])
def test_the_momentum_of_a_run_is_a_lasting_setting(optimizer: str) -> None:
    config = RunConfig(optimizer=optimizer)
    assert config.used_momentum == config.lasting_settings({})["momentum"] == 0.9
    assert RunConfig(optimizer=optimizer, momentum=0.0).used_momentum == 0


def test_a_run_goes_on_whose_optimizer_does_not_use_the_stored_momentum() -> None:
    """Older versions stored one for each optimizer."""
    assert "momentum" not in RunConfig(optimizer="nadam").lasting_settings({})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().epochs = 5


@pytest.mark.parametrize("settings", [{"schedule": ""}, {"precision": ""}])
def test_an_empty_value_is_an_error(settings: dict) -> None:
    with pytest.raises(SettingError, match=r"--\w+ is empty; give a value, or leave it out"):
        RunConfig(**settings)


def test_a_setting_without_a_default_is_required() -> None:
    @dataclass(frozen=True, kw_only=True)
    class WithData(RunConfig):
        data: str = setting("file", metavar="FILE")

    with pytest.raises(TypeError, match="data"):
        WithData()
    (field,) = [field for field in dataclasses.fields(WithData) if field.name == "data"]
    assert field.metadata == {"help": "file", "metavar": "FILE"}
