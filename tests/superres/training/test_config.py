"""Settings of super-resolution training: defaults, ranges, and settings that need each other. Runs without TensorFlow."""

import dataclasses

import pytest

from common.errors import SettingError
from common.pixels.sentinel2 import JOINT
from superres.training.config import SuperresConfig, gan_fields


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("model", "srcnn", "unknown network 'srcnn'; expected one of dsen2, .*tiny, gan"),
        (
            "upsample",
            "none",
            r"--upsample none does not go with dsen2, .*; give lowres, or another --upsample\.",
        ),
        ("upsample", "lanczos", "--upsample must be one of .*; got 'lanczos'"),
        ("validation_fraction", 1.0, "--validation-fraction must be at least 0 and below 1; got 1.0"),
        ("validation_fraction", float("nan"), "--validation-fraction must be at least 0 and below 1; got nan"),
        ("brightness_ceiling", 0.0, "--brightness-ceiling must be above 0; got 0.0"),
        ("brightness_power", float("inf"), "--brightness-power must be a finite number; got inf"),
        ("patches_per_tile", 0, "--patches-per-tile must be at least 1; got 0"),
        ("teacher_variants", 0, "--teacher-variants must be 1 to 100; got 0"),
        ("teacher_variants", 2, "--teacher-variants needs a --teacher; give one, or leave --teacher-variants out"),
        ("loss", "l3", "--loss must be one of .*; got 'l3'"),
    ],
)
def test_values_out_of_range(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SuperresConfig(tiles="t.txt", **{name: value})


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("adversarial_weight", -1.0, "--adversarial-weight must be at least 0; got -1.0."),
        ("spectral_weight", float("nan"), "--spectral-weight must be at least 0; got nan."),
        ("rmse_tolerance", 0.9, "--rmse-tolerance must be at least 1; got 0.9."),
        ("discriminator_learning_rate", 0.0, "--discriminator-learning-rate must be above 0; got 0.0."),
        ("average_decay", 1.0, "--average-decay must be at least 0 and below 1; got 1.0."),
        ("pretrain_epochs", 100.0, "--pretrain-epochs 100 leaves none of 100 epochs for adversarial training; .*"),
        ("adversarial_loss", "wasserstein", "--adversarial-loss must be one of .*; got 'wasserstein'."),
        ("generator", "gan", "unknown network 'gan'; expected one of dsen2, .*"),
        ("teacher", "dsen2-l1c-20m", "--model gan must learn from the native bands, and predictions of a --teacher .*"),
        ("optimizer", "lamb", "--model gan trains both networks with Adam; leave --optimizer out, or give another"),
        ("momentum", 0.5, "--momentum is only for --optimizer sgd and lars, and this run has --optimizer nadam; leave"),
        ("weight_decay", 0.1, "--model gan trains both networks with Adam; leave --weight-decay out, or give another"),
        ("clip_norm", 0.5, "--model gan trains both networks with Adam; leave --clip-norm out, or give another"),
        ("generator", "tiny-attention", "unknown network 'tiny-attention'; expected one of dsen2, .*"),
    ],
)
def test_values_out_of_range_in_adversarial_training(name: str, value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SuperresConfig(tiles="t.txt", model="gan", **{name: value})


@pytest.mark.parametrize("field", gan_fields(), ids=lambda field: field.name)
def test_settings_of_adversarial_training_need_the_model_gan(field: dataclasses.Field) -> None:
    values = {"generator": "tiny", "attention": True, "adversarial_loss": "least-squares", "average_decay": 0.5}
    other = values.get(field.name, 1.5)
    option = f"--{field.name.replace('_', '-')}"
    with pytest.raises(
        SettingError, match=f"{option} is only for --model gan, and this run has --model dsen2; leave one"
    ):
        SuperresConfig(tiles="t.txt", **{field.name: other})
    assert getattr(SuperresConfig(tiles="t.txt", model="gan", **{field.name: other}), field.name) == other


def test_network_name_is_that_of_the_trained_network() -> None:
    assert SuperresConfig(tiles="t.txt", model="fuse").network_name == "fuse"
    adversarial = SuperresConfig(tiles="t.txt", model="gan", generator="tiny", attention=True)
    assert adversarial.network_name == "tiny-attention"


def test_patches_do_not_depend_on_the_seed() -> None:
    """So that runs with different seeds share patch files."""
    first, second = (SuperresConfig(tiles="t.txt", gsd=60, degradation="mtf", seed=seed).patches[0] for seed in (0, 1))
    assert first == second
    assert (first.gsd, first.degradation) == (60, "mtf")
    assert SuperresConfig(tiles="t.txt", patches_per_tile=7).patches[0].count == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"model": "joint"},
            r"--model joint sharpens the 20 m and the 60 m bands together, and --gsd is 20; give --gsd 20",
        ),
        ({"model": "joint", "gsd": 60}, r"--model joint .*, and --gsd is 60; give --gsd 20 60, or another --model"),
        ({"gsd": [20, 60]}, r"--gsd 20 60 needs .*, and dsen2 sharpens one of them; give --model joint, or one --gsd"),
        ({"gsd": [20, 30]}, r"--gsd must be one of 20, 60; got \(20, 30\)"),
        ({"scales": 2}, r"--scales 2 is for --gsd 20 60; give both GSDs, or leave it out"),
        ({"model": "joint", "gsd": [20, 60], "scales": [2, 6]}, r"--scales other than 6 need a --teacher"),
        (
            {"model": "gan", "generator": "joint", "gsd": [20, 60]},
            r"--model gan sharpens one GSD; give --gsd 20 or --gsd 60",
        ),
    ],
)
def test_settings_of_joint_networks_that_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        SuperresConfig(tiles="t.txt", **settings)


def test_settings_with_several_values() -> None:
    """A single value is kept as it is, as older runs have it. The order of the GSDs does not matter."""
    single = SuperresConfig(tiles="t.txt", gsd=[60], teacher=["a"])
    assert (single.gsd, single.teacher, single.teachers) == (60, "a", ("a",))
    config = SuperresConfig(tiles="t.txt", model="joint", gsd=[60, 20], teacher=["a", "b"], scales=[2, 1])
    assert (config.gsd, config.teachers) == (JOINT, ("a", "b"))
    assert [settings.gsd for settings in config.patches] == [10, 20]
    assert all(settings.joint for settings in config.patches)
    untaught = SuperresConfig(tiles="t.txt", model="joint", gsd=[20, 60])
    assert [settings.gsd for settings in untaught.patches] == [60]
