"""The command `bigearthnet-prepare`: archive folders -> HDF5, and its messages for bad input.

Bad input gives exit code 1, one line on stderr, and no file under its final name.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from osgeo import gdal

from bigearthnet import prepare
from bigearthnet.archive.groups import GROUP_BANDS, S2_GROUPS
from bigearthnet.archive.labels import CLASSES_43, decode
from bigearthnet.prepared import fill, json_files, workers
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.output import output_lock
from common.files.downloads import cache_folder
from common.runs.locks.lock import release, take
from tests.support.fake_safe import expected_dn, write_labelled_patch, write_s1_patch
from tests.support.superres_results import write_superres

ROOT = Path(__file__).parents[2]
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d ")
NAMES = [
    "S2A_MSIL2A_20170617T113321_36_85",
    "S2A_MSIL2A_20170617T113321_4_55",
    "S2B_MSIL2A_20170924T93020_69_24",
    "S2B_MSIL2A_20180417T102019_73_24",
]
LABELS = [("Coniferous forest", "Water bodies"), ("Rice fields", "Airports"), ("Sea and ocean",), ("Burnt areas",)]


@dataclass
class Bench:
    """The command and an archive of four patches; the last has no class of the 19."""

    folder: Path
    capsys: pytest.CaptureFixture

    @property
    def s2(self) -> Path:
        return self.folder / "S2"

    @property
    def s1(self) -> Path:
        return self.folder / "S1"

    @property
    def output(self) -> Path:
        return self.folder / "data.h5"

    def run(self, *options: object) -> tuple[int, str, list[str]]:
        """Return exit code, stdout, and the lines of stderr that are not log lines. By default regions decide the splits."""
        words = [str(word) for word in options]
        splits = [] if "--splits" in words or "--official" in words else ["--split-by-region", "1"]
        keep = [] if "--official" in words else ["--keep-snow-cloud"]
        words = [word for word in words if word != "--official"]
        code = prepare.main(["--root", str(self.s2), "--output", str(self.output), *splits, *keep, *words])
        printed = self.capsys.readouterr()
        return code, printed.out, [line for line in printed.err.splitlines() if not LOG_LINE.match(line)]

    def fails(self, *options: object, unfinished: bool = False, others: tuple[str, ...] = ()) -> str:
        """Return the one line that the command prints before it fails. It leaves no files but those of others."""
        code, out, lines = self.run(*options)
        assert (code, out, len(lines)) == (1, "", 1), lines
        left = {path.name for path in self.folder.iterdir() if path.is_file()}
        assert left <= {*others, *(["data.h5.part"] if unfinished else [])}
        return lines[0]

    def json(self, number: int = 0) -> Path:
        return self.s2 / NAMES[number] / f"{NAMES[number]}_labels_metadata.json"

    def lists(self, **lists: list[str]) -> Path:
        folder = self.folder / "lists"
        folder.mkdir(exist_ok=True)
        for split in ("train", "val", "test"):
            (folder / f"{split}.csv").write_text("".join(f"{name}\n" for name in lists.get(split, [])))
        return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of four patches with their partners. Do not change it."""
    folder = tmp_path_factory.mktemp("archive")
    for number, (name, labels) in enumerate(zip(NAMES, LABELS, strict=True)):
        write_labelled_patch(folder / "S2", name, labels, corner=(600000 + 100000 * number, 5300040))
        s1_name = f"S1A_IW_GRDH_1SDV_20170617T064724_29UPU_{number}_5"
        write_s1_patch(folder / "S1", s1_name, name, shift=number)
    return folder


@pytest.fixture
def bench(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> Bench:
    shutil.copytree(archive, tmp_path, dirs_exist_ok=True, copy_function=shutil.copy)
    return Bench(tmp_path, capsys)


def test_pixels_labels_names_and_splits(bench: Bench) -> None:
    code, out, lines = bench.run("--s1-root", bench.s1, "--nomenclature", 43)
    assert (code, lines) == (0, [])
    assert out == f"{bench.output}: 4 patches, left out: none\n"
    file = BigEarthNetFile(bench.output)
    assert (file.names.tolist(), file.class_names) == (NAMES, CLASSES_43)
    assert [set(decode(row, CLASSES_43)) for row in file.labels] == [set(labels) for labels in LABELS]
    assert set(file.splits) == {"train", "val", "test"}
    images = file.read(np.arange(4), list(GROUP_BANDS))
    for group in S2_GROUPS:
        side = file.shapes[group][0]
        expected = np.stack([expected_dn(band, side, side) for band in GROUP_BANDS[group]], axis=-1)
        for patch in images[group]:
            np.testing.assert_array_equal(patch, expected)
    for number, patch in enumerate(images["s1"]):  # each with its own partner
        assert patch[0, 0].tolist() == [number - 5, number - 12]


def test_default_nomenclature_leaves_out_patches_without_a_class(bench: Bench) -> None:
    code, out, _ = bench.run()
    assert (code, out) == (0, f"{bench.output}: 3 patches, left out: 1 without a class of the 19\n")
    file = BigEarthNetFile(bench.output)
    assert file.names.tolist() == NAMES[:3]
    assert [decode(row, file.class_names) for row in file.labels] == [
        ("Coniferous forest", "Inland waters"),
        ("Arable land",),
        ("Marine waters",),
    ]
    assert json.loads(file.attributes["left_out"]) == {"without a class of the 19": 1}
    assert bench.run("--keep-unlabelled", "--overwrite")[:2] == (0, f"{bench.output}: 4 patches, left out: none\n")


def test_own_lists(bench: Bench) -> None:
    lists = bench.lists(train=["\ufeff" + NAMES[2]], val=[NAMES[0]])  # as some editors begin a file
    code, out, _ = bench.run("--splits", lists)
    assert (code, out) == (0, f"{bench.output}: 2 patches, left out: 2 in no list\n")
    assert BigEarthNetFile(bench.output).splits.tolist() == ["val", "train"]


def test_official_lists_and_snow(bench: Bench, capsys: pytest.CaptureFixture) -> None:
    sample = cache_folder() / "sample"
    if not sample.exists():
        pytest.skip("run python common/sample.py to fetch the small real sample")
    words = ["--root", str(sample), "--s1-root", str(sample), "--output", str(bench.output), "--no-progress"]
    assert prepare.main(words) == 0
    assert capsys.readouterr().out == f"{bench.output}: 5 patches, left out: 1 with snow or clouds\n"
    file = BigEarthNetFile(bench.output)
    assert sorted(file.splits.tolist()) == ["test", "train", "train", "train", "train"]
    image = file.read(np.arange(5), ["s2_20m", "s1"])
    path = sample / "BigEarthNet-S2" / file.names[3] / f"{file.names[3]}_B8A.tif"
    np.testing.assert_array_equal(image["s2_20m"][3, ..., 3], gdal.Open(str(path)).ReadAsArray())
    assert -30 < image["s1"].mean() < 0
    assert prepare.main([*words, "--overwrite", "--keep-snow-cloud"]) == 0
    assert len(BigEarthNetFile(bench.output)) == 6


def test_real_patches(real_data: Path, bench: Bench, capsys: pytest.CaptureFixture) -> None:
    """All bands of 16 patches of the archive are as GDAL reads them."""
    root = real_data / "bigearthnet"
    code = prepare.main(
        [
            "--root",
            str(root),
            "--s1-root",
            str(root),
            "--output",
            str(bench.output),
            "--nomenclature",
            "43",
            "--split-by-region",
            "0",
            "--keep-snow-cloud",
        ]
    )
    assert code == 0
    file = BigEarthNetFile(bench.output)
    assert len(file) == 16
    images = file.read(np.arange(16), list(GROUP_BANDS))
    for row, name in enumerate(file.names):
        for group in S2_GROUPS:
            for index, band in enumerate(GROUP_BANDS[group]):
                truth = gdal.Open(str(root / "BigEarthNet-S2" / name / f"{name}_{band}.tif")).ReadAsArray()
                np.testing.assert_array_equal(images[group][row, ..., index], truth)
        facts = json.loads((root / "BigEarthNet-S2" / name / f"{name}_labels_metadata.json").read_text())
        assert set(decode(file.labels[row], file.class_names)) == set(facts["labels"])


def test_processes_make_the_same_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.run("--s1-root", bench.s1)[0] == 0
    alone = BigEarthNetFile(bench.output).attributes["checksum"]
    monkeypatch.setattr(workers, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(fill, "PATCHES_PER_BLOCK", 1)
    monkeypatch.setattr(json_files, "FILES_PER_BLOCK", 1)
    assert bench.run("--s1-root", bench.s1, "--processes", 2, "--overwrite")[0] == 0
    assert BigEarthNetFile(bench.output).attributes["checksum"] == alone


def test_interrupted_run_continues(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench.run()[0] == 0
    whole = BigEarthNetFile(bench.output).attributes["checksum"]
    bench.output.unlink()
    read_images, read = fill.read_images, []

    def stop_after_two(patch, *arguments):
        if len(read) == 2:
            raise KeyboardInterrupt
        read.append(patch.name)
        return read_images(patch, *arguments)

    monkeypatch.setattr(fill, "PATCHES_AT_ONCE", 1)
    monkeypatch.setattr(fill, "read_images", stop_after_two)
    code, _, lines = bench.run()
    assert (code, len(lines)) == (75, 1)
    assert "interrupted" in lines[0]
    assert not bench.output.exists()
    again = []
    monkeypatch.setattr(
        fill, "read_images", lambda patch, *rest: (again.append(patch.name), read_images(patch, *rest))[1]
    )
    assert bench.run()[0] == 0
    assert read + again == NAMES[:3]
    assert BigEarthNetFile(bench.output).attributes["checksum"] == whole
    assert not bench.output.with_name("data.h5.part").exists()


def test_interrupted_run_with_other_options(bench: Bench) -> None:
    (bench.s2 / NAMES[2] / f"{NAMES[2]}_B05.tif").unlink()
    bench.fails(unfinished=True)
    line = bench.fails("--nomenclature", 43, unfinished=True)
    assert re.search(
        r"data.h5.part was begun with other patches or options; give the options that it was begun with, or another --output, or replace",
        line,
    )
    write_labelled_patch(bench.folder / "again", NAMES[2])
    shutil.copy(bench.folder / "again" / NAMES[2] / f"{NAMES[2]}_B05.tif", bench.s2 / NAMES[2])
    assert bench.run("--nomenclature", 43, "--overwrite")[0] == 0


def test_bands_brought_to_10_m(bench: Bench) -> None:
    """20 m and 60 m bands from GeoTIFFs as superres-predict writes them; the 10 m bands stay native."""
    folder = bench.folder / "fine"
    folder.mkdir()
    bands = [*GROUP_BANDS["s2_20m"], *GROUP_BANDS["s2_60m"]]
    for number, name in enumerate(NAMES):
        write_superres(folder / f"{name}.tif", bands, number)
    assert bench.run("--superres", folder)[0] == 0
    file = BigEarthNetFile(bench.output)
    assert (file.shapes["s2_20m"], file.shapes["s2_60m"]) == ((120, 120, 6), (120, 120, 2))
    images = file.read(np.array([2]), list(S2_GROUPS))
    np.testing.assert_array_equal(images["s2_10m"][0, ..., 1], expected_dn("B03", 120, 120))
    assert images["s2_20m"][0, 5, 7].tolist() == [1000 * index + 2 for index in range(6)]
    assert images["s2_60m"][0, 5, 7].tolist() == [6002, 7002]
    assert file.attributes["superres"] == "s2_20m,s2_60m"


def test_bad_superres(bench: Bench) -> None:
    folder = bench.folder / "fine"
    folder.mkdir()
    assert f"{NAMES[0]}.tif does not exist" in bench.fails("--superres", folder)
    write_superres(folder / f"{NAMES[0]}.tif", list(GROUP_BANDS["s2_60m"]), 0)
    write_superres(folder / f"{NAMES[1]}.tif", list(GROUP_BANDS["s2_20m"]), 0)
    assert f"{NAMES[1]}.tif lacks B01, B09" in bench.fails("--superres", folder, unfinished=True)


def damage_missing_band(bench: Bench) -> None:
    (bench.s2 / NAMES[1] / f"{NAMES[1]}_B8A.tif").unlink()


def damage_json(bench: Bench) -> None:
    bench.json(1).write_text(bench.json(1).read_text()[:60])


def damage_label(bench: Bench) -> None:
    bench.json(1).write_text(bench.json(1).read_text().replace("Rice fields", "Rize fields"))


DAMAGE = [
    (damage_missing_band, r"S2A_MSIL2A_20170617T113321_4_55_B8A.tif is missing; unpack the archive again", True),
    (damage_json, r"_4_55_labels_metadata.json is cut short or not a JSON file \(", False),
    (damage_label, r"S2A_MSIL2A_20170617T113321_4_55 has an unknown label 'Rize fields'", False),
]


@pytest.mark.parametrize(("damage", "message", "begun"), DAMAGE, ids=lambda value: getattr(value, "__name__", ""))
def test_unreadable_patch(bench: Bench, damage, message: str, begun: bool) -> None:
    """An unreadable patch ends the command, or is left out and listed."""
    damage(bench)
    line = bench.fails("--nomenclature", 43, unfinished=begun)
    assert re.search(message + r".* --skip-unreadable leaves such patches out\.", line)
    code, out, lines = bench.run("--nomenclature", 43, "--skip-unreadable")
    assert (code, out, lines) == (0, f"{bench.output}: 3 patches, left out: 1 unreadable\n", [])
    file = BigEarthNetFile(bench.output)
    assert file.names.tolist() == [NAMES[0], *NAMES[2:]]
    assert json.loads(file.attributes["left_out"]) == {"unreadable": 1}
    listed = (bench.folder / "data-unreadable.txt").read_text()
    assert re.search(message, listed)
    assert listed.startswith(f"{NAMES[1]}: ")
    assert len(listed.splitlines()) == 1


def test_all_unreadable(bench: Bench) -> None:
    for name in NAMES:
        (bench.s2 / name / f"{name}_B01.tif").unlink()
    assert re.search(
        rf"_B01.tif is missing.* Also unreadable: {NAMES[1]}, {NAMES[2]}",
        bench.fails("--skip-unreadable", unfinished=True),
    )


def test_partner_is_missing(bench: Bench) -> None:
    shutil.rmtree(bench.s1 / "S1A_IW_GRDH_1SDV_20170617T064724_29UPU_1_5")
    line = bench.fails("--s1-root", bench.s1)
    assert re.search(rf"{NAMES[1]} has no Sentinel-1 partner in .*S1. --skip-unreadable", line)
    assert bench.run("--s1-root", bench.s1, "--skip-unreadable", "--nomenclature", 43)[0] == 0
    assert BigEarthNetFile(bench.output).names.tolist() == [NAMES[0], *NAMES[2:]]


def test_list_names_unknown_patches(bench: Bench) -> None:
    lists = bench.lists(train=NAMES[:1], val=["S2A_MSIL2A_20170617T113321_1_1", "S2A_MSIL2A_20170617T113321_9_9"])
    line = bench.fails("--splits", lists)
    assert re.search(
        r"lists S2A_MSIL2A_20170617T113321_1_1, S2A_MSIL2A_20170617T113321_9_9, not found in .*S2; correct", line
    )
    code, out, _ = bench.run("--splits", lists, "--skip-unreadable")
    assert (code, out) == (0, f"{bench.output}: 1 patches, left out: 3 in no list, 2 unreadable\n")
    assert "is listed, but not in" in (bench.folder / "data-unreadable.txt").read_text()


def test_folders_without_patches(bench: Bench) -> None:
    assert "none does not exist; give the folder" in bench.fails("--root", bench.folder / "none")
    assert "holds no patch folder such as S1A_" in bench.fails("--s1-root", bench.s2)


def test_output(bench: Bench) -> None:
    assert "none does not exist; create it" in bench.fails("--output", bench.folder / "none" / "data.h5")
    assert "is a folder; --output needs the name of a file" in bench.fails("--output", bench.s2)
    bench.output.write_text("mine")
    code, out, lines = bench.run()
    assert (code, out, bench.output.read_text()) == (1, "", "mine")
    assert lines == [f"OutputError: {bench.output} exists; give another --output, or replace it with --overwrite."]
    code, out, lines = bench.run("--overwrite")
    assert (code, out, bench.output.read_text()) == (1, "", "mine")
    assert "is not a file of bigearthnet-prepare, and --overwrite replaces no other files" in lines[0]


def test_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bigearthnet.prepared.slots.os.pwritev", full)
    line = bench.fails(unfinished=True)
    assert re.fullmatch(r"OutputError: cannot write .*data.h5.part: No space left on device; check space and .*", line)


def test_wrong_usage(bench: Bench) -> None:
    assert "--processes must be at least 1; got 0" in bench.fails("--processes", 0)
    assert "--split-by-region must be at least 0; got -1" in bench.fails("--split-by-region", -1)
    with pytest.raises(SystemExit) as stopped:
        bench.run("--nomenclature", 20)
    assert stopped.value.code == 2


def write_reben(bench: Bench) -> Path:
    """Write four patches of version 2 in folders of products, one with snow, and their metadata."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow to test metadata in Parquet")
    import pyarrow

    root = bench.folder / "v2" / "BigEarthNet-S2"
    rows = []
    for number, split in enumerate(("train", "validation", "test", "test")):
        product = f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UU{'PQRS'[number]}"
        s1_name = f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{number}_5"
        write_labelled_patch(root / product, f"{product}_26_57")
        (root / product / f"{product}_26_57" / f"{product}_26_57_labels_metadata.json").unlink()
        write_s1_patch(bench.folder / "v2" / "BigEarthNet-S1", s1_name, "")
        rows.append(
            {
                "patch_id": f"{product}_26_57",
                "labels": ["Urban fabric", "Arable land"],
                "split": split,
                "country": "Austria",
                "s1_name": s1_name,
                "contains_seasonal_snow": number == 3,
            }
        )
    parquet.write_table(pyarrow.Table.from_pylist(rows), root.parent / "metadata.parquet")
    return root


def test_version_2(bench: Bench) -> None:
    root = write_reben(bench)
    code, out, lines = bench.run("--official", "--root", root, "--s1-root", root.parent)
    assert (code, lines) == (0, [])
    assert out == f"{bench.output}: 3 patches, left out: 1 with snow or clouds\n"
    file = BigEarthNetFile(bench.output)
    assert (file.splits.tolist(), file.has_s1) == (["train", "val", "test"], True)
    assert decode(file.labels[0], file.class_names) == ("Urban fabric", "Arable land")


def test_a_file_of_another_schema_is_not_continued(bench: Bench) -> None:
    with h5py.File(bench.folder / "data.h5.part", "w") as file:
        file.attrs["schema_version"] = 7
    assert "data.h5.part cannot be continued: it is cut short, or is not a file of bigearthnet-prepare" in bench.fails(
        unfinished=True
    )


def test_an_output_that_another_job_fills(bench: Bench) -> None:
    lock = output_lock(bench.output)
    take(lock)
    assert re.fullmatch(
        rf"InUseError: {bench.output} is in use by process {os.getpid()} on .*; wait until it ends, or give another --output\.",
        bench.fails(others=(lock.path.name,)),
    )
    release(lock)
    assert bench.run()[0] == 0
    assert not lock.path.exists()
