"""Settings of classification training: values that are refused, and limits that are allowed."""

import pytest

from bigearthnet.training.config import BigEarthNetConfig
from common.errors import SettingError


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"gamma": -1.0, "loss": "focal"}, r"--gamma must be at least 0; got -1\.0"),
        ({"gamma": float("inf"), "loss": "focal"}, r"--gamma must be at least 0; got inf"),
        ({"gamma": 2.0}, r"--gamma is for the losses focal and asymmetric; got --loss bce"),
        ({"margin": 1.0}, r"--margin must be at least 0 and below 1; got 1\.0"),
        ({"margin": -0.1}, r"--margin must be at least 0 and below 1"),
        ({"dropout": 1.0}, r"--dropout must be at least 0 and below 1; got 1\.0"),
        ({"warmup_rate": -1e-4}, r"--warmup-rate must be at least 0; got -0\.0001"),
        ({"last_rate": -1.0}, r"--last-rate must be at least 0; got -1\.0"),
        ({"best_by": "accuracy"}, r"--best-by must be one of loss, f1_micro, f1_macro, ap_macro; got 'accuracy'"),
        ({"sampling": "random"}, r"--sampling must be one of shuffled, balanced; got 'random'"),
        ({"recipe": "theirs"}, r"--recipe must be one of own, reben; got 'theirs'"),
        ({"momentum": 1.0}, r"--momentum must be at least 0 and below 1; got 1\.0"),
        ({"weight_decay": float("nan")}, r"--weight-decay must be at least 0; got nan"),
        ({"model": "vgg"}, r"model must be one of .*; got 'vgg'"),
        ({"resampling": "nearest"}, r"resampling must be one of .*; got 'nearest'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_values_that_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        BigEarthNetConfig.from_dict({"data": "data.h5", **settings})


def test_limits_are_allowed() -> None:
    settings = {"gamma": 0.0, "margin": 0.0, "momentum": 0.0, "weight_decay": 0.0}
    config = BigEarthNetConfig(data="data.h5", loss="asymmetric", optimizer="sgd", **settings)
    assert {name: getattr(config, name) for name in settings} == settings
