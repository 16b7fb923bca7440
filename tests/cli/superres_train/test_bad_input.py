"""`superres-train` with bad input: exit code 1, one line on stderr, and no file changes.

The files include those of an older run that `--overwrite` would replace, and the patch cache.
"""

import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.commands import lines_without_log
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe
from tests.support.training_bench import OTHER_CORNER, TrainingBench, largest_file


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
        ("teacher_variants", 101, r"--teacher-variants must be 1 to 100; got 101\."),
    ],
)
def test_values_out_of_range(bench: TrainingBench, name: str, value: object, message: str) -> None:
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
def test_damaged_tile_list(bench: TrainingBench, lines: list[str], message: str) -> None:
    first = bench.tiles.read_text().split()[0]
    tile_list = bench.write_list(*(line.format(first=first) for line in lines))
    bench.fails(message, "--overwrite", tiles=tile_list, data_dir=bench.tiles.parent)


def test_tile_list_that_does_not_exist(bench: TrainingBench) -> None:
    bench.fails(
        r"TileListError: the tile list \S+none\.txt does not exist; give a text file with one scene a line\.",
        "--overwrite",
        tiles=bench.folder / "none.txt",
    )


def test_scene_on_both_lists(bench: TrainingBench) -> None:
    bench.fails(
        r"SettingError: \S+T32TNS\S+ is in --tiles and in --test-tiles; remove it from one of them\.",
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
    """Damage the structure of the file, because JPEG 2000 has no checksums; its length and its end stay."""
    file = band_file(product, "B02")
    file.write_bytes(file.read_bytes().replace(b"\xff\x90\x00\x0a", b"\xff\x00\x00\x0a"))


def empty_the_xml(product: Path) -> None:
    (product / "MTD_MSIL1C.xml").write_text("")


def zip_without_a_product(product: Path) -> None:
    shutil.rmtree(product)
    with zipfile.ZipFile(product.with_suffix(".zip"), "w") as archive:
        archive.writestr("readme.txt", "no product")


def zip_with_a_path_outside(product: Path) -> None:
    shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    shutil.rmtree(product)
    with zipfile.ZipFile(product.with_suffix(".zip"), "a") as archive:
        archive.writestr(f"{product.name}/../../evil.txt", "outside")


def zip_cut_short(product: Path) -> None:
    zip_with_a_path_outside(product)
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
        (zip_without_a_product, r"ProductError: \S+\.zip has no MTD_MSIL1C\.xml or MTD_MSIL2A\.xml; give .*"),
        (
            zip_with_a_path_outside,
            r"ProductError: \S+ holds '\S+\.\./evil\.txt', a name outside .*; do not use this archive\.",
        ),
        (zip_cut_short, r"ProductError: \S+\.zip is a zip that is cut short; download it again\."),
        (only_nodata, r"ProductError: \S+ has no patch of 32 px without nodata at 20 m; take it out of the list\."),
        (
            too_small,
            r"ProductError: \S+ has 24 x 24 px at 20 m, too few for a patch of 32 px; take it out of the list\.",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damaged_product(bench: TrainingBench, third_scene: Path, damage: Callable[[Path], None], message: str) -> None:
    product = bench.folder / "data" / third_scene.name
    shutil.copytree(third_scene, product)
    damage(product)
    tile_list = bench.write_list(bench.tiles.parent / f"{bench.tiles.read_text().split()[0]}.SAFE", product.stem)
    bench.fails(message, "--overwrite", tiles=tile_list, data_dir=product.parent)
    assert not (bench.folder.parent / "evil.txt").exists()


def test_a_scene_without_room_for_two_patches_cannot_be_split(bench: TrainingBench, third_scene: Path) -> None:
    message = r"SettingError: \S+T31UDQ\S+ cannot be split .*; give more or larger scenes, or --validation-fraction 0\."
    bench.fails(message, "--overwrite", tiles=bench.write_list(third_scene))


# --- folders and files

IS_FILE = "it, or a folder above it, is a file"


@pytest.mark.parametrize(
    "option, path, message",
    [
        ("run_dir", "file/run", r"RunFolderError: \S+file is a file; give --run-dir a folder\."),
        ("run_dir", "file", r"RunFolderError: \S+file is a file; give --run-dir a folder\."),
        (
            "run_dir",
            "run",
            r"RunFolderError: \S+run holds a finished run of 2 epochs; continue with --resume, or .* --overwrite\.",
        ),
        ("patch_cache", "file/patches", rf"\w+Error: cannot .*/patches: {IS_FILE}; give another --patch-cache\."),
        ("patch_cache", "file", rf"\w+Error: cannot .*/file: {IS_FILE}; give another --patch-cache\."),
    ],
)
def test_folder_that_cannot_be_written(bench: TrainingBench, option: str, path: str, message: str) -> None:
    (bench.folder / "file").write_text("in the way")
    bench.fails(message, **{"run_dir": bench.folder / "new", option: bench.folder / path})


def test_overwrite_keeps_files_that_no_run_writes(bench: TrainingBench) -> None:
    (bench.folder / "run/thesis.tex").write_text("years of work")
    bench.fails(
        r"RunFolderError: \S+run holds thesis\.tex, which no run writes, .*; give another --run-dir\.", "--overwrite"
    )


def patch_file(bench: TrainingBench) -> Path:
    return sorted((bench.folder / "patches").iterdir())[0]


def test_patch_file_of_another_schema(bench: TrainingBench) -> None:
    with h5py.File(patch_file(bench), "a") as file:
        file.attrs["schema_version"] = 0
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 has schema 0, this code reads \d; move it away and superres-train makes it .*",
        "--overwrite",
    )


@pytest.mark.parametrize("size", [0, 1000, 100_000])
def test_patch_file_cut_short(bench: TrainingBench, size: int) -> None:
    patch_file(bench).write_bytes(patch_file(bench).read_bytes()[:size])
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 is cut short or damaged, .*; move it away and superres-train makes it again\.",
        "--overwrite",
    )


def test_patch_files_of_other_settings(bench: TrainingBench) -> None:
    bench.fails(
        r"PatchFileError: \S+-20m\.h5 was made with patches_requested 8, this run needs 9; move it away, or .*",
        "--overwrite",
        patches_per_tile=9,
    )


def test_a_folder_to_stage_into_is_checked_before_patches_are_cut(bench: TrainingBench) -> None:
    (bench.folder / "file").write_text("in the way")
    bench.fails(
        rf"OutputError: cannot make --stage \S+stage: {IS_FILE}; give another folder\.",
        run_dir=bench.folder / "new",
        patch_cache=bench.folder / "other",
        stage=bench.folder / "file" / "stage",
    )


# --- a full disk


def test_full_disk_in_the_patch_cache(bench: TrainingBench) -> None:
    for file in (bench.folder / "patches").iterdir():
        file.unlink()
    with largest_file(100_000):
        bench.fails(
            r"OutputError: cannot write \S+-20m\.h5: File too large; check space and permissions there\.", "--overwrite"
        )


@pytest.mark.parametrize("size, file", [(1_000, "config.json"), (20_000, "best.weights.h5")])
def test_full_disk_in_the_run_folder(bench: TrainingBench, size: int, file: str) -> None:
    with largest_file(size):
        code, stderr = bench.train(run_dir=bench.folder / "new")
    assert code == 1
    (line,) = lines_without_log(stderr)
    assert re.fullmatch(r"OutputError: cannot write \S+: File too large; check space and permissions there\.", line)
    left = {path.name for path in (bench.folder / "new").iterdir()}
    assert file not in left
    assert not any("partial" in name for name in left)
