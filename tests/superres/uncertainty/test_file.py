"""`uncertainty.json`: what is written is read, and any other file is refused in one line."""

import json
from pathlib import Path

import pytest

from common.errors import RunFolderError, SettingError
from superres.uncertainty.file import CALIBRATION, find_calibrations, read_calibration, read_calibrations
from tests.support.calibrations import made_calibration, write_made


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_calibration_is_read_as_it_was_written(tmp_path, gsd):
    write_made(tmp_path / CALIBRATION, gsd, ("b", "a"))
    assert read_calibration(tmp_path / CALIBRATION) == made_calibration(gsd, ("a", "b")) == read_calibration(tmp_path)


def damaged(path: Path, *keys: str, value: object = None) -> Path:
    """Change an entry of a calibration; None removes it."""
    record = json.loads(write_made(path, 60, ("a",)).read_text())
    *above, last = keys
    entry = record
    for key in above:
        entry = entry[key]
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("schema_version",), 2, "it has schema 2, this code reads 1"),
        (("schema_version",), None, "it has no 'schema_version'"),
        (("gsd",), 10, "its gsd is 10"),
        (("levels",), [0.5, 0.9], "it has not the levels"),
        (("bands",), {}, "the bands B01, B09"),
        (("bands", "B01"), 7, "not subscriptable"),
        (("bands", "B09", "scores"), [1.0], "B09 has not 20 scores"),
        (("bands", "B09", "bounds"), [2.0, 1.0], "the numbers of B09 are not finite, or do not rise"),
        (("bands", "B09", "bounds"), [1.0, float("nan")], "the numbers of B09 are not finite"),
        (("bands", "B09", "expected_errors"), [0.0] * 20, "the numbers of B09"),
        (("bands", "B09", "expected_errors"), ["x"] * 20, "could not convert"),
        (("bands", "B09", "expected_errors"), [10**400] * 20, "too large"),
    ],
)
def test_damaged_files(tmp_path, keys, value, reason):
    file = damaged(tmp_path / "u.json", *keys, value=value)
    with pytest.raises(RunFolderError, match=r"u\.json is no calibration that this version can read") as caught:
        read_calibration(file)
    assert reason in str(caught.value)
    assert str(caught.value).endswith("; measure it again with superres-evaluate --uncertainty.")


@pytest.mark.parametrize("content", ["", "[]", "7", "{", "null", '"text"'])
def test_files_of_something_else(tmp_path, content):
    (tmp_path / "u.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"u\.json is no calibration"):
        read_calibration(tmp_path / "u.json")


def test_a_missing_file(tmp_path):
    with pytest.raises(RunFolderError, match="measure it with superres-evaluate --uncertainty"):
        read_calibration(tmp_path)


def test_each_gsd_needs_the_calibration_of_its_weights(tmp_path):
    files = [write_made(tmp_path / f"{gsd}.json", gsd, ("a", "b")) for gsd in (20, 60)]
    found = read_calibrations(files)
    assert list(find_calibrations(found, {60: ("b", "a")})) == [60]
    with pytest.raises(SettingError, match="has no calibration for 60 m, but for 20 m; measure one with superres-eval"):
        find_calibrations({20: found[20]}, {20: ("a", "b"), 60: ("c",)})
    for digests in (("a",), ("a", "b", "c"), ("x",)):
        with pytest.raises(SettingError, match="the calibration for 20 m is of other weights; measure one"):
            find_calibrations(found, {20: digests})
    with pytest.raises(SettingError, match="has two calibrations for 20 m; give one of them"):
        read_calibrations([files[0], files[0]])
