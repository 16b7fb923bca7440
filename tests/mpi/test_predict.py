"""`superres/predict.py` on several ranks writes the same files as one process."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

import common.distributed as hvd
from common.errors import OutputError, ProductError
from common.pixels.windows import Window
from superres import predict
from superres.evaluation.reliability import own_scene
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.prediction import result
from superres.prediction.sharpening import Sharpener
from tests.support.calibrations import write_made
from tests.support.checks import set_random_weights
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import TILES, tiny_network

SIZE = 84
TIME = "2024-01-01T00:00:00+00:00"


@pytest.fixture
def words(shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options with weights of both GSDs; the command and the time in the tags are always the same."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(result, "utc_now", lambda: TIME)
    monkeypatch.setattr("sys.argv", ["superres-predict"])
    hvd.on_rank_zero(lambda: write_weights(shared_path))
    return [
        "--weights",
        str(shared_path / "20.weights.h5"),
        "--weights",
        str(shared_path / "60.weights.h5"),
        "--log-level",
        "WARNING",
        "--window",
        "18",
        "--copy-10m",
    ]


def write_weights(folder: Path) -> None:
    for gsd in (20, 60):
        model = build_network("dsen2", gsd)
        set_random_weights(model, spread=0.05)
        model.save_weights(folder / f"{gsd}.weights.h5")


def write_scene(folder: Path, number: int) -> Path:
    """Write a scene with a hole across the border between the columns of two ranks."""
    pixels = with_nodata(textured_pixels(np.random.default_rng(number), SIZE), 24, 36, 18, 24)
    return write_safe(folder, tile=TILES[number], size=SIZE, pixels=pixels)


@pytest.mark.parametrize(
    "more", [(), ("--consistent",), ("--roi-pixels", "3,5,70,61", "--cog")], ids=["plain", "consistent", "region"]
)
def test_windows_of_one_scene_are_shared(
    shared_path: Path,
    tmp_path: Path,
    alone: Callable,
    words: list[str],
    more: tuple[str, ...],
    capfd: pytest.CaptureFixture,
) -> None:
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    assert predict.main([scene, *words, *more, "--output", str(shared_path / "many.tif")]) == 0
    hvd.barrier()
    printed = hvd.allgather_object(capfd.readouterr().out)
    assert [text.count("many.tif") for text in printed] == [1] + [0] * (hvd.size() - 1)
    with alone():
        assert predict.main([scene, *words, *more, "--output", str(tmp_path / "one.tif")]) == 0
    assert (shared_path / "many.tif").read_bytes() == (tmp_path / "one.tif").read_bytes()


def require_equal_to_one_rank(words: list[str], shared_path: Path, tmp_path: Path, alone: Callable) -> None:
    """All ranks together write the bytes that each writes alone: the result, and the expected errors."""
    assert predict.main([*words, "--output", str(shared_path / "many.tif")]) == 0
    hvd.barrier()
    with alone():
        assert predict.main([*words, "--output", str(tmp_path / "one.tif")]) == 0
    for ending in ("", "-uncertainty"):
        many, one = shared_path / f"many{ending}.tif", tmp_path / f"one{ending}.tif"
        assert many.read_bytes() == one.read_bytes()


def test_expected_errors_are_shared(shared_path: Path, tmp_path: Path, alone: Callable, words: list[str]) -> None:
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    files = hvd.on_rank_zero(lambda: write_calibrations(shared_path))
    words += ["--uncertainty", *map(str, files)]
    require_equal_to_one_rank([scene, *words], shared_path, tmp_path, alone)


def test_a_calibration_of_the_scene_on_itself_is_shared(
    shared_path: Path, tmp_path: Path, alone: Callable, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranks share its windows. Then a rank fails while the other samples."""
    monkeypatch.setattr(own_scene, "SIDE_PX", 36)
    pixels = textured_pixels(np.random.default_rng(0), 252)
    scene = str(hvd.on_rank_zero(lambda: write_safe(shared_path, size=252, pixels=pixels)))
    words += ["--roi-pixels", "60,60,96,96", "--uncertainty"]
    require_equal_to_one_rank([scene, *words], shared_path, tmp_path, alone)

    def fail(*arguments: object) -> object:
        if hvd.rank() == hvd.size() - 1:
            raise ProductError("B05 is damaged.")
        return sample_window(*arguments)

    sample_window = own_scene.sample_window
    monkeypatch.setattr(own_scene, "sample_window", fail)
    assert predict.main([scene, *words, "--output", str(shared_path / "failed.tif")]) == 1
    assert not (shared_path / "failed.tif").exists()


def write_calibrations(folder: Path) -> list[Path]:
    """Write a calibration for each of the weights of `write_weights`."""
    return [
        write_made(
            folder / f"{gsd}.json", gsd, [hashlib.sha256((folder / f"{gsd}.weights.h5").read_bytes()).hexdigest()]
        )
        for gsd in (20, 60)
    ]


def test_many_scenes_are_shared(
    shared_path: Path, tmp_path: Path, alone: Callable, words: list[str], ranks: int
) -> None:
    scenes = [str(path) for path in hvd.on_rank_zero(lambda: [write_scene(shared_path, number) for number in range(3)])]
    folder = shared_path / "out"
    hvd.on_rank_zero(folder.mkdir)
    assert predict.main([*scenes, *words, "--output", str(folder)]) == 0
    hvd.barrier()
    alone_folder = tmp_path / "one"
    alone_folder.mkdir()
    with alone():
        assert predict.main([*scenes, *words, "--output", str(alone_folder)]) == 0
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(files) == 3
    assert files == {path.name: path.read_bytes() for path in alone_folder.iterdir()}


def test_the_report_of_all_scenes_is_logged(shared_path: Path, words: list[str], capfd: pytest.CaptureFixture) -> None:
    scenes = [str(path) for path in hvd.on_rank_zero(lambda: [write_scene(shared_path, number) for number in range(2)])]
    hvd.on_rank_zero((shared_path / "out").mkdir)
    more = ("--consistent", "--log-level", "INFO", "--output", str(shared_path / "out"))
    assert predict.main([*scenes, *words, *more]) == 0
    logs = hvd.allgather_object(capfd.readouterr().err)
    for scene in scenes:
        assert logs[0].count(f"{Path(scene).stem}.tif: the 20 m bands, degraded, differ from the input by ") == 1
    assert "differ from the input" not in "".join(logs[1:])


def test_a_rank_that_fails_leaves_nothing_behind(
    shared_path: Path, words: list[str], capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last rank fails after some windows were written."""
    sharpen = Sharpener.sharpen

    def fail_late(self: Sharpener, inputs: object, window: Window, shape: object) -> np.ndarray:
        if hvd.rank() == hvd.size() - 1 and window.row > 36:
            raise ProductError("B05 is damaged.")
        return sharpen(self, inputs, window, shape)

    monkeypatch.setattr(Sharpener, "sharpen", fail_late)
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    hvd.on_rank_zero((shared_path / "out").mkdir)
    assert predict.main([scene, *words, "--output", str(shared_path / "out" / "out.tif")]) == 1
    errors = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert errors == [["ProductError: B05 is damaged."]] + [[]] * (hvd.size() - 1)
    assert list((shared_path / "out").iterdir()) == []


def test_a_writer_that_fails_stops_more_ranks_than_columns_of_windows(
    shared_path: Path, words: list[str], capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes on rank 0, which therefore predicts the only column."""
    sharpen, windows = Sharpener.sharpen, []

    def count(self: Sharpener, inputs: object, window: Window, shape: object) -> np.ndarray:
        windows.append(window)
        return sharpen(self, inputs, window, shape)

    def refuse(*_: object) -> None:
        raise OutputError("cannot write out.tif: no space")

    monkeypatch.setattr(Sharpener, "sharpen", count)
    monkeypatch.setattr("superres.prediction.jobs.write_result", refuse)
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    column = ["--roi-pixels", "0,0,18,84", "--output", str(shared_path / "out.tif")]
    assert predict.main([scene, *words, *column]) == 1
    errors = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert errors == [["OutputError: cannot write out.tif: no space"]] + [[]] * (hvd.size() - 1)
    assert sum(map(len, hvd.allgather_object(windows))) < 5  # rows of windows, with two networks each


def test_a_process_with_more_threads_differs_by_rounding_only(shared_path: Path, words: list[str]) -> None:
    """Ranks share the cores of the machine; one process uses all of them."""
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    weights = shared_path / "tiny.weights.h5"
    hvd.on_rank_zero(lambda: write_tiny(weights))
    line = [scene, "--weights", str(weights), "--model", "tiny", "--log-level", "WARNING", "--window", "18", "--output"]
    assert predict.main([*line, str(shared_path / "many.tif")]) == 0
    hvd.on_rank_zero(lambda: run_alone([*line, str(shared_path / "one.tif")]))
    many, one = (gdal.Open(str(shared_path / name)).ReadAsArray().astype(int) for name in ("many.tif", "one.tif"))
    assert np.abs(many - one).max() <= 1
    assert (many != one).mean() < 1e-3


def write_tiny(path: Path) -> None:
    model = build_network("tiny", 20)
    set_random_weights(model, spread=0.05)
    model.save_weights(path)


def run_alone(line: list[str]) -> None:
    """Run the command in a process that is not started by MPI."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PMI_", "PRTE_"))
    }
    command = [sys.executable, "superres/predict.py", *line]
    subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, check=True, timeout=120)


def test_only_rank_0_reports_bad_input(shared_path: Path, words: list[str], capfd: pytest.CaptureFixture) -> None:
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    assert predict.main([scene, *words, "--output", str(shared_path / "out.tif"), "--roi-pixels", "0,0,90,10"]) == 1
    errors = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert len(errors[0]) == 1
    assert "is not inside the scene" in errors[0][0]
    assert not any(errors[1:])
    assert not (shared_path / "out.tif").exists()
