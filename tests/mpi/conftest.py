"""Two ranks under one launcher, each running the same tests in the same order.

    mpirun -np 2 python -m pytest -m mpi tests/mpi

A rank whose test fails prints its report and ends the job, because the other ranks would wait for it. A test that hangs
ends with a traceback of all threads.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest

import common.distributed as hvd

HERE = Path(__file__).parent
SECONDS = 180  # for one test, on a busy machine


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder. The timeout uses a thread, because a rank that waits in MPI handles no signal."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.mpi)
            item.add_marker(pytest.mark.timeout(SECONDS, method="thread"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """End the job of all ranks when one test of one rank fails."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and HERE in item.path.parents and hvd.size() > 1:
        capture = item.config.pluginmanager.getplugin("capturemanager")
        capture.suspend_global_capture(in_=True)
        sections = "\n".join(f"--- {title} ---\n{text}" for title, text in report.sections)
        print(
            f"\nrank {hvd.rank()}: {report.nodeid} failed in {report.when}\n{report.longreprtext}\n{sections}",
            file=sys.stderr,
        )
        hvd.abort(1)


@pytest.fixture(scope="session", autouse=True)
def ranks() -> int:
    """Join the other ranks; the number of ranks is the value."""
    if not hvd.is_launched():
        pytest.skip("no MPI launcher started this process; run `make test-mpi`")
    hvd.init()
    if hvd.size() < 2:
        pytest.skip("one rank alone shows nothing here; run `make test-mpi`")
    return hvd.size()


@pytest.fixture
def shared_path(tmp_path: Path, ranks: int) -> Path:
    """A new folder, the same on all ranks."""
    return hvd.broadcast_object(tmp_path)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager]:
    """Inside `with alone():` this process works as the only rank."""

    @contextmanager
    def leave() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(hvd, "_backend", None)
            patch.setattr(hvd, "is_launched", lambda: False)
            yield

    return leave


@pytest.fixture
def same_on_all_ranks(ranks: int) -> Callable[[list], None]:
    """A function that asserts that all ranks pass equal arrays of finite numbers."""

    def check(arrays: list) -> None:
        arrays_of_ranks = hvd.allgather_object([np.asarray(array) for array in arrays])
        for others in arrays_of_ranks:
            assert len(others) == len(arrays_of_ranks[0])
            for first, other in zip(arrays_of_ranks[0], others, strict=True):
                assert np.isfinite(first).all()
                np.testing.assert_array_equal(first, other)

    return check
