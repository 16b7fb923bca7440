"""The options of comparisons."""

import argparse
from pathlib import Path

import pytest

from common.errors import SettingError
from common.studies.options import StudyOptions, add_study_options, read_study_options
from common.studies.study import Study

STUDIES = {"losses": Study("losses", "Which loss at 5 % of the cost?", {"l1": {}}, "l1", ("rmse",))}


def read(*words: str) -> StudyOptions:
    parser = argparse.ArgumentParser()
    parser.add_argument("--overwrite", action="store_true")
    add_study_options(parser, STUDIES)
    assert "5 % of the cost" in " ".join(parser.format_help().split())
    return read_study_options(parser.parse_args([*words, "--output", "out"]), STUDIES)


@pytest.mark.parametrize(
    "words, seeds",
    [
        ((), (0,)),
        (("--study", "losses"), (0, 1, 2)),
        (("--study", "losses", "--quick"), (0, 1)),
        (("--study", "losses", "--seeds", "4", "2", "4"), (4, 2)),
    ],
)
def test_seeds(words: tuple[str, ...], seeds: tuple[int, ...]) -> None:
    options = read(*words)
    assert (options.seeds, options.folder) == (seeds, Path("out"))
    assert options.study == (STUDIES["losses"] if words else None)


def test_the_folder_to_stage_into() -> None:
    assert read().stage is None
    assert read("--stage", "/tmp/mine").stage == Path("/tmp/mine")


@pytest.mark.parametrize(
    "words, message",
    [
        (("--study", "losses", "--seeds", "3"), "--study losses judges differences by their spread over seeds"),
        (("--quick",), "--quick is the short form of a study"),
        (("--resume", "--overwrite"), "give one of the two"),
    ],
)
def test_bad_input(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read(*words)
