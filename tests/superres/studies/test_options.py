"""The options of `superres-compare` as a record."""

from pathlib import Path

import pytest

from common.errors import SettingError
from superres.compare import build_parser
from superres.studies.options import ComparisonOptions, read_comparison_options

TILES = ("--tiles", "tiles.txt", "--test-tiles", "test.txt", "--output", "out")


def read(*words: str) -> ComparisonOptions:
    return read_comparison_options(build_parser().parse_args([*words, *TILES]))


def test_without_a_study_networks_are_varied_with_upsamplings() -> None:
    options = read("--models", "fuse", "dsen2", "fuse", "--upsamplings", "bicubic", "nearest", "--epochs", "3")
    assert list(options.varied) == ["fuse, bicubic", "fuse, nearest", "dsen2, bicubic", "dsen2, nearest"]
    config = options.variant_config(options.variants[2])
    assert (config.model, config.upsample, config.epochs, config.test_tiles) == ("dsen2", "bicubic", 3, None)
    assert options.tests == ("gaussian",)
    assert options.labels[str(Path("out/runs/dsen2-bicubic-seed0"))] == ("dsen2, bicubic", 0)


def test_the_command_line_replaces_settings_of_a_study() -> None:
    options = read("--study", "losses", "--quick", "--epochs", "7", "--models", "fuse", "--upsamplings", "bicubic")
    configs = [options.variant_config(variant) for variant in options.variants]
    assert {(config.epochs, config.model, config.upsample) for config in configs} == {(7, "fuse", "bicubic")}
    assert {config.patches_per_tile for config in configs} == {9}
    assert {config.patch_cache for config in configs} == {"out/patches"}
    assert read("--study", "losses").config.model == "dsen2"
    assert read("--study", "losses", "--patch-cache", "mine").config.patch_cache == "mine"


def test_each_blur_has_patches_of_its_own_and_both_are_tested() -> None:
    options = read("--study", "blur")
    caches = {variant.label: options.variant_config(variant).patch_cache for variant in options.variants}
    assert caches == {f"trained with {blur}": f"out/patches/{blur}" for blur in ("gaussian", "mtf")}
    assert options.tests == ("gaussian", "mtf")


def test_the_adversary_trains_the_network_of_models() -> None:
    options = read("--study", "adversary", "--models", "fuse")
    configs = [options.variant_config(variant) for variant in options.variants]
    assert {(config.model, config.generator) for config in configs} == {("gan", "fuse")}
    assert {config.adversarial_weight for config in configs} == {0.0, 2e-4, 5e-3}


@pytest.mark.parametrize(
    "words, message",
    [
        (("--study", "losses", "--loss", "l2"), "--study losses varies --loss; leave --loss out"),
        (("--study", "networks", "--models", "fuse"), "--study networks varies --models; leave --models out"),
        (("--study", "interpolation", "--upsamplings", "none"), "--study interpolation varies --upsamplings"),
        (("--study", "losses", "--models", "fuse", "tiny"), "trains its own variants; give --models one value"),
        (("--study", "losses", "--seeds", "1"), "--seeds 1 is one seed; give two or more"),
        (("--models", "fuse", "--quick"), "--quick is the short form of a study"),
        (("--models", "dsen3"), "unknown network 'dsen3'"),
        (("--models", "tiny", "joint"), "networks of one GSD, and joint sharpens both; train it with superres-train"),
    ],
)
def test_bad_input(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read(*words)
