"""A network for the 20 m and the 60 m bands together: `superres-train`, then `superres-predict` and `superres-evaluate`."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.patches.file import PatchFile
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from common.rasters.geotiff import read_info
from common.runs import folder as run
from superres import evaluate, predict, train
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from tests.support.checks import set_random_weights
from tests.support.commands import lines_without_log
from tests.support.logs import own_logging
from tests.support.tiny_training import tiny_joint_network, tiny_network
from tests.support.training_bench import read_table, training_options

BOTH = ("--gsd", "20", "60", "--model", "joint")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, unpainted: None) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())


@pytest.fixture(scope="module")
def training(two_scenes: Path, third_scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two teachers, the joint network `run` that they taught in two parts, and its patches. Do not change it."""
    folder = tmp_path_factory.mktemp("joint")
    (folder / "test.txt").write_text(f"{third_scene}\n")
    with own_logging(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        patch.setitem(NETWORKS, "joint", tiny_joint_network())
        for gsd in (20, 60):
            model = build_network("dsen2", gsd)
            set_random_weights(model, spread=0.05)
            model.save_weights(folder / f"{gsd}.weights.h5")
        assert train.main(options(two_scenes, folder, epochs=1)) == 0
        assert train.main(["--resume", *options(two_scenes, folder, test_tiles=folder / "test.txt")]) == 0
    return folder


def options(tiles: Path, folder: Path, **settings: object) -> list[str]:
    """Return the command line of a run with both teachers."""
    teachers = [str(folder / f"{gsd}.weights.h5") for gsd in (60, 20)]
    return [*BOTH, "--teacher", *teachers, *training_options(tiles, folder, patches_per_tile=4, **settings)]


def test_two_teachers_teach_one_network(training: Path, two_scenes: Path) -> None:
    """Scenes of 1.2 km give patches of 48 px that are degraded by 1 and 2, but not by 6. A resumed run goes on."""
    names = sorted(path.name for path in (training / "patches").iterdir())
    scenes = two_scenes.read_text().split()
    assert [name for name in names if "-by-" not in name] == sorted(
        f"{scene}-{gsd}m-joint.h5" for scene in scenes for gsd in (10, 20)
    )
    for path in (training / "patches").glob("*-by-*"):
        assert PatchFile(path).arrays["target"].shape == (4, 48, 48, 8)
    config = run.read_config(training / "run")
    assert config["settings"]["gsd"] == [20, 60]
    assert [patches["gsd"] for patches in config["patches"]] == [10, 20, 60]
    assert [row["epoch"] for row in read_table(training / "run" / run.HISTORY)] == ["1", "2"]
    card = (training / "run" / run.CARD).read_text()
    assert "joint for the 20 m and 60 m bands" in card and "validation patches against the teachers" in card


def test_a_joint_network_is_measured_at_both_gsds_after_training(training: Path) -> None:
    rows = read_table(training / "run" / run.METRICS)
    for gsd, bands in ((20, BANDS_20M), (60, BANDS_60M)):
        of_gsd = {(row["method"], row["band"]) for row in rows if row["method"].endswith(f", {gsd} m")}
        assert of_gsd == {
            (f"{method}, {gsd} m", band) for method in ("bilinear", "bicubic", "joint") for band in ("all", *bands)
        }


def test_all_bands_are_predicted_in_one_pass(training: Path, third_scene: Path, tmp_path: Path) -> None:
    def bands_of(*arguments: str) -> tuple[tuple[str, ...], np.ndarray]:
        path = tmp_path / "out.tif"
        command = [
            str(third_scene),
            "--run-dir",
            str(training / "run"),
            "--output",
            str(path),
            "--overwrite",
            *arguments,
        ]
        assert predict.main(command) == 0
        info = read_info(path)
        return info.bands, gdal.Open(str(path)).ReadAsArray()

    names, pixels = bands_of("--copy-10m")
    assert names == (*BANDS_10M, *BANDS_20M, *BANDS_60M)
    coarse_names, coarse_pixels = bands_of("--gsd", "60")
    assert coarse_names == BANDS_60M
    np.testing.assert_array_equal(coarse_pixels, pixels[-2:])
    chosen_names, chosen_pixels = bands_of("--bands", "B09", "B05")
    assert chosen_names == ("B09", "B05")
    np.testing.assert_array_equal(chosen_pixels, pixels[[-1, 4]])


@pytest.mark.parametrize("gsd", [pytest.param("20", marks=pytest.mark.long), "60"])
def test_evaluation(training: Path, tmp_path: Path, gsd: str) -> None:
    """The same errors as after training, and beside it a network for one GSD."""
    command = ["--tiles", str(training / "test.txt"), "--run-dir", str(training / "run"), "--gsd", gsd]
    command += ["--weights", str(training / f"{gsd}.weights.h5"), "--output", str(tmp_path / "results")]
    assert evaluate.main([*command, "--full-scale"]) == 0
    rows = read_table(tmp_path / "results" / "metrics.csv")
    assert {row["method"] for row in rows} == {"bilinear", "bicubic", "joint", "dsen2"}
    assert {row["metric"] for row in rows if row["method"] == "joint"} >= {"rmse", "consistency", "sharpness"}

    def rmse(table: list[dict[str, str]], method: str) -> dict[str, float]:
        return {row["band"]: float(row["value"]) for row in table if (row["method"], row["metric"]) == (method, "rmse")}

    assert rmse(rows, "joint") == pytest.approx(
        rmse(read_table(training / "run" / run.METRICS), f"joint, {gsd} m"), rel=1e-4
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model", "joint", "--gsd", "60"],
            "--model joint sharpens the 20 m and the 60 m bands together, and --gsd is 60",
        ),
        (
            [*BOTH, "--teacher", "{}/20.weights.h5"],
            "--gsd 20 60 needs a --teacher for 60 m, too; give one for each GSD.",
        ),
    ],
)
def test_bad_input(
    training: Path,
    two_scenes: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    arguments: list[str],
    message: str,
) -> None:
    words = [word.format(training) for word in arguments]
    assert train.main([*words, *training_options(two_scenes, tmp_path)]) == 1
    (line,) = lines_without_log(capfd.readouterr().err)
    assert line.startswith(f"SettingError: {message}")
    assert not list(tmp_path.iterdir())
