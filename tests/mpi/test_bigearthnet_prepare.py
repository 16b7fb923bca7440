"""Two ranks prepare an archive together and make the same file as one process."""

from collections.abc import Callable
from pathlib import Path

import pytest

import common.distributed as hvd
from bigearthnet import prepare
from bigearthnet.prepared import fill
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.studies import inputs
from common.errors import ProductError
from tests.support.fake_safe import write_labelled_patch, write_s1_patch

PATCHES = 5


def write_archive(folder: Path) -> None:
    for number in range(PATCHES):
        name = f"S2A_MSIL2A_20170617T113321_{number}_55"
        write_labelled_patch(folder / "S2", name, corner=(100000 * number, 5300040))
        write_s1_patch(folder / "S1", f"S1A_IW_GRDH_1SDV_20170617T064724_29UPU_{number}_55", name, shift=number)


def run(folder: Path, output: str, *options: str) -> int:
    return prepare.main(
        [
            "--root",
            f"{folder}/S2",
            "--s1-root",
            f"{folder}/S1",
            "--split-by-region",
            "0",
            "--keep-snow-cloud",
            "--output",
            str(folder / output),
            "--processes",
            "1",
            *options,
        ]
    )


def test_same_file_as_one_process(shared_path: Path, alone: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "PATCHES_PER_BLOCK", 1)
    if hvd.rank() == 0:
        write_archive(shared_path)
        with alone():
            assert run(shared_path, "one.h5") == 0
    hvd.barrier()
    own_rows = []
    fill_block = fill.fill_block
    monkeypatch.setattr(
        fill, "fill_block", lambda block: (own_rows.extend(row for row, _ in block.patches), fill_block(block))[1]
    )
    assert run(shared_path, "two.h5") == 0
    shares = hvd.allgather_object(own_rows)
    assert sorted(row for share in shares for row in share) == list(range(PATCHES))
    assert all(shares)  # each rank read some
    one, two = (BigEarthNetFile(shared_path / name) for name in ("one.h5", "two.h5"))
    assert len(two) == PATCHES
    assert two.attributes["checksum"] == one.attributes["checksum"]


def test_unreadable_patches_of_both_ranks_are_listed(shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "PATCHES_PER_BLOCK", 1)
    broken = [f"S2A_MSIL2A_20170617T113321_{number}_55" for number in (0, 3)]
    if hvd.rank() == 0:
        write_archive(shared_path)
        for name in broken:
            (shared_path / "S2" / name / f"{name}_B04.tif").unlink()
    hvd.barrier()
    assert run(shared_path, "data.h5", "--skip-unreadable") == 0
    lines = (shared_path / "data-unreadable.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == broken
    assert len(BigEarthNetFile(shared_path / "data.h5")) == PATCHES - 2


def test_a_wrong_option_is_reported_by_one_rank(shared_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(shared_path, "data.h5", "--processes", "0") == 1
    errors = hvd.allgather_object(capsys.readouterr().err)
    assert errors == ["SettingError: --processes must be at least 1; got 0.\n", ""]


def test_ranks_share_the_patches_to_super_resolve(shared_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of one rank ends all."""
    if hvd.rank() == 0:
        write_archive(shared_path)
    assert run(shared_path, "data.h5") == 0
    started = []
    monkeypatch.setattr(inputs, "PATCHES_AT_ONCE", 2)
    monkeypatch.setattr(inputs, "run_apart", lambda *arguments: started.append(arguments))
    native = PreparationOptions(root=shared_path / "S2", output=shared_path / "data.h5")
    inputs.super_resolve(native, shared_path / "results", ["--weights", "w"])
    of_ranks = hvd.allgather_object([[Path(word).name for word in command if "/S2/" in word] for command, _ in started])
    names = [f"S2A_MSIL2A_20170617T113321_{number}_55" for number in range(PATCHES)]
    assert of_ranks == [[names[:2], names[4:]], [names[2:4]]]
    assert started[0][1]["TF_NUM_INTRAOP_THREADS"] == str(hvd.cores_per_rank())

    def fail(*arguments: object) -> None:
        if hvd.rank() == 1:
            raise ProductError("superres-predict failed")

    monkeypatch.setattr(inputs, "run_apart", fail)
    with pytest.raises(ProductError, match="superres-predict failed"):
        inputs.super_resolve(native, shared_path / "results", ["--weights", "w"])
