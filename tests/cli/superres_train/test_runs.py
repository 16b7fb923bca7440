"""Runs of `superres-train`: from products to a run folder, with L1C and L2A, and until the loss is not finite."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from common.runs import folder as run
from superres import train
from superres.networks.build import build_network
from superres.networks.weights import load_weights
from superres.training.patch_source import FusionPatches
from tests.support.commands import lines_without_log
from tests.support.fake_safe import L2A_BANDS, textured_pixels, write_safe
from tests.support.tiny_training import TILES
from tests.support.training_bench import (
    OTHER_CORNER,
    TrainingBench,
    read_table,
    training_options,
)

HISTORY_COLUMNS = {"epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds"}


def test_from_products_to_run_folder(
    two_scenes: Path,
    third_scene: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the real network, whose weights also load where Horovod is missing."""
    (tmp_path / "test.txt").write_text(f"{third_scene}\n")
    assert train.main(training_options(two_scenes, tmp_path, test_tiles=tmp_path / "test.txt", patches_per_tile=4)) == 0
    out, err = capfd.readouterr()
    assert lines_without_log(err) == []
    assert "epoch 2/2" in err
    folder = tmp_path / "run"
    names = {path.name for path in folder.iterdir()}
    assert {*names, run.PREVIOUS_CHECKPOINT} == {*run.FILES, run.TENSORBOARD}
    assert {path.name for path in (tmp_path / "patches").iterdir()} == {
        f"{name}-20m.h5" for name in two_scenes.read_text().split()
    }
    history = read_table(folder / run.HISTORY)
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert set(history[0]) == HISTORY_COLUMNS
    config = run.read_config(folder)
    assert config["settings"]["batch_size"] == 4
    assert config["ranks"] == 1
    assert config["levels"] == ["L1C"]
    assert {"python", "tensorflow-cpu", "keras", "gdal", "h5py"} <= config["versions"].keys()
    rows = read_table(folder / run.METRICS)
    assert list(rows[0]) == ["scene", "method", "band", "metric", "value"]
    assert {row["scene"] for row in rows} == {third_scene.stem}
    assert {row["method"] for row in rows} == {"bilinear", "bicubic", "dsen2"}
    assert {"all", "B05", "B12"} <= {row["band"] for row in rows}
    assert {"rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"} <= {row["metric"] for row in rows}
    assert all(np.isfinite(float(row["value"])) for row in rows)
    assert "| dsen2 |" in out and str(folder / run.METRICS) in out
    assert "2 scenes to train on, 1 to test on" in (folder / run.LOG).read_text()
    card = (folder / run.CARD).read_text()
    saved = min(history, key=lambda row: float(row["val_loss"]))
    assert f"The weights are those of epoch {saved['epoch']} of 2. RMSE on " in card
    assert f"validation patches: {float(saved['val_rmse']):.1f} DN" in card
    (rmse,) = [row["value"] for row in rows if (row["method"], row["band"], row["metric"]) == ("dsen2", "all", "rmse")]
    assert f"| dsen2 | {float(rmse):.2f} |" in card
    assert all(f"| {name} | 02.05 | 2020-07-01 | 47.8" in card for name in two_scenes.read_text().split())
    assert "| `--batch-size` | 4 |" in card

    monkeypatch.setitem(sys.modules, "horovod", None)  # importing it fails
    monkeypatch.setitem(sys.modules, "horovod.tensorflow", None)
    model = build_network("dsen2", 20)
    load_weights(model, folder)
    assert model.count_params() == 1_789_574


def test_overwrite_replaces_a_run(bench: TrainingBench) -> None:
    exit_code, _ = bench.train("--overwrite", epochs=1)
    assert exit_code == 0
    assert len(read_table(bench.folder / "run" / run.HISTORY)) == 1


def test_level_2a_without_cirrus_band(bench: TrainingBench) -> None:
    """L2A since baseline 04.00 has offsets, and no B10."""
    names = []
    for index, tile in enumerate(TILES[:2]):
        images = textured_pixels(np.random.default_rng(index), 120)
        corner = (OTHER_CORNER[0] + 3000 * index, OTHER_CORNER[1])
        names.append(
            write_safe(
                bench.folder / "l2a",
                level="L2A",
                baseline="04.00",
                tile=tile,
                size=120,
                pixels={band: images[band] for band in L2A_BANDS},
                upper_left=corner,
            )
        )
    exit_code, stderr = bench.train(tiles=bench.write_list(*names), run_dir=bench.folder / "l2a/run", epochs=1)
    assert exit_code == 0, stderr


def test_a_loss_that_is_not_finite_names_batch_and_scene(bench: TrainingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training stops at once, and the checkpoint and the best weights stay."""
    convert = FusionPatches.convert

    def spoiled(patches: FusionPatches, read: dict) -> tuple:
        inputs, target = convert(patches, read)
        return inputs, target * np.nan

    monkeypatch.setattr(FusionPatches, "convert", spoiled)
    kept = [bench.folder / "run" / name for name in (run.CHECKPOINT, run.WEIGHTS, run.HISTORY)]
    before = [path.read_bytes() for path in kept]
    exit_code, stderr = bench.train("--resume", epochs=3)
    assert exit_code == 1
    assert re.fullmatch(
        r"TrainingError: the loss was no longer finite at batch 1 of epoch 3, which holds patches of "
        r"S2A_MSIL1C_\S+_T32T[NP]S_\S+; the weights in the run folder are from before: start a new run with .*",
        *lines_without_log(stderr),
    )
    assert [path.read_bytes() for path in kept] == before
