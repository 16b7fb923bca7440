"""Options that commands share: networks by source, precision, and their defaults."""

import argparse

import pytest

from common.errors import SettingError
from superres.networks.sources import WeightsOptions
from superres.options import add_precision_option, add_weights_options, read_weights_options


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_weights_options(parser, "one for each GSD")
    return parser


def test_run_folders_come_before_weights(parser):
    words = ["--weights", "a.h5", "b.h5", "--run-dir", "runs/one", "--weights", "c.h5", "--run-dir", "runs/two"]
    options = read_weights_options(parser.parse_args(words))
    assert options == WeightsOptions(("runs/one", "runs/two", "a.h5", "b.h5", "c.h5"), "dsen2", "bilinear")


def test_a_file_is_no_run_folder(parser, tmp_path):
    """Also not the weights in a run folder, whose `config.json` names another network than --model."""
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / "best.weights.h5"
    file.touch()
    with pytest.raises(
        SettingError, match=r"--run-dir \S+h5 is a file; give the folder .* wrote, or .* with --weights\."
    ):
        read_weights_options(parser.parse_args(["--run-dir", str(tmp_path / "run"), str(file)]))
    assert read_weights_options(parser.parse_args(["--weights", str(file)])).sources == (str(file),)


def test_a_run_folder_is_not_taken_for_published_weights(parser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dsen2-l1c-20m").mkdir()
    with pytest.raises(
        SettingError, match=r"^--run-dir dsen2-l1c-20m is the name of .* with --weights, or .* as \./dsen2-l1c-20m\.$"
    ):
        read_weights_options(parser.parse_args(["--run-dir", "dsen2-l1c-20m"]))
    options = read_weights_options(parser.parse_args(["--run-dir", "./dsen2-l1c-20m", "--weights", "dsen2-l1c-20m"]))
    assert options.sources == ("./dsen2-l1c-20m", "dsen2-l1c-20m")


@pytest.mark.parametrize("option", ["--run-dir", "--weights"])
def test_a_link_to_nowhere_is_told_as_one(parser, tmp_path, option):
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(
        SettingError, match=rf"^{option} \S+/link is a link to \S+/gone, which does not exist; correct the"
    ):
        read_weights_options(parser.parse_args([option, str(tmp_path / "link")]))


def test_two_calls_do_not_share_their_lists(parser):
    assert read_weights_options(parser.parse_args(["--weights", "a.h5"])).sources == ("a.h5",)
    assert read_weights_options(parser.parse_args(["--weights", "b.h5"])).sources == ("b.h5",)


def test_network_and_upsampling_of_weights_files(parser):
    options = read_weights_options(parser.parse_args(["--weights", "a.h5", "--model", "lowres", "--upsample", "none"]))
    assert (options.network_name, options.upsample) == ("lowres", "none")


def test_help_says_how_many(parser):
    assert parser.format_help().count("one for each GSD") == 2


@pytest.mark.parametrize("choices", [("auto", "float32", "bfloat16"), ("float32", "bfloat16")])
def test_the_first_precision_is_the_default(choices):
    parser = argparse.ArgumentParser()
    add_precision_option(parser, choices)
    assert parser.parse_args([]).precision == choices[0]
    assert ("auto is bfloat16" in " ".join(parser.format_help().split())) == ("auto" in choices)
    with pytest.raises(SystemExit):
        parser.parse_args(["--precision", "float64"])
