"""Inputs of a study: made once, by superres-predict as a process of its own; what is finished stays."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bigearthnet.prepare import prepare
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.studies import inputs as module
from bigearthnet.studies.catalogue import STUDIES
from bigearthnet.studies.inputs import make_inputs, run_apart
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from bigearthnet.studies.plan import check_files
from common.errors import Interrupted, ProductError, SettingError
from common.pixels.sentinel2 import BANDS_20M, BANDS_60M
from common.runs.signals import noted_signals
from common.studies.options import StudyOptions
from tests.support.fake_safe import write_labelled_patch
from tests.support.superres_results import write_superres

NAMES = [f"S2A_MSIL2A_20170617T113321_{number}_{number}" for number in (10, 40, 70)]


@pytest.fixture
def archive(tmp_path: Path) -> InputOptions:
    """An archive of three patches, one for each split."""
    (tmp_path / "splits").mkdir()
    for split, name in zip(("train", "val", "test"), NAMES, strict=True):
        write_labelled_patch(tmp_path / "S2", name)
        (tmp_path / "splits" / f"{split}.csv").write_text(name)
    return InputOptions(
        root=str(tmp_path / "S2"), splits=str(tmp_path / "splits"), keep_snow_cloud=True, superres_weights=("w",)
    )


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The commands that would start superres-predict, which takes long; its results are made."""
    started = []

    def write_results(command: Sequence[str], variables: object = None) -> None:
        started.append(command)
        folder = Path(command[command.index("--output") + 1])
        for number, path in enumerate(word for word in command if Path(word).name in NAMES):
            write_superres(folder / f"{Path(path).name}.tif", [*BANDS_20M, *BANDS_60M], number)

    monkeypatch.setattr(module, "run_apart", write_results)
    return started


def study(folder: Path, inputs: InputOptions, name: str = "superres-input", **more: bool) -> ComparisonOptions:
    return ComparisonOptions(StudyOptions(STUDIES[name], False, (0, 1), folder, **more), inputs, {}, {})


def test_the_chain_makes_two_files_of_the_same_patches(archive, commands, tmp_path, monkeypatch) -> None:
    """Two patches at once, so two commands; resumed, nothing that is finished is made again."""
    monkeypatch.setattr(module, "PATCHES_AT_ONCE", 2)
    options = study(tmp_path / "out", archive)
    native, fine = make_inputs(options, prepare)
    check_files(options, (native, fine))
    assert BigEarthNetFile(native).attributes["superres"] == ""
    images = BigEarthNetFile(fine).read(np.arange(3), ["s2_20m"])["s2_20m"]
    assert images[:, 0, 0, 1].tolist() == [1000, 1001, 1000]  # the number of the patch in its command
    (tried, first, second) = commands
    assert tried[3] == first[3] and tried[tried.index("--output") + 1] != first[first.index("--output") + 1]
    assert first[:3] == [sys.executable, "-m", "superres.predict"]
    assert first[3:5] == [str(tmp_path / "S2" / name) for name in NAMES[:2]]
    assert first[-2:] == ["--weights", "w"] and second[3] == str(tmp_path / "S2" / NAMES[2])
    assert all("--skip-existing" in command for command in (first, second))
    before = [Path(path).stat().st_mtime_ns for path in (native, fine)]
    assert make_inputs(study(tmp_path / "out", archive, resume=True), prepare) == [native, fine]
    assert [Path(path).stat().st_mtime_ns for path in (native, fine)] == before
    assert len(commands) == 3
    with pytest.raises(
        SettingError, match=r"holds inputs made with --superres-weights \['w'\], and this command has \['v'\]"
    ):
        make_inputs(study(tmp_path / "out", replace(archive, superres_weights=("v",)), resume=True), prepare)


def test_wrong_weights_are_found_before_the_archive_is_prepared(archive, tmp_path, monkeypatch) -> None:
    """Nothing is kept that would refuse the right ones."""

    def fail(command: Sequence[str]) -> None:
        raise ProductError("superres-predict failed: WeightsError: there are no weights w;")

    monkeypatch.setattr(module, "run_apart", fail)
    with pytest.raises(ProductError, match="there are no weights w;"):
        make_inputs(study(tmp_path / "out", archive), prepare)
    assert not (tmp_path / "out").exists()


def test_weights_for_20_m_only_are_refused_before_the_archive_is_prepared(archive, tmp_path, monkeypatch) -> None:
    def write_20m(command: Sequence[str]) -> None:
        write_superres(Path(command[command.index("--output") + 1]) / "patch.tif", BANDS_20M, 0)

    monkeypatch.setattr(module, "run_apart", write_20m)
    with pytest.raises(SettingError, match=r"^--superres-weights w are not for s2_60m of --bands s2; give weights for"):
        make_inputs(study(tmp_path / "out", archive), prepare)
    assert not (tmp_path / "out").exists()


def test_files_to_replace_are_not_taken_by_resume(archive, commands, tmp_path) -> None:
    """The command with --overwrite and other options is stopped before it has prepared anything."""

    def stop(*arguments: object) -> None:
        raise Interrupted("stopped")

    options = study(tmp_path / "out", archive, "bands")
    (native,) = make_inputs(options, prepare)
    classes = BigEarthNetFile(native).class_names
    other = replace(archive, nomenclature=43)
    with pytest.raises(Interrupted):
        make_inputs(study(tmp_path / "out", other, "bands", overwrite=True), stop)
    (again,) = make_inputs(study(tmp_path / "out", other, "bands", resume=True), prepare)
    assert again == native and len(BigEarthNetFile(again).class_names) > len(classes)


def test_files_that_are_given_are_taken(tmp_path: Path) -> None:
    assert make_inputs(study(tmp_path, InputOptions(("a.h5", "b.h5"))), prepare) == ["a.h5", "b.h5"]


def test_the_sample_is_taken_where_no_archive_is_given(archive, commands, tmp_path, monkeypatch) -> None:
    (tmp_path / "BigEarthNet-S2").symlink_to(archive.root)
    monkeypatch.setattr(module, "fetch_sample", lambda: tmp_path)
    sample = module.sample_inputs(InputOptions())
    assert (sample.root, sample.keep_snow_cloud) == (str(tmp_path / "BigEarthNet-S2"), True)
    assert sorted(path.name for path in Path(sample.splits).iterdir()) == ["test.csv", "train.csv", "val.csv"]
    monkeypatch.setattr(module, "sample_inputs", lambda inputs: archive)
    (native,) = make_inputs(study(tmp_path / "out", InputOptions(), "bands"), prepare)
    assert BigEarthNetFile(native).splits.tolist() == ["train", "val", "test"]
    assert not commands


def test_a_command_that_fails_is_told_in_one_line() -> None:
    code = "import sys; print('first', file=sys.stderr); sys.exit('WeightsError: there are no weights w;')"
    with pytest.raises(ProductError, match=r"^superres-predict failed: WeightsError: there are no weights w;$"):
        run_apart([sys.executable, "-c", code])
    with pytest.raises(ProductError, match=r"^superres-predict failed: it ended with 3$"):
        run_apart([sys.executable, "-c", "raise SystemExit(3)"])


def test_superres_predict_itself_is_started() -> None:
    """With a scene that is not there."""
    command = [sys.executable, "-m", "superres.predict", "nowhere", "--output", "out.tif", "--weights", "dsen2-l1c-20m"]
    with pytest.raises(ProductError, match=r"^superres-predict failed: ProductNotFoundError: .*nowhere"):
        run_apart(command)


def test_a_command_sees_no_other_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    code = "import os; raise SystemExit('OMPI_COMM_WORLD_SIZE' in os.environ or os.environ['NEW'] != '1')"
    run_apart([sys.executable, "-c", code], {"NEW": "1"})


def test_a_command_that_the_same_signal_has_ended_is_no_failure() -> None:
    """It has ended before the signal is looked for."""
    code = f"import os; os.kill({os.getpid()}, {int(signal.SIGTERM)}); raise SystemExit('Interrupted: it too')"
    with noted_signals(), pytest.raises(Interrupted, match="stopped by SIGTERM"):
        run_apart([sys.executable, "-S", "-c", code])


def test_a_signal_ends_the_command() -> None:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with noted_signals(), pytest.raises(Interrupted, match="stopped by SIGTERM"):
        run_apart([sys.executable, "-c", "import time; time.sleep(60)"])
