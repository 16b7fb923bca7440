"""The command `superres-evaluate`: tables, figures, and one line for each kind of bad input."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from common.errors import SettingError
from common.metrics.descriptions import COST_METRICS
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.runs import folder as run
from common.scenes.tile_list import open_scene
from superres import evaluate
from superres.evaluation import methods
from superres.evaluation.reduced_scale import evaluate_scene
from superres.evaluation.tables import FULL_SCALE_METRICS, REDUCED_SCALE_METRICS
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.weights import load_weights
from superres.training.config import SuperresConfig
from superres.uncertainty.file import read_calibration
from tests.support.checks import set_random_weights
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import tiny_network, write_scenes

ROOT = Path(__file__).parents[2]
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
SIZE = 144
FIGURES = {"pictures", "errors", "spectra", "reflectance"}
# At 60 m, the scenes are smaller than a block of Q2n and shift.
MEASURED = {20: {*REDUCED_SCALE_METRICS, *FULL_SCALE_METRICS}}
MEASURED[60] = MEASURED[20] - {"q2n", "shift", "opensr_spatial"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network instead of DSen2, and figures that are drawn but not saved, which is slow."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"painted"))


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two scenes. Do not change them."""
    return write_scenes(tmp_path_factory.mktemp("scenes"), size=SIZE)


@pytest.fixture(scope="module")
def one_tile(tiles: Path) -> Path:
    """A list of one scene."""
    path = tiles.with_name("one.txt")
    path.write_text(tiles.read_text().splitlines()[0] + "\n")
    return path


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "first")


def write_run(folder: Path, gsd: int = 20, seed: int = 0) -> Path:
    """Write a run folder with settings and weights."""
    folder.mkdir(parents=True)
    run.write_config(folder, SuperresConfig(tiles="tiles.txt", gsd=gsd))
    model = build_network("dsen2", gsd)
    set_random_weights(model, seed, spread=0.05)
    model.save_weights(folder / run.WEIGHTS)
    return folder


def command(tiles: Path, output: Path, *words: object) -> list[str]:
    return [str(word) for word in ("--tiles", tiles, "--output", output, *words)]


def read_table(output: Path) -> dict[tuple[str, str, str, str], float]:
    """Read `metrics.csv`: (scene, method, band, metric) -> value."""
    return {
        tuple(row[name] for name in ("scene", "method", "band", "metric")): float(row["value"])
        for row in read_rows_of(output / "metrics.csv")
    }


def read_rows_of(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("gsd", [20, 60])
def test_tables_and_figures(tiles, tmp_path, capsys, gsd):
    """Two runs and a weights file of the same network, pansharpening and interpolation, at both scales."""
    runs = [write_run(tmp_path / place / "run", gsd, seed) for seed, place in enumerate(("a", "b"))]
    other = write_run(tmp_path / "c", gsd, seed=2) / run.WEIGHTS
    output = tmp_path / "results"
    options = ["--run-dir", *runs, "--weights", other, "--methods", "atprk", "gsa", "--full-scale"]
    assert evaluate.main(command(tiles, output, *options)) == 0
    scenes = tiles.read_text().split()
    table = read_table(output)
    methods = [
        "bilinear",
        "bicubic",
        "gsa",
        "atprk",
        f"dsen2 ({runs[0]})",
        f"dsen2 ({runs[1]})",
        "dsen2 (best.weights)",
    ]
    assert list(dict.fromkeys(key[:2] for key in table)) == [(scene, method) for scene in scenes for method in methods]
    assert {key[3] for key in table if key[2] == "all"} == MEASURED[gsd]
    assert {key[2] for key in table} == {"all", *BANDS_BY_GSD[gsd]}
    assert np.isfinite(list(table.values())).all()
    assert json.loads((output / "evaluation.json").read_text())["methods"] == ["gsa", "atprk"]
    expected = {
        "metrics.csv",
        "methods.csv",
        "metrics.md",
        "reflectance.csv",
        "evaluation.json",
        "report.html",
        "metrics.png",
        "bands.png",
        "full_scale.png",
        *(f"{scene}-{figure}.png" for scene in scenes for figure in FIGURES),
    }
    assert {path.name for path in output.iterdir()} == expected
    report = (output / "report.html").read_text()
    assert all(word in report for word in (*scenes, *methods, f"input, {gsd * gsd // 10} m", "hqnr".upper()))
    stdout = capsys.readouterr().out
    assert f"## Reduced scale: {gsd * gsd // 10} m to {gsd} m" in stdout
    assert stdout.partition("\n\n" + str(output))[0] in (output / "metrics.md").read_text()
    rows = read_rows_of(output / "methods.csv")
    assert [(row["scene"], row["method"]) for row in rows] == list(dict.fromkeys(key[:2] for key in table))
    assert {"scene", "method", *MEASURED[gsd], *COST_METRICS} == rows[0].keys()
    assert all(float(row["processor_time"]) > 0 and float(row["memory"]) >= 0 for row in rows)


@pytest.mark.usefixtures("line_after_each_piece")
def test_the_metrics_are_those_of_training(one_tile, run_dir, tmp_path, capsys):
    """superres-train measures a network with `evaluate_scene`. By default, only reduced scale is measured."""
    assert evaluate.main(command(one_tile, tmp_path / "results", "--run-dir", run_dir)) == 0
    assert "measuring: 1 of 1 scenes, " in capsys.readouterr().err
    model = build_network("dsen2", 20)
    load_weights(model, run_dir)
    rows = evaluate_scene(
        open_scene(one_tile.parent / f"{one_tile.read_text().strip()}.SAFE"), model, "dsen2", PatchSettings(20, 1)
    ).rows
    assert read_table(tmp_path / "results") == {tuple(row[:4]): row.value for row in rows}
    assert not (tmp_path / "results" / "full_scale.png").exists()


def test_degradation_is_applied_and_recorded(one_tile, run_dir, tmp_path, capsys):
    """The two degradations give different metrics; errors by reflectance add up to the RMSE of a band."""
    outputs = {kind: tmp_path / kind for kind in ("gaussian", "mtf")}
    for kind, output in outputs.items():
        assert evaluate.main(command(one_tile, output, "--run-dir", run_dir, "--degradation", kind)) == 0
        assert json.loads((output / "evaluation.json").read_text())["degradation"] == kind
        assert f"`--degradation {kind}`" in (output / "metrics.md").read_text()
        warned = (
            "was trained with --degradation gaussian and is measured with --degradation mtf" in capsys.readouterr().err
        )
        assert warned == (kind == "mtf")
    gaussian, mtf = (read_table(output) for output in outputs.values())
    assert gaussian.keys() == mtf.keys()
    assert all(gaussian[key] != mtf[key] for key in gaussian if key[3] == "rmse")
    with open(outputs["mtf"] / "reflectance.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["method"], row["band"]) == ("dsen2", "B05")]
    shares = [float(row["below"]) - float(row["above"]) for row in rows]
    assert sum(shares) == pytest.approx(1)
    assert [float(row["reflectance"]) for row in rows] == sorted(float(row["reflectance"]) for row in rows)
    square = sum(share * float(row["rmse"]) ** 2 for share, row in zip(shares, rows, strict=True))
    scene = one_tile.read_text().strip()
    assert square**0.5 == pytest.approx(mtf[scene, "dsen2", "B05", "rmse"], rel=0.01)


def test_overwrite_replaces_results_and_leaves_other_files(tiles, one_tile, run_dir, tmp_path, capsys):
    output = tmp_path / "results"
    assert evaluate.main(command(tiles, output, "--run-dir", run_dir, "--full-scale")) == 0
    (output / "notes.txt").write_text("notes")
    before = (output / "metrics.csv").read_bytes()
    assert_refused(
        capsys,
        command(one_tile, output, "--run-dir", run_dir),
        f"OutputError: {output} is not empty; give another --output, or replace its results with --overwrite.",
    )
    assert (output / "metrics.csv").read_bytes() == before
    assert evaluate.main(command(one_tile, output, "--run-dir", run_dir, "--overwrite")) == 0
    assert {key[0] for key in read_table(output)} == {one_tile.read_text().strip()}
    assert len(list(output.glob("*.png"))) == 2 + len(FIGURES)
    assert (output / "notes.txt").read_text() == "notes"


def test_precision(one_tile, run_dir, tmp_path):
    values = []
    for precision in ("float32", "float16"):
        words = command(one_tile, tmp_path / precision, "--run-dir", run_dir, "--precision", precision)
        assert evaluate.main(words) == 0
        values.append(read_table(tmp_path / precision))
    key = (one_tile.read_text().strip(), "dsen2", "all", "rmse")
    assert values[0][key] != values[1][key]
    assert values[0][key] == pytest.approx(values[1][key], rel=0.01)


def assert_refused(capsys, words: list[str], message: str) -> None:
    """Check that the command ends with exit code 1 and this one line."""
    capsys.readouterr()
    assert evaluate.main(words) == 1
    captured = capsys.readouterr()
    assert [line for line in captured.err.splitlines() if not LOG_LINE.match(line)] == [message]
    assert captured.out == ""


def missing_tiles(folder: Path) -> tuple[list[object], str]:
    return (
        ["--tiles", folder / "none.txt"],
        f"TileListError: the tile list {folder}/none.txt does not exist; give a text file with one scene a line.",
    )


def other_gsd_of_run(folder: Path) -> tuple[list[object], str]:
    other = write_run(folder / "sixty", 60)
    return (
        ["--run-dir", other],
        f"SettingError: {other} is for 60 m, but the bands to sharpen are 20 m; evaluate networks of "
        f"one GSD at a time, with --gsd 60 for this one.",
    )


def folder_that_is_no_run(folder: Path) -> tuple[list[object], str]:
    return (
        ["--run-dir", folder],
        f"RunFolderError: {folder} has no config.json; give the folder that a training run wrote.",
    )


def run_of_another_application(folder: Path) -> tuple[list[object], str]:
    (folder / "config.json").write_text('{"application": "bigearthnet", "settings": {"model": "resnet50"}}')
    return (
        ["--run-dir", folder],
        f"RunFolderError: {folder} holds no run of superres-train that this version can read; give a run folder of superres-train.",
    )


def folder_below_a_file(folder: Path) -> tuple[list[object], str]:
    (folder / "file").write_text("")
    return (
        ["--output", folder / "file" / "results"],
        f"OutputError: cannot write to {folder}/file/results: it, or a folder above it, is a file; "
        f"give another --output.",
    )


def product_without_60m_bands(folder: Path) -> tuple[list[object], str]:
    images = textured_pixels(np.random.default_rng(1), SIZE)
    pixels = {band: image for band, image in images.items() if BANDS[band].gsd != 60}
    product = write_safe(folder, size=SIZE, pixels=pixels)
    (folder / "list.txt").write_text(product.name)
    return (
        ["--tiles", folder / "list.txt", "--run-dir", write_run(folder / "sixty", 60), "--gsd", "60"],
        f"ProductError: {product.stem} has no B01, B09; the 60 m bands are B01, B09: download the product again, "
        f"or remove it from the list.",
    )


def product_of_nodata(folder: Path) -> tuple[list[object], str]:
    product = write_safe(
        folder, size=SIZE, pixels=with_nodata(textured_pixels(np.random.default_rng(1), SIZE), 0, 0, SIZE, SIZE)
    )
    (folder / "list.txt").write_text(product.name)
    return (
        ["--tiles", folder / "list.txt"],
        f"ProductError: {product.stem} has no pixel far from nodata to compare; take it out of the list.",
    )


def tiny_product(folder: Path) -> tuple[list[object], str]:
    product = write_safe(folder, size=12)
    (folder / "list.txt").write_text(product.name)
    return (
        ["--tiles", folder / "list.txt"],
        f"ProductError: {product.stem} cannot be measured with bilinear: windows of 8 x 8 px need a larger image; "
        f"got 6 x 6 px.",
    )


EARLY = (
    missing_tiles,
    other_gsd_of_run,
    folder_that_is_no_run,
    run_of_another_application,
    folder_below_a_file,
    product_without_60m_bands,
)  # checked before the output folder is made
LATE = (product_of_nodata, tiny_product)


@pytest.mark.parametrize("case", EARLY + LATE)
def test_bad_input(case: Callable[[Path], tuple[list[object], str]], one_tile, tmp_path, capsys):
    (tmp_path / "case").mkdir()
    changed, message = case(tmp_path / "case")
    words = {"--tiles": one_tile, "--output": tmp_path / "results", "--gsd": 20}
    if "--run-dir" not in changed:
        words["--run-dir"] = write_run(tmp_path / "first")
    words |= dict(zip(changed[::2], changed[1::2], strict=True))
    assert_refused(capsys, [str(word) for pair in words.items() for word in pair], message)
    assert (tmp_path / "results").exists() == (case in LATE)
    assert not (tmp_path / "results" / "metrics.csv").exists()


def test_damaged_weights(one_tile, tmp_path, capsys):
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"no weights")
    assert evaluate.main(command(one_tile, tmp_path / "results", "--weights", weights)) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not LOG_LINE.match(line)]
    assert line.startswith(f"WeightsError: {weights} ")
    assert not (tmp_path / "results").exists()


def test_a_network_that_the_engine_refuses(one_tile, run_dir, tmp_path, capsys, monkeypatch):
    """No folder is left, and older results stay, also with --overwrite."""

    def refuse(model, engine):
        raise SettingError(f"{engine} cannot compute {model.name}.")

    monkeypatch.setattr(methods, "compile_model", refuse)
    output = tmp_path / "results"
    command = ["--tiles", str(one_tile), "--run-dir", str(run_dir), "--output", str(output), "--overwrite"]
    assert evaluate.main(command) == 1
    assert "tensorflow cannot compute" in capsys.readouterr().err
    assert not output.exists()
    output.mkdir()
    (output / "metrics.csv").write_text("older")
    assert evaluate.main(command) == 1
    assert (output / "metrics.csv").read_text() == "older"


def test_run_folder_without_weights(one_tile, run_dir, tmp_path, capsys):
    (run_dir / run.WEIGHTS).unlink()
    assert evaluate.main(command(one_tile, tmp_path / "results", "--run-dir", run_dir)) == 1
    assert f"WeightsError: there are no weights {run_dir / run.WEIGHTS}; " in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_weights_of_another_gsd(one_tile, tmp_path, capsys):
    weights = write_run(tmp_path / "sixty", 60) / run.WEIGHTS
    assert evaluate.main(command(one_tile, tmp_path / "results", "--weights", weights, "--gsd", 20)) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if not LOG_LINE.match(line)]
    assert line == (
        f"SettingError: {weights} is for 60 m, but the bands to sharpen are 20 m; evaluate networks of one GSD at a "
        f"time, with --gsd 60 for this one."
    )
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        ((), "there is nothing to measure: give --run-dir, --weights or --methods"),
        (("--methods", "ressr"), "--methods without a network needs --gsd 20 or --gsd 60"),
        (("--methods", "gsa", "--gsd", "20", "--uncertainty"), "--uncertainty calibrates a network: give --run-dir"),
        (("--methods", "brovey"), "argument --methods: invalid choice: 'brovey'"),
    ],
)
def test_wrong_usage(one_tile, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as exit_:
        evaluate.main(command(one_tile, tmp_path / "results", *words))
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_uncertainty(tiles, tmp_path, capsys):
    """Two runs are members; superres-predict reads the calibration of their mean."""
    runs = [write_run(tmp_path / name, seed=seed) for seed, name in enumerate(("a", "b"))]
    output = tmp_path / "results"
    assert evaluate.main(command(tiles, output, "--run-dir", *runs, "--uncertainty")) == 0
    table, scenes = read_table(output), tiles.read_text().split()
    assert {key[1] for key in table} == {"bilinear", "bicubic", "dsen2 (a)", "dsen2 (b)", "mean of 2 dsen2"}
    for scene in scenes:
        mean, *members = (table[scene, name, "all", "rmse"] for name in ("mean of 2 dsen2", "dsen2 (a)", "dsen2 (b)"))
        assert mean <= sum(members) / 2
    calibration = read_calibration(output)
    digests = [hashlib.sha256((folder / run.WEIGHTS).read_bytes()).hexdigest() for folder in runs]
    assert (calibration.weights, calibration.scenes) == (tuple(sorted(digests)), tuple(scenes))
    with open(output / "reliability.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["scene"] for row in rows)) == [*scenes, "all scenes"]
    for row in rows:
        if row["scene"] == "all scenes" and not row["decile"]:
            assert 0.58 < float(row["within_68"]) < 0.78 and 0.9 < float(row["within_95"]) < 0.99
    assert "## Uncertainty: expected errors against true ones" in capsys.readouterr().out
    assert (output / "reliability.png").exists()


def test_uncertainty_of_different_networks(one_tile, tmp_path, capsys):
    first, other = write_run(tmp_path / "a"), write_run(tmp_path / "b", seed=1)
    text = (other / run.CONFIG).read_text()
    (other / run.CONFIG).write_text(text.replace('"upsample": "bilinear"', '"upsample": "bicubic"'))
    words = command(one_tile, tmp_path / "results", "--run-dir", first, other, "--uncertainty")
    message = (
        f"SettingError: members of different networks or levels: {first} (dsen2, 20 m, bilinear) and {other} (dsen2, 20 m, "
        "bicubic); give members that differ in their weights only, such as runs of several seeds, or give one of them."
    )
    assert_refused(capsys, words, message)
    assert not (tmp_path / "results").exists()


def test_methods_need_no_network(one_tile, tmp_path):
    assert evaluate.main(command(one_tile, tmp_path / "results", "--methods", "mtf-glp-hpm", "--gsd", 60)) == 0
    table = read_table(tmp_path / "results")
    assert {key[1] for key in table} == {"bilinear", "bicubic", "mtf-glp-hpm"}
    assert json.loads((tmp_path / "results" / "evaluation.json").read_text())["networks"] == {}


def test_help_ends_with_a_command():
    """The command runs as a script in any working directory."""
    script = ROOT / "superres" / "evaluate.py"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, cwd="/", check=True)
    assert done.stderr == ""
    assert done.stdout.rstrip().endswith(
        "python superres/evaluate.py --tiles test.txt --run-dir runs/first --output results"
    )
    for option in ("--tiles", "--run-dir", "--weights", "--gsd", "--precision", "--full-scale", "--output"):
        assert option in done.stdout
