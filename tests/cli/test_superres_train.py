"""The command `superres-train`: from a product to a run folder, and what it says to bad input.

Bad input is exit code 1 and one line on stderr, and leaves every file as it was: those of an older run that
`--overwrite` would replace and of the patch cache too.
"""

import csv
import hashlib
import re
import resource
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from common.patches.file import PatchFile
from common.runs import folder as run
from common.training.history import read_history
from superres import train
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.weights import load_weights
from superres.training.fit import sources
from superres.training.patch_source import FusionPatches
from tests.support.fake_safe import L2A_BANDS, UPPER_LEFT, textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import TILES, command_line, tiny_network, write_scenes

ROOT = Path(__file__).parents[2]
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
OTHER_CORNER = (UPPER_LEFT[0] + 60000, UPPER_LEFT[1])  # no ground in common with `write_scenes`
HISTORY_COLUMNS = {"epoch", "loss", "val_loss", "val_rmse", "learning_rate", "seconds"}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of two scenes. Do not change them."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def other_product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third scene. Do not change it."""
    pixels = textured_pixels(np.random.default_rng(5), 120)
    return write_safe(tmp_path_factory.mktemp("other"), tile="T31UDQ", size=120, pixels=pixels, upper_left=OTHER_CORNER)


@pytest.fixture(scope="module")
def finished(tiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `patches` and `run`, of two epochs with a tiny network. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "dsen2", tiny_network())
        assert train.main(words(tiles, folder)) == 0
    return folder


def words(tiles: Path, folder: Path, *flags: str, **settings: object) -> list[str]:
    """Command line of a run that takes a second."""
    options = {
        "tiles": tiles,
        "run_dir": folder / "run",
        "patch_cache": folder / "patches",
        "patches_per_tile": 8,
        "epochs": 2,
        "batch_size": 4,
        "warmup_epochs": 0,
        **settings,
    }
    return [*flags, *command_line(options)]


def snapshot(folder: Path) -> dict[str, str]:
    """Name -> checksum of all files below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def our_lines(stderr: str) -> list[str]:
    """What is on stderr besides log messages."""
    return [line for line in stderr.splitlines() if not LOG_LINE.match(line)]


@dataclass
class Bench:
    """A folder with a finished run and its patches, in which the command is tried."""

    folder: Path
    tiles: Path
    capture: pytest.CaptureFixture

    def list_of(self, *lines: object) -> Path:
        """Write a tile list."""
        path = self.folder / "list.txt"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def train(self, *flags: str, **settings: object) -> tuple[int, str]:
        """Run the command: exit code and stderr."""
        self.capture.readouterr()
        code = train.main(words(settings.pop("tiles", self.tiles), self.folder, *flags, **settings))
        return code, self.capture.readouterr().err

    def fails(self, message: str, *flags: str, may_change: tuple[str, ...] = (), **settings: object) -> None:
        """Assert that the command fails with one line, and leaves all files as they were.

        Args:
            message: pattern of the whole line.
            may_change: files that may.
        """
        before = snapshot(self.folder)
        code, stderr = self.train(*flags, **settings)
        assert code == 1, stderr
        (line,) = our_lines(stderr)
        assert re.fullmatch(message, line), line
        after = snapshot(self.folder)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed <= set(may_change)


@pytest.fixture
def bench(
    tmp_path: Path, finished: Path, tiles: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return Bench(tmp_path, tiles, capfd)


# --- usage


@pytest.mark.parametrize(
    "option, end",
    [("--help", r"example:\n  mpirun -np 2 python superres/train\.py --tiles .*\n"), ("--version", r"jeoparda \S+\n")],
)
def test_help_and_version(option: str, end: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main([option])
    assert stopped.value.code == 0
    assert re.search(rf"{end}\Z", capsys.readouterr().out)


def test_example_of_the_help_is_a_command_line_that_parses() -> None:
    parser = train.build_parser()
    example = parser.epilog.split("superres/train.py ")[1].split()
    assert parser.parse_args(example).tiles == "tiles.txt"


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "the following arguments are required: --tiles"),
        (["--tiles", "t.txt", "--gsd", "30"], "argument --gsd: invalid choice: 30 (choose from 20, 60)"),
        (["--tiles", "t.txt", "--precision", "int8"], "argument --precision: invalid choice: 'int8'"),
        (["--tiles", "t.txt", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--tiles", "t.txt", "--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_wrong_usage_is_exit_code_2(argv: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main(argv)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("epochs", -1, r"--epochs must be above 0; got -1\."),
        ("batch_size", 0, r"--batch-size must be above 0; got 0\."),
        ("learning_rate", -0.1, r"--learning-rate must be above 0; got -0\.1\."),
        ("learning_rate", "nan", r"--learning-rate must be above 0; got nan\."),
        ("patches_per_tile", 0, r"--patches-per-tile must be at least 1; got 0\."),
        ("validation_fraction", 1, r"--validation-fraction must be at least 0 and below 1; got 1\.0\."),
        ("validation_fraction", -0.1, r"--validation-fraction must be at least 0 and below 1; got -0\.1\."),
        ("validation_fraction", "nan", r"--validation-fraction must be at least 0 and below 1; got nan\."),
        ("seed", -1, r"--seed must be 0 to 4294967295; got -1\."),
        ("model", "srcnn", r"unknown network 'srcnn'; expected one of dsen2, .*tiny, gan\."),
        ("upsample", "none", r"--upsample none does not go with dsen2, .*; give lowres, or another --upsample\."),
        ("brightness_power", "nan", r"--brightness-power must be a finite number; got nan\."),
        ("teacher", "", r"--teacher is empty; give a value, or leave it out\."),
        ("teacher_variants", 101, r"--teacher-variants must be 1 to 100; got 101\."),
    ],
)
def test_values_out_of_range(bench: Bench, name: str, value: object, message: str) -> None:
    bench.fails(f"SettingError: {message}", "--overwrite", **{name: value})


# --- tile lists and products


@pytest.mark.parametrize(
    "lines, message",
    [
        (
            ["{first}", "S2A_NONE"],
            r"TileListError: \S+: cannot find 1 of 2 scenes in .* \(line 2: S2A_NONE\); download them.*",
        ),
        (
            ["{first}", "{first}.SAFE"],
            r"TileListError: \S+ names \S+T32TNS\S+ in line 1 and again in line 2; remove one\.",
        ),
        (["# nothing"], r"TileListError: \S+ names no scene; write one product name or path a line\."),
    ],
)
def test_tile_list(bench: Bench, lines: list[str], message: str) -> None:
    first = bench.tiles.read_text().split()[0]
    tile_list = bench.list_of(*(line.format(first=first) for line in lines))
    bench.fails(message, "--overwrite", tiles=tile_list, data_dir=bench.tiles.parent)


def test_tile_list_that_does_not_exist(bench: Bench) -> None:
    bench.fails(
        r"TileListError: the tile list \S+none\.txt does not exist; give a text file with one scene a line\.",
        "--overwrite",
        tiles=bench.folder / "none.txt",
    )


def test_scene_on_both_lists(bench: Bench) -> None:
    bench.fails(
        r"SettingError: \S+T32TNS\S+ is in --tiles and in --test-tiles; take it out of one of them\.",
        "--overwrite",
        test_tiles=bench.tiles,
    )


def remove(product: Path) -> None:
    shutil.rmtree(product)


def remove_a_band(product: Path) -> None:
    band_file(product, "B05").unlink()


def cut_short(product: Path) -> None:
    file = band_file(product, "B11")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty_a_band(product: Path) -> None:
    band_file(product, "B02").write_bytes(b"")


def spoil_a_marker(product: Path) -> None:
    """The file keeps its length and its end; JPEG 2000 has no checksums, so only damage to its structure is seen."""
    file = band_file(product, "B02")
    file.write_bytes(file.read_bytes().replace(b"\xff\x90\x00\x0a", b"\xff\x00\x00\x0a"))


def empty_the_xml(product: Path) -> None:
    (product / "MTD_MSIL1C.xml").write_text("")


def zip_of_something(product: Path) -> None:
    shutil.rmtree(product)
    with zipfile.ZipFile(product.with_suffix(".zip"), "w") as archive:
        archive.writestr("readme.txt", "no product")


def zip_with_a_way_out(product: Path) -> None:
    shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    shutil.rmtree(product)
    with zipfile.ZipFile(product.with_suffix(".zip"), "a") as archive:
        archive.writestr(f"{product.name}/../../evil.txt", "outside")


def zip_cut_short(product: Path) -> None:
    zip_with_a_way_out(product)
    archive = product.with_suffix(".zip")
    archive.write_bytes(archive.read_bytes()[:-500])


def only_nodata(product: Path) -> None:
    shutil.rmtree(product)
    pixels = with_nodata(textured_pixels(np.random.default_rng(5), 120), 0, 0, 120, 120)
    write_safe(product.parent, tile="T31UDQ", size=120, pixels=pixels, upper_left=OTHER_CORNER)


def too_small(product: Path) -> None:
    shutil.rmtree(product)
    write_safe(product.parent, tile="T31UDQ", size=48, upper_left=OTHER_CORNER)


def band_file(product: Path, band: str) -> Path:
    return next(product.glob(f"GRANULE/*/IMG_DATA/*_{band}.jp2"))


@pytest.mark.parametrize(
    "damage, message",
    [
        (remove, r"TileListError: \S+: cannot find 1 of 2 scenes in .* \(line 2: .*\); download them, or give .*"),
        (
            remove_a_band,
            r"ProductError: \S+T31UDQ\S+ has no B05; the 20 m bands are .*: download the product again, or .*",
        ),
        (cut_short, r"ProductError: \S+B11\.jp2 is cut short at \d+ bytes .*; download or unpack the product again\."),
        (empty_a_band, r"ProductError: \S+B02\.jp2 is empty \(0 bytes\); download or unpack the product again\."),
        (spoil_a_marker, r"ProductError: \S+B02\.jp2 is damaged \(.*\); download or unpack the product again\."),
        (empty_the_xml, r"ProductError: MTD_MSIL1C\.xml of \S+ is no readable XML \(no element .*\); .* it again\."),
        (zip_of_something, r"ProductError: \S+\.zip has no MTD_MSIL1C\.xml or MTD_MSIL2A\.xml; give .*"),
        (zip_with_a_way_out, r"ProductError: \S+ holds '\S+\.\./evil\.txt', a name outside .*; do not use this zip\."),
        (zip_cut_short, r"ProductError: \S+ is no .* complete zip \(.*\); give one of them, or download it again\."),
        (only_nodata, r"ProductError: \S+ has no patch of 32 px without nodata at 20 m; take it out of the list\."),
        (
            too_small,
            r"ProductError: \S+ has 24 x 24 px at 20 m, too few for a patch of 32 px; take it out of the list\.",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_product(bench: Bench, other_product: Path, damage: Callable[[Path], None], message: str) -> None:
    product = bench.folder / "data" / other_product.name
    shutil.copytree(other_product, product)
    damage(product)
    tile_list = bench.list_of(bench.tiles.parent / f"{bench.tiles.read_text().split()[0]}.SAFE", product.stem)
    bench.fails(message, "--overwrite", tiles=tile_list, data_dir=product.parent)
    assert not (bench.folder.parent / "evil.txt").exists()


def test_a_single_block_cannot_be_split(bench: Bench, other_product: Path) -> None:
    message = r"SettingError: \S+T31UDQ\S+ cannot be split .*; give more or larger scenes, or --validation-fraction 0\."
    bench.fails(
        message, "--overwrite", tiles=bench.list_of(other_product), may_change=(f"patches/{other_product.stem}-20m.h5",)
    )


# --- folders and files


@pytest.mark.parametrize(
    "option, place, message",
    [
        (
            "run_dir",
            "file/run",
            r"OutputError: cannot write to run folder \S+: Not a directory; give another --run-dir\.",
        ),
        ("run_dir", "file", r"RunFolderError: \S+file is a file; give --run-dir a folder\."),
        ("run_dir", "run", r"RunFolderError: \S+run is not empty; continue with --resume, or .* --overwrite\."),
        (
            "patch_cache",
            "file/patches",
            r"\w+Error: cannot \S+ .*patch\S*: Not a directory; give another --patch-cache\.",
        ),
        ("patch_cache", "file", r"\w+Error: cannot .*: File exists; give another --patch-cache\."),
    ],
)
def test_folder_that_cannot_be_written(bench: Bench, option: str, place: str, message: str) -> None:
    (bench.folder / "file").write_text("in the way")
    bench.fails(message, **{"run_dir": bench.folder / "new", option: bench.folder / place})


def test_overwrite_does_not_touch_foreign_files(bench: Bench) -> None:
    (bench.folder / "run/thesis.tex").write_text("years of work")
    bench.fails(
        r"RunFolderError: \S+run holds thesis\.tex, which no run writes; .*: give another --run-dir\.", "--overwrite"
    )


def patch_file(bench: Bench) -> Path:
    return sorted((bench.folder / "patches").iterdir())[0]


def test_patch_file_of_another_schema(bench: Bench) -> None:
    with h5py.File(patch_file(bench), "a") as file:
        file.attrs["schema_version"] = 0
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 has schema 0, this code reads \d; move it away and superres-train makes it .*",
        "--overwrite",
    )


@pytest.mark.parametrize("size", [0, 1000, 100_000])
def test_patch_file_cut_short(bench: Bench, size: int) -> None:
    patch_file(bench).write_bytes(patch_file(bench).read_bytes()[:size])
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 is cut short or damaged, .*; move it away and superres-train makes it again\.",
        "--overwrite",
    )


def test_patch_files_of_other_settings(bench: Bench) -> None:
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 was made with patches_requested 8, this run needs 9; move it away, or .*",
        "--overwrite",
        patches_per_tile=9,
    )


# --- resuming, and weights to start from


def test_resume_without_run_dir(bench: Bench) -> None:
    arguments = words(bench.tiles, bench.folder, "--resume")
    place = arguments.index("--run-dir")
    before = snapshot(bench.folder)
    assert train.main(arguments[:place] + arguments[place + 2 :]) == 1
    assert our_lines(bench.capture.readouterr().err) == [
        "RunFolderError: --resume needs the folder of a run; give it with --run-dir."
    ]
    assert snapshot(bench.folder) == before


def test_resume_what_is_no_run(bench: Bench) -> None:
    bench.fails(
        r"RunFolderError: \S+ has no config\.json; give the folder that a training run wrote\.",
        "--resume",
        run_dir=bench.folder / "patches",
    )


def test_resume_without_checkpoint(bench: Bench) -> None:
    (bench.folder / "run" / run.CHECKPOINT).unlink()
    bench.fails(
        r"RunFolderError: \S+run has no checkpoint\.h5: no epoch was finished; start again with --overwrite .*",
        "--resume",
    )


def test_resume_another_network(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network(features=4))
    bench.fails(
        r"WeightsError: \S+checkpoint\.h5 holds weights of shape .*; it belongs to another network\.",
        "--resume",
        epochs=3,
        may_change=(f"run/{run.LOG}",),
    )


@pytest.mark.parametrize(
    "name, value, was", [("batch_size", 2, 4), ("seed", 1, 0), ("precision", "float16", "float32")]
)
def test_resume_with_other_settings(bench: Bench, name: str, value: object, was: object) -> None:
    bench.fails(
        rf"WeightsError: \S+checkpoint\.h5 was made with .*{name} {was}, this run has {value}; resume with .*",
        "--resume",
        **{"epochs": 3, name: value},
        may_change=(f"run/{run.LOG}",),
    )


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_resume_from_a_checkpoint_cut_short(bench: Bench, size: int) -> None:
    checkpoint = bench.folder / "run" / run.CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    bench.fails(
        r"WeightsError: \S+checkpoint\.h5 cannot be read: .*; start a new run\.",
        "--resume",
        epochs=3,
        may_change=(f"run/{run.LOG}",),
    )


def test_resume_with_best_weights_cut_short(bench: Bench) -> None:
    """They would be needed after the last epoch."""
    weights = bench.folder / "run" / run.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    message = r"RunFolderError: \S+best\.weights\.h5 is missing or damaged; restore it, or start a new run\."
    bench.fails(message, "--resume", epochs=3, may_change=(f"run/{run.LOG}",))


def missing_weights(path: Path) -> None:
    """There is no such file."""


def garbage(path: Path) -> None:
    path.write_bytes(b"no weights" * 100)


def weights_of_another_gsd(path: Path) -> None:
    build_network("dsen2", 60).save_weights(path)


def weights_cut_short(path: Path) -> None:
    build_network("dsen2", 20).save_weights(path)
    path.write_bytes(path.read_bytes()[:5000])


OTHER_WEIGHTS = (
    r"\S+ does not hold weights of dsen2_20m \(.*\); give weights of the same network, trained with the same options\."
)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            missing_weights,
            r"there are no weights \S+; give a run folder, a file of weights, or the name of published weights \(.*\)\.",
        ),
        (garbage, OTHER_WEIGHTS),
        (weights_of_another_gsd, OTHER_WEIGHTS),
        (weights_cut_short, OTHER_WEIGHTS),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_init_weights(bench: Bench, make: Callable[[Path], None], message: str) -> None:
    path = bench.folder / "start.weights.h5"
    make(path)
    bench.fails(f"WeightsError: {message}", "--overwrite", init_weights=path)


@pytest.mark.parametrize("option", ["init_weights", "teacher"])
@pytest.mark.parametrize("file", ["", run.WEIGHTS])
def test_weights_are_not_replaced_before_they_are_used(bench: Bench, option: str, file: str) -> None:
    bench.fails(
        rf"SettingError: --{option.replace('_', '-')} \S+ is in the run folder that this run would replace; copy the .*",
        "--overwrite",
        **{option: bench.folder / "run" / file},
    )


# --- a full disk


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write beyond so many bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_in_the_patch_cache(bench: Bench) -> None:
    for file in (bench.folder / "patches").iterdir():
        file.unlink()
    with largest_file(100_000):
        bench.fails(
            r"OutputError: cannot write \S+-20m\.h5: File too large; check space and permissions there\.", "--overwrite"
        )


@pytest.mark.parametrize("size, file", [(1_000, "config.json"), (20_000, "best.weights.h5")])
def test_full_disk_in_the_run_folder(bench: Bench, size: int, file: str) -> None:
    with largest_file(size):
        code, stderr = bench.train(run_dir=bench.folder / "new")
    assert code == 1
    (line,) = our_lines(stderr)
    assert re.fullmatch(r"OutputError: cannot write \S+: File too large; check space and permissions there\.", line)
    left = {path.name for path in (bench.folder / "new").iterdir()}
    assert file not in left
    assert not any("partial" in name for name in left)


def test_full_disk_leaves_a_run_that_can_be_resumed(bench: Bench) -> None:
    history = (bench.folder / "run" / run.HISTORY).read_text()
    with largest_file(20_000):
        code, _ = bench.train("--resume", epochs=3)
    assert code == 1
    assert (bench.folder / "run" / run.HISTORY).read_text().startswith(history)
    assert bench.train("--resume", epochs=3)[0] == 0


# --- good input


def read_table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_from_products_to_run_folder(
    tiles: Path, other_product: Path, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """The real network; its weights load, and the command starts, where Horovod cannot be imported."""
    (tmp_path / "test.txt").write_text(f"{other_product}\n")
    assert train.main(words(tiles, tmp_path, test_tiles=tmp_path / "test.txt", patches_per_tile=4)) == 0
    out, err = capfd.readouterr()
    assert our_lines(err) == []
    assert "epoch 2/2" in err
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == {*run.FILES, run.TENSORBOARD}
    assert {path.name for path in (tmp_path / "patches").iterdir()} == {
        f"{name}-20m.h5" for name in tiles.read_text().split()
    }
    history = read_table(folder / run.HISTORY)
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert set(history[0]) == HISTORY_COLUMNS
    config = run.read_config(folder)
    assert config["settings"]["batch_size"] == 4
    assert config["ranks"] == 1
    assert {"python", "tensorflow-cpu", "keras", "gdal", "h5py"} <= config["versions"].keys()
    rows = read_table(folder / run.METRICS)
    assert list(rows[0]) == ["scene", "method", "band", "metric", "value"]
    assert {row["scene"] for row in rows} == {other_product.stem}
    assert {row["method"] for row in rows} == {"bilinear", "bicubic", "dsen2"}
    assert {"all", "B05", "B12"} <= {row["band"] for row in rows}
    assert {"rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"} <= {row["metric"] for row in rows}
    assert all(np.isfinite(float(row["value"])) for row in rows)
    assert "| dsen2 |" in out and str(folder / run.METRICS) in out
    assert "2 scenes to train on, 1 to test on" in (folder / run.LOG).read_text()

    code = f"""if True:
        import sys
        sys.modules["horovod"] = sys.modules["horovod.tensorflow"] = None
        from superres.networks.build import build_network
        from superres.networks.weights import load_weights
        model = build_network("dsen2", 20)
        load_weights(model, {str(folder)!r})
        print(model.count_params())
        import runpy
        sys.argv = ["superres/train.py", "--help"]
        runpy.run_path("superres/train.py", run_name="__main__")
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1789574\nusage: ")


def same_runs(folder: Path, other: Path) -> None:
    """Assert that two runs left the same: every weight, the optimizer, the history."""
    with h5py.File(folder / run.CHECKPOINT) as first, h5py.File(other / run.CHECKPOINT) as second:
        for group in ("weights", "optimizer"):
            assert len(first[group]) == len(second[group]) > 0
            for number in first[group]:
                np.testing.assert_array_equal(first[group][number], second[group][number], err_msg=f"{group}/{number}")
    for row, others in zip(read_table(folder / run.HISTORY), read_table(other / run.HISTORY), strict=True):
        assert {**row, "seconds": ""} == {**others, "seconds": ""}


def test_resumed_run_goes_on_exactly(bench: Bench) -> None:
    """The finished run had two epochs; two more leave what four do."""
    assert bench.train("--resume", epochs=4)[0] == 0
    assert bench.train(run_dir=bench.folder / "straight", epochs=4)[0] == 0
    same_runs(bench.folder / "run", bench.folder / "straight")
    assert run.read_config(bench.folder / "run")["settings"]["epochs"] == 4


def test_resumed_float16_run_goes_on_exactly(bench: Bench) -> None:
    """The scale of the losses, and all of the optimizer inside, go on too."""
    settings = {"precision": "float16", "learning_rate": 1e-3, "patches_per_tile": 8}
    assert bench.train(run_dir=bench.folder / "resumed", epochs=1, **settings)[0] == 0
    assert bench.train("--resume", run_dir=bench.folder / "resumed", epochs=2, **settings)[0] == 0
    assert bench.train(run_dir=bench.folder / "straight", epochs=2, **settings)[0] == 0
    same_runs(bench.folder / "resumed", bench.folder / "straight")


def test_overwrite_replaces_a_run(bench: Bench) -> None:
    code, _ = bench.train("--overwrite", epochs=1)
    assert code == 0
    assert len(read_table(bench.folder / "run" / run.HISTORY)) == 1


def test_level_2a_without_cirrus_band(bench: Bench) -> None:
    """L2A since baseline 04.00 has offsets, and no B10."""
    names = []
    for number, tile in enumerate(TILES[:2]):
        images = textured_pixels(np.random.default_rng(number), 120)
        corner = (OTHER_CORNER[0] + 3000 * number, OTHER_CORNER[1])
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
    code, stderr = bench.train(tiles=bench.list_of(*names), run_dir=bench.folder / "l2a/run", epochs=1)
    assert code == 0, stderr


# --- losses that are no longer finite, teachers


def test_a_loss_that_is_not_finite_names_batch_and_scene(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops at once, and the checkpoint and the best weights stay."""
    convert = FusionPatches.convert

    def spoiled(patches: FusionPatches, read: dict) -> tuple:
        inputs, target = convert(patches, read)
        return inputs, target * np.nan

    monkeypatch.setattr(FusionPatches, "convert", spoiled)
    kept = [bench.folder / "run" / name for name in (run.CHECKPOINT, run.WEIGHTS, run.HISTORY)]
    before = [path.read_bytes() for path in kept]
    code, stderr = bench.train("--resume", epochs=3)
    assert code == 1
    assert re.fullmatch(
        r"TrainingError: the loss was no longer finite at batch 1 of epoch 3, which holds patches of "
        r"S2A_MSIL1C_\S+_T32T[NP]S_\S+; the weights in the run folder are from before: start a new run with .*",
        *our_lines(stderr),
    )
    assert [path.read_bytes() for path in kept] == before


def test_student_learns_what_its_teacher_predicts(bench: Bench) -> None:
    """Targets are the teacher's, for patches as they are and in other colours, and are made once, which changes nothing
    of the training; the truth of validation stays the native bands."""
    teacher = bench.folder / "run"
    settings = {"teacher": teacher, "teacher_variants": 2, "learning_rate": 1e-3, "loss": "l2"}
    code, _ = bench.train(**settings, run_dir=bench.folder / "student")
    assert code == 0
    (patches, *_) = sorted(path for path in (bench.folder / "patches").iterdir() if "-by-" not in path.name)
    (taught, *_) = sorted((bench.folder / "patches").glob("*-by-*-x2.h5"))
    made = taught.stat().st_mtime_ns
    before, after = PatchFile(patches), PatchFile(taught)
    source = FusionPatches([after], [np.arange(len(after))], 20)
    inputs, _ = source.convert(source.read(np.arange(len(after))))
    model = build_network("dsen2", 20)
    load_weights(model, teacher)
    np.testing.assert_allclose(after.arrays["target"], 2000 * np.asarray(model(inputs)).clip(0), atol=0.51)
    assert (after.arrays["target"][: len(before)] != before.arrays["target"]).any()
    np.testing.assert_array_equal(after.arrays["input_10m"][: len(before)], before.arrays["input_10m"])
    np.testing.assert_array_equal(after.arrays["block"], np.tile(before.arrays["block"], 2))
    held_out = {before.attributes["scene"]: (int(before.arrays["block"][0]),)}
    training, validation = sources([before], [after], held_out, 20)
    assert (training.files, validation.files) == ([after], [before])
    assert len(training) == 2 * (len(before) - len(validation)) < 2 * len(before)
    code, _ = bench.train(**settings, run_dir=bench.folder / "again")
    assert code == 0
    assert taught.stat().st_mtime_ns == made
    first, second = (read_history(bench.folder / name / run.HISTORY, 9) for name in ("student", "again"))
    assert [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]


def test_teacher_for_another_gsd(bench: Bench) -> None:
    path = bench.folder / "coarse.weights.h5"
    build_network("dsen2", 60).save_weights(path)
    bench.fails(
        rf"SettingError: --teacher {path} is for 60 m, and --gsd is 20; give one for 20 m\.",
        "--overwrite",
        teacher=path,
    )
