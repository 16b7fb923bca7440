"""`common/runs/provenance.py` on several ranks."""

import shutil
from pathlib import Path

import pytest

import common.distributed as hvd
from common.errors import SettingError
from common.runs import provenance
from common.runs.provenance import require_same_code

CHECKOUT = Path(__file__).parents[2]


def test_ranks_of_one_checkout_agree() -> None:
    require_same_code()


def test_rank_with_other_code_ends_all_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if hvd.rank() == 1:
        for package in provenance.PACKAGES:
            shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(provenance, "__file__", str(tmp_path / "common/runs/provenance.py"))
    require_same_code()  # a copy has the same content
    if hvd.rank() == 1:
        with (tmp_path / "superres/train.py").open("a") as file:
            file.write("# one more line\n")
    with pytest.raises(SettingError, match=r"rank 1 on \S+ has the code with checksum \w+, and rank 0 on"):
        require_same_code()
