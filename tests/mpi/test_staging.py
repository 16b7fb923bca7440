"""Files are copied once a node, and a copy that fails on one node ends all ranks."""

import os
from pathlib import Path

import pytest

import common.distributed as hvd
from common.errors import OutputError
from common.patches import staging
from common.patches.file import PATCH_FILE
from common.patches.staging import Original, describe_original, stage_files
from tests.support.patch_files import write_random_patches


@pytest.fixture
def originals(shared_path: Path) -> list[Original]:
    """One patch file."""

    def write() -> list[Original]:
        file = write_random_patches(shared_path, "a")
        return [describe_original(file.path, file.attributes, PATCH_FILE)]

    return hvd.on_rank_zero(write)


def test_one_rank_of_a_node_copies(
    originals: list[Original], shared_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    copied, copy = [], staging._copy
    monkeypatch.setattr(staging, "_copy", lambda *args: copied.append(args) or copy(*args))
    (path,) = stage_files(originals, shared_path / "stage")
    assert path.read_bytes() == originals[0].path.read_bytes()
    assert hvd.allgather_object(len(copied)) == [1, *[0] * (ranks - 1)]


def test_a_copy_that_fails_on_one_node_ends_all_ranks(
    originals: list[Original], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int
) -> None:
    """Each rank stands for a node of its own; on the last one a file is in the place of the folder."""
    monkeypatch.setattr(hvd, "local_rank", lambda: 0)
    monkeypatch.setattr(hvd, "local_size", lambda: 1)
    folder = tmp_path / "stage"
    assert len(hvd.once_a_node(lambda: 1)) == ranks
    if hvd.rank() == ranks - 1:
        folder.write_text("")
    message = (
        rf"^{os.uname().nodename}: cannot make --stage \S+stage: it, or a folder above it, is a file; give another"
    )
    with pytest.raises(OutputError, match=message) as caught:
        stage_files(originals, folder)
    assert caught.value.on_all_ranks
    assert hvd.rank() == ranks - 1 or len(list(folder.iterdir())) == 1
    hvd.barrier()  # fails by timeout if a rank is missing
