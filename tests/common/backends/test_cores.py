"""Cores are divided among ranks of one machine, so that neighbours stay together; `tests/mpi` tests real ranks."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.backends import cores
from common.backends.cores import keep_to_own_cores, share_of_cores
from common.machine import this_machine


@pytest.fixture
def two_processors(tmp_path: Path, monkeypatch) -> None:
    """Two processors of four cores with two threads each, numbered as Linux does: second threads come last."""
    for core in range(16):
        folder = tmp_path / f"cpu{core}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{core % 8 // 4}\n")
        (folder / "core_id").write_text(f"{core % 4}\n")
    monkeypatch.setattr(cores, "TOPOLOGY", tmp_path)


def test_a_part_is_a_processor(two_processors) -> None:
    assert share_of_cores(range(16), 0, 2) == {0, 1, 2, 3, 8, 9, 10, 11}
    assert share_of_cores(range(16), 1, 2) == {4, 5, 6, 7, 12, 13, 14, 15}


def test_threads_of_a_physical_core_stay_together(two_processors) -> None:
    assert [share_of_cores(range(16), part, 8) for part in (0, 7)] == [{0, 8}, {7, 15}]


@pytest.mark.parametrize("parts", range(1, 17))
def test_parts_have_each_core_once_and_nearly_equal_sizes(parts: int, two_processors) -> None:
    shares = [share_of_cores(range(16), part, parts) for part in range(parts)]
    assert sorted(core for share in shares for core in share) == list(range(16))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_more_parts_than_cores_share_all(two_processors) -> None:
    assert share_of_cores({3, 5}, 1, 3) == {3, 5}


def test_a_system_that_does_not_tell_how_its_cores_lie(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cores, "TOPOLOGY", tmp_path)
    assert share_of_cores({0, 1, 2, 10}, 1, 2) == {2, 10}


@pytest.fixture
def bound(monkeypatch) -> list[set[int]]:
    """Return a list of the sets that threads of this process are bound to; it may use eight cores."""
    calls: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, share: calls.append(share))
    return calls


def backend(rank: int, others: list) -> SimpleNamespace:
    """Return the ranks as a backend sees them: `others` take the places before and after this rank."""
    return SimpleNamespace(rank=lambda: rank, allgather_object=lambda own: [*others[:rank], own, *others[rank:]])


def test_only_ranks_that_may_use_the_same_cores_share_them(bound, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cores, "TOPOLOGY", tmp_path)
    here, elsewhere, all_cores = this_machine(), this_machine()._replace(host="other"), set(range(8))
    keep_to_own_cores(backend(2, [(elsewhere, all_cores), (here, all_cores), (here, {0})]))
    assert bound
    assert all(share == {4, 5, 6, 7} for share in bound)


def test_a_system_that_forbids_it_lets_ranks_go_on(bound, monkeypatch) -> None:
    def forbid(*_) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    keep_to_own_cores(backend(0, []))
