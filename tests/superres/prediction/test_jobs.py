"""Jobs: finished ones, shared among ranks, and their report."""

import errno
import os
import resource
import signal
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import common.distributed as hvd
from common.errors import Interrupted, OutputError, ProductError
from common.pixels.windows import Window
from common.rasters.geotiff import read_geotiff, read_info, whole_geotiff, write_geotiff
from common.runs.signals import noted_signals, require_going_on
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork
from superres.prediction.jobs import (
    describe_result,
    is_done_elsewhere,
    is_finished,
    predict_and_write,
    result_info,
    rms,
    share_jobs,
    uncertainty_info,
    warn_if_empty,
    without_finished_jobs,
)
from superres.prediction.options import PredictionOptions
from superres.prediction.plan import Job, PredictionPlan
from superres.prediction.ranks import RankGroup
from superres.prediction.result import prediction_tags
from tests.support.calibrations import made_calibration


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


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_job_that_another_command_has_done_by_now_is_skipped(monkeypatch, caplog, ranks):
    """Ranks that share a scene all follow rank 0."""
    monkeypatch.setattr("superres.prediction.jobs.is_finished", lambda job, plan: True)
    monkeypatch.setattr(hvd, "on_rank_zero", lambda function: ("from rank 0", function())[1])
    job, group = jobs(1)[0], RankGroup(0, ranks)
    plan = SimpleNamespace(options=SimpleNamespace(skip_existing=False))
    assert not is_done_elsewhere(job, plan, group)
    plan.options.skip_existing = True
    with caplog.at_level("INFO"):
        assert is_done_elsewhere(job, plan, group)
    assert caplog.messages == ["0.tif was written by another command and is skipped"]


@pytest.fixture(scope="module")
def scene(fake_product: Path) -> Scene:
    return open_scene(fake_product)


def plan_for(scene: Scene, output: Path, bands: tuple[str, ...] = ("B05", "B11"), cols: int = 12, **changes: object):
    """A plan of a small region, with --skip-existing."""
    options = PredictionOptions(("scene",), WeightsOptions(("w",)), output, skip_existing=True, **changes)
    networks = {20: TrainedNetwork("w", output.with_name("20.h5"), "dsen2", 20, "")}
    tags = prediction_tags(networks, "float32", options.consistent)
    calibrations = {20: made_calibration(20, ("",))} if options.uncertainty else {}
    job = Job(scene, Window(0, 0, 12, cols), output)
    return PredictionPlan((job,), networks, bands, "float32", "tensorflow", tags, options, calibrations)


def write_result(plan: PredictionPlan) -> None:
    """Write the file of a plan, without a prediction."""
    info = result_info(plan.jobs[0], plan)
    write_geotiff(plan.jobs[0].output, info, iter([np.ones((12, 12, 2), np.uint16)]), plan.options.cog)


@pytest.mark.parametrize("cog", [False, True])
def test_finished_jobs_are_left_out(scene, tmp_path, caplog, cog):
    plan = plan_for(scene, tmp_path / "out.tif", cog=cog)
    assert without_finished_jobs(plan) == plan
    write_result(plan)
    with caplog.at_level("INFO"):
        assert without_finished_jobs(plan).jobs == ()
    assert f"{tmp_path}/out.tif exists and is skipped" in caplog.messages
    assert "1 of 1 results exist; 0 are to be written" in caplog.messages


@pytest.mark.parametrize(("option", "file"), [("quicklook", "out.png"), ("stac", "out.json")])
def test_a_job_is_finished_if_all_its_files_exist(scene, tmp_path, option, file):
    plan = plan_for(scene, tmp_path / "out.tif", **{option: True})
    write_result(plan)
    assert not is_finished(plan.jobs[0], plan)
    (tmp_path / file).touch()
    assert is_finished(plan.jobs[0], plan)


def test_a_job_with_uncertainty_is_finished_if_both_files_are_of_its_settings(scene, tmp_path):
    plan = plan_for(scene, tmp_path / "out.tif", uncertainty=(tmp_path,))
    job = plan.jobs[0]
    write_result(plan)
    assert not is_finished(job, plan)
    write_geotiff(job.uncertainty, uncertainty_info(job, plan), iter([np.ones((12, 12, 2), np.uint16)]))
    assert is_finished(job, plan)
    tags = read_info(tmp_path / "out-uncertainty.tif").tags
    assert tags["content"] == "expected absolute error of each band, in DN"
    assert tags["bound_68"] == "expected error times B05 1.250, B11 1.250"
    assert tags["calibration_20m_scenes"] == "made scene"
    other = replace(plan, calibrations={20: made_calibration(20, ("other",))})
    with pytest.raises(
        OutputError, match=r"out-uncertainty\.tif exists and was made with other settings: calibration_20m"
    ):
        is_finished(job, other)


def test_a_file_of_other_settings_is_not_taken_for_finished(scene, tmp_path):
    write_result(plan_for(scene, tmp_path / "out.tif"))
    for changes, name in (
        ({"cog": True}, "LAYOUT"),
        ({"bands": ("B05",)}, "bands"),
        ({"cols": 18}, "region"),
        ({"consistent": True}, "consistent"),
    ):
        plan = plan_for(scene, tmp_path / "out.tif", **changes)
        message = rf"out\.tif exists and was made with other settings: {name} .*; give another --output, or replace"
        with pytest.raises(OutputError, match=message):
            without_finished_jobs(plan)


def test_a_result_without_data_is_told(scene, caplog):
    empty, full = np.zeros((6, 30, 2), np.uint16), np.ones((6, 30, 2), np.uint16)
    job = Job(scene, Window(0, 0, 12, 30), Path("out.tif"))
    assert len(list(warn_if_empty(job, iter([empty, full])))) == 2
    assert caplog.messages == []
    assert len(list(warn_if_empty(job, iter([empty, empty])))) == 2
    assert caplog.messages == ["out.tif has no pixel with data: the scene has none in this region"]


ROWS, COLS, STRIP_ROWS = 1280, 600, 64


class Strips:
    """Stands in for a prediction: yields strips of noise, and counts them.

    Args:
        act: is called with the number of each strip, after `advance`.
        bands: of the strips.

    Attributes:
        given: references to the strips, which keep none in memory.
    """

    def __init__(self, act: Callable[[int], object], bands: int = 2):
        self.act, self.bands, self.made, self.waits = act, bands, 0, Counter()
        self.given: list[weakref.ref] = []

    def strips(self, advance: Callable[[], object]) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for number in range(ROWS // STRIP_ROWS):
            advance()
            self.act(number)
            self.made += 1
            yield self._make(rng)

    def _make(self, rng: np.random.Generator) -> np.ndarray:
        strip = rng.integers(1, 65535, (STRIP_ROWS, COLS, self.bands), np.uint16)
        self.given.append(weakref.ref(strip))
        return strip


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let the system refuse larger files, as a full disk does."""
    earlier, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, earlier[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def large_plan(scene, tmp_path, monkeypatch) -> PredictionPlan:
    """A plan of a region of several rows of tiles; its scene has no such region, and none is read."""
    plan = plan_for(scene, tmp_path / "out.tif", cog=True, stac=True)
    info = result_info(plan.jobs[0], plan)
    large = replace(info, grid=replace(info.grid, rows=ROWS, cols=COLS))
    monkeypatch.setattr("superres.prediction.jobs.result_info", lambda job, plan: large)
    return plan


def test_strips_are_written_while_others_are_predicted(large_plan):
    job, prediction = large_plan.jobs[0], Strips(lambda number: None)
    predict_and_write(job, large_plan, prediction, lambda: None)
    assert prediction.made == ROWS // STRIP_ROWS
    assert job.output.exists() and job.item.exists()
    assert prediction.waits["writing"] > 0


@pytest.fixture
def plan_with_errors(large_plan) -> PredictionPlan:
    options = replace(large_plan.options, uncertainty=(Path("u.json"),), cog=False)
    return replace(large_plan, options=options, calibrations={20: made_calibration(20, ("",))})


def test_expected_errors_are_written_beside_the_result(plan_with_errors):
    job, prediction = plan_with_errors.jobs[0], Strips(lambda number: None, bands=4)
    predict_and_write(job, plan_with_errors, prediction, lambda: None)
    strips = np.concatenate(list(Strips(lambda number: None, bands=4).strips(lambda: None)))
    whole = Window(0, 0, ROWS, COLS)
    np.testing.assert_array_equal(read_geotiff(job.output, whole, ("B05", "B11")), strips[..., :2])
    np.testing.assert_array_equal(read_geotiff(job.uncertainty, whole, ("B05", "B11")), strips[..., 2:])
    assert read_info(job.uncertainty).offsets == {"B05": 0, "B11": 0}
    assert {path.name for path in job.output.parent.iterdir()} == {"out.tif", "out-uncertainty.tif", "out.json"}


def test_no_thread_keeps_a_strip_that_is_written(plan_with_errors):
    """A strip of a full tile with all bands and expected errors has 250 MB."""

    def require_freed(_number: int) -> None:
        deadline = time.monotonic() + 20
        while any(reference() is not None for reference in prediction.given):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    prediction = Strips(require_freed, bands=4)
    predict_and_write(plan_with_errors.jobs[0], plan_with_errors, prediction, lambda: None)
    assert len(prediction.given) == ROWS // STRIP_ROWS


@pytest.mark.parametrize("failing", ["out.tif", "out-uncertainty.tif"])
def test_result_and_expected_errors_are_written_both_or_not_at_all(plan_with_errors, monkeypatch, failing):
    """Either file meets the full disk; the other one may be complete by then."""
    job = plan_with_errors.jobs[0]
    job.output.write_text("old")

    def fill_until_full(
        temporary: Path, path: Path, info: object, strips: Iterator[np.ndarray], *rest: object, **options: object
    ):
        for number, _ in enumerate(strips):
            if path.name == failing and number == 15:
                raise OutputError(f"cannot write {path}: no space")

    def write(path: Path, info: object, strips: Iterator[np.ndarray], cog: bool) -> None:
        with whole_geotiff(path) as temporary:
            fill_until_full(temporary, path, info, strips)

    monkeypatch.setattr("superres.prediction.jobs.fill_geotiff", fill_until_full)
    monkeypatch.setattr("superres.prediction.jobs.write_geotiff", write)
    with pytest.raises(OutputError, match=f"{failing}: no space"):
        predict_and_write(job, plan_with_errors, Strips(lambda number: None, bands=4), lambda: None)
    assert [path.name for path in job.output.parent.iterdir()] == ["out.tif"]
    assert job.output.read_text() == "old"


def test_a_disk_that_is_full_while_both_files_are_written_stops_all(plan_with_errors):
    job, prediction = plan_with_errors.jobs[0], Strips(lambda number: None, bands=4)
    with files_of_at_most(600_000), pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
        predict_and_write(job, plan_with_errors, prediction, lambda: None)
    assert prediction.made < ROWS // STRIP_ROWS
    assert list(job.output.parent.iterdir()) == []


def test_a_disk_that_is_full_while_stages_run_stops_all(large_plan):
    job, prediction = large_plan.jobs[0], Strips(lambda number: None)
    message = rf"^cannot write {job.output}: {os.strerror(errno.EFBIG)}; check space and permissions there\.$"
    with files_of_at_most(600_000), pytest.raises(OutputError, match=message):
        predict_and_write(job, large_plan, prediction, lambda: None)
    assert 512 // STRIP_ROWS <= prediction.made <= 512 // STRIP_ROWS + 3  # a row of tiles, and the strips on their way
    assert list(job.output.parent.iterdir()) == []


def test_an_error_in_one_stage_stops_all(large_plan):
    def fail(number: int) -> None:
        if number == 10:
            raise ProductError("B05 is damaged.")

    with pytest.raises(ProductError, match=r"^B05 is damaged\.$"):
        predict_and_write(large_plan.jobs[0], large_plan, Strips(fail), lambda: None)
    assert list(large_plan.jobs[0].output.parent.iterdir()) == []


def test_a_signal_stops_all_stages(large_plan):
    with noted_signals(), pytest.raises(Interrupted, match=r"^stopped by SIGINT$"):
        prediction = Strips(lambda number: number == 10 and os.kill(os.getpid(), signal.SIGINT))
        predict_and_write(large_plan.jobs[0], large_plan, prediction, require_going_on)
    assert prediction.made <= 12
    assert list(large_plan.jobs[0].output.parent.iterdir()) == []


def report(residuals: dict | None) -> list[str]:
    correction = SimpleNamespace(residuals=lambda: residuals) if residuals else None
    waits = Counter(reading=3.06, writing=12.24)
    return describe_result(jobs(1)[0], SimpleNamespace(bands=("B05", "B06"), correction=correction, waits=waits), 61.2)


def test_the_report_says_size_duration_and_the_stages_that_were_waited_for():
    times = "networks 75 %, reading 5 %, filling 0 %, writing 20 %"
    assert report(None) == [f"0.tif: 2 bands, 12 x 30 px in 61 s: {times}"]


def test_the_report_says_how_far_the_result_was_from_the_input():
    lines = report({20: (np.array([3.0, 4.0]), np.array([0.03, 0.04])), 60: (np.array([np.nan]), np.array([np.nan]))})
    assert lines[1:] == [
        "0.tif: the 20 m bands, degraded, differ from the input by 3.54 DN before the correction and by 0.035 DN after it "
        "(RMS)",
        "0.tif: the 60 m bands, degraded, were not corrected: no pixel has only valid pixels around it",
    ]


def test_rms():
    assert rms(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5))
