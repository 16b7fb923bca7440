"""Jobs: shared among ranks, and their report."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import common.distributed as hvd
from common.pixels.windows import Window
from superres.prediction.jobs import describe_result, rms, share_jobs
from superres.prediction.plan import Job
from superres.prediction.ranks import RankGroup


def jobs(count: int) -> tuple[Job, ...]:
    return tuple(Job(None, Window(0, 0, 12, 30), Path(f"{index}.tif")) for index in range(count))


@pytest.mark.parametrize(("count", "ranks"), [(1, 1), (3, 1), (2, 2), (5, 2), (1, 2), (3, 4), (4, 4)])
def test_every_job_is_done_once(monkeypatch, count, ranks):
    """With enough scenes each rank has its own; otherwise all ranks share all scenes."""
    shares = []
    for rank in range(ranks):
        monkeypatch.setattr(hvd, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(hvd, "size", lambda: ranks)
        shares.append(share_jobs(jobs(count)))
    if count >= ranks:
        assert all(group == RankGroup() for _, group in shares)
        assert sorted(job.output.name for own, _ in shares for job in own) == [f"{i}.tif" for i in range(count)]
    else:
        assert [group for _, group in shares] == [RankGroup(rank, ranks) for rank in range(ranks)]
        assert all(own == jobs(count) for own, _ in shares)


def report(residuals: dict | None) -> list[str]:
    correction = SimpleNamespace(residuals=lambda: residuals) if residuals else None
    return describe_result(jobs(1)[0], SimpleNamespace(bands=("B05", "B06"), correction=correction), 61.2)


def test_the_report_says_size_and_duration():
    assert report(None) == ["0.tif: 2 bands, 12 x 30 px in 61 s"]


def test_the_report_says_how_far_the_result_was_from_the_input():
    lines = report({20: (np.array([3.0, 4.0]), np.array([0.03, 0.04])), 60: (np.array([np.nan]), np.array([np.nan]))})
    assert lines[1:] == [
        "0.tif: the 20 m bands, degraded, differ from the input by 3.54 DN before the correction and by 0.035 DN after it "
        "(RMS)",
        "0.tif: the 60 m bands, degraded, were not corrected: no pixel has only valid pixels around it",
    ]


def test_rms():
    assert rms(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
