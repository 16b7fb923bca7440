"""Checks before a comparison: what the files must hold, and that they hold the same patches."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.archive.groups import group_shapes
from bigearthnet.archive.labels import NOMENCLATURES
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.studies.catalogue import STUDIES
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from bigearthnet.studies.plan import check_files, prepare_comparison, require_equal_patches
from common.errors import OutputError, SettingError
from common.studies.options import StudyOptions
from tests.support.made_patches import split_names, write_prepared_file

CLASSES = ("a", "b", "c")
SPLITS = split_names(2, 1, 1)
NAMES = [f"p{number}" for number in range(4)]
LABELS = np.eye(4, 3, dtype=np.uint8)


def write(path: Path, superres: tuple[str, ...] = (), has_s1: bool = False, **other) -> str:
    """Write a prepared file of four patches that differs in one thing from the others."""
    images = {
        name: np.ones((4, *shape), "f4" if name == "s1" else "u2")
        for name, shape in group_shapes(has_s1, superres).items()
    }
    parts = {"labels": LABELS, "class_names": CLASSES, "names": NAMES, "splits": SPLITS, **other}
    write_prepared_file(path, images, parts["labels"], parts["class_names"], parts["names"], parts["splits"])
    return str(path)


def options(study: str | None, folder: Path, *data: str, inputs: dict | None = None, **settings) -> ComparisonOptions:
    shared = StudyOptions(STUDIES[study] if study else None, False, (0, 1), folder)
    return ComparisonOptions(shared, InputOptions(data, **(inputs or {})), settings, {})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Prepared files of the same patches. Do not change them."""
    folder = tmp_path_factory.mktemp("files")
    return {
        "native": write(folder / "native.h5"),
        "s1": write(folder / "s1.h5", has_s1=True),
        "20m": write(folder / "20m.h5", ("s2_20m",)),
        "fine": write(folder / "fine.h5", ("s2_20m", "s2_60m")),
        "untested": write(folder / "untested.h5", splits=split_names(3, 1, 0)),
    }


@pytest.mark.parametrize(
    "other, message",
    [
        ({"class_names": ("a", "c", "b")}, "have other classes, or another order of them"),
        ({"names": NAMES[::-1]}, "have other patches, or another order of them"),
        ({"splits": split_names(1, 2, 1)}, "have other splits"),
        ({"labels": LABELS[::-1]}, "have other labels"),
    ],
)
def test_files_of_unequal_patches(tmp_path: Path, files: dict[str, str], other: dict, message: str) -> None:
    path = write(tmp_path / "other.h5", **other)
    with pytest.raises(SettingError, match=rf"native\.h5 and \S+other\.h5 cannot be compared, they {message}"):
        check_files(options(None, tmp_path, files["native"], path), (files["native"], path))
    require_equal_patches(BigEarthNetFile(path), BigEarthNetFile(path))


def test_files_of_both_nomenclatures_are_compared(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / f"{count}.h5", class_names=names, labels=np.ones((4, count), np.uint8))
        for count, names in NOMENCLATURES.items()
    ]
    check_files(options(None, tmp_path, *paths), paths)


@pytest.mark.parametrize(
    "study, data, settings, message",
    [
        ("sentinel1", ["native"], {}, r"native\.h5 holds no Sentinel-1, which --bands s1 needs"),
        (
            "superres-input",
            ["native", "20m"],
            {},
            r"20m\.h5 holds s2_60m at its native GSD; prepare it with --superres",
        ),
        (
            "superres-input",
            ["fine", "native"],
            {},
            r"fine\.h5 holds super-resolved bands; give a file of native bands first",
        ),
        ("superres-input", ["native", "fine"], {"bands": "rgb"}, "--bands rgb has no coarse bands to super-resolve"),
        (
            "superres-input",
            ["native"],
            {},
            "compares two prepared files, one of native bands and one made with .* names 1",
        ),
        ("bands", ["native", "fine"], {}, "--study bands takes one prepared file; --data names 2"),
        ("bands", ["untested"], {}, r"untested\.h5 has no patch of split test, to measure on"),
        ("bands", [], {}, "there are no patches to train on; give a prepared file with --data"),
        ("superres-input", [], {}, "there are no patches to train on; .* or the archive with --root"),
    ],
)
def test_files_that_lack_what_a_study_compares(
    tmp_path: Path, files: dict[str, str], study: str, data: list[str], settings: dict, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        prepare_comparison(options(study, tmp_path / "out", *(files[name] for name in data), **settings))
    assert not (tmp_path / "out").exists()


def test_files_that_hold_what_a_study_compares(tmp_path: Path, files: dict[str, str]) -> None:
    prepare_comparison(options("sentinel1", tmp_path / "s1", files["s1"]))
    prepare_comparison(options("superres-input", tmp_path / "fine", files["native"], files["fine"]))
    prepare_comparison(options("superres-input", tmp_path / "20m", files["native"], files["20m"], bands="10bands"))


def test_bands_that_cannot_be_super_resolved_are_refused_before_an_archive_is_prepared(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--bands rgb has no coarse bands to super-resolve"):
        prepare_comparison(options("superres-input", tmp_path / "out", inputs={"root": "."}, bands="rgb"))


@pytest.mark.parametrize(
    "study, inputs, message",
    [
        ("bands", {"root": "archive"}, "--root is for --study superres-input"),
        ("superres-input", {"root": "archive"}, "--root archive does not exist; give a folder"),
        ("superres-input", {"root": ".", "splits": "lists"}, "--splits lists does not exist; give a folder"),
        ("superres-input", {"root": "jobs"}, "--root jobs holds no patch of BigEarthNet-S2; give the unpacked archive"),
    ],
)
def test_archives_that_are_not_there(tmp_path: Path, study: str, inputs: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        prepare_comparison(options(study, tmp_path / "out", inputs=inputs))


@pytest.mark.parametrize(
    "option, inputs",
    [
        ("--superres-weights", {"superres_weights": ("w",)}),
        ("--s1-root", {"s1_root": "."}),
        ("--nomenclature", {"nomenclature": 43}),
        ("--keep-snow-cloud", {"keep_snow_cloud": True}),
    ],
)
def test_options_of_an_archive_beside_files(tmp_path: Path, files: dict[str, str], option: str, inputs: dict) -> None:
    """They would have no effect. A study of Sentinel-1 would go without the folder that it was given."""
    with pytest.raises(SettingError, match=f"{option} is for --study superres-input with an archive; give its folder"):
        prepare_comparison(options("bands", tmp_path / "out", files["native"], inputs=inputs))
    assert not (tmp_path / "out").exists()


def test_files_of_one_name(tmp_path: Path, files: dict[str, str]) -> None:
    """Their runs would have one folder, and one line in the table."""
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other" / "native.h5")
    with pytest.raises(SettingError, match=r"--data names \S+native\.h5 and \S+native\.h5, and runs have the names of"):
        prepare_comparison(options(None, tmp_path / "out", files["native"], other))


def test_an_archive_beside_files(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="--data names prepared files, and --root an archive"):
        prepare_comparison(options("superres-input", tmp_path, files["native"], files["fine"], inputs={"root": "."}))


def test_a_folder_that_holds_something(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty; continue with --resume"):
        prepare_comparison(options("bands", tmp_path, files["native"]))
