"""`superres/predict.py` on several ranks: the files are those of one process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import common.distributed as hvd
from superres import predict
from superres.networks import NETWORKS, build_network
from tests.checks import set_random_weights
from tests.fake_safe import textured_pixels, with_nodata, write_safe
from tests.tiny_training import TILES, tiny_network

SIZE = 84
TIME = "2024-01-01T00:00:00+00:00"


@pytest.fixture
def words(shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Weights of both GSDs; each file says the same command, at the same time."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(predict, "utc_now", lambda: TIME)
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
    """A scene with a hole over the border between the columns of two ranks."""
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


def test_many_scenes_are_shared(
    shared_path: Path, tmp_path: Path, alone: Callable, words: list[str], ranks: int
) -> None:
    scenes = [str(path) for path in hvd.on_rank_zero(lambda: [write_scene(shared_path, number) for number in range(3)])]
    folder = shared_path / "out"
    hvd.on_rank_zero(folder.mkdir)
    assert predict.main([*scenes, *words, "--output", str(folder)]) == 0
    hvd.barrier()
    mine = tmp_path / "one"
    mine.mkdir()
    with alone():
        assert predict.main([*scenes, *words, "--output", str(mine)]) == 0
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(files) == 3
    assert files == {path.name: path.read_bytes() for path in mine.iterdir()}


def test_bad_input_is_told_once(shared_path: Path, words: list[str], capfd: pytest.CaptureFixture) -> None:
    scene = str(hvd.on_rank_zero(lambda: write_scene(shared_path, 0)))
    assert predict.main([scene, *words, "--output", str(shared_path / "out.tif"), "--roi-pixels", "0,0,90,10"]) == 1
    told = hvd.allgather_object([line for line in capfd.readouterr().err.splitlines() if "Error" in line])
    assert len(told[0]) == 1
    assert "is not inside the scene" in told[0][0]
    assert not any(told[1:])
    assert not (shared_path / "out.tif").exists()
