"""The jobs of a prediction: leave out those that are finished, share the others, sharpen a scene and write it as GeoTIFF."""

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

import common.distributed as hvd
from common.errors import OutputError
from common.files.atomic import whole_file
from common.items.item import add_errors, item_json, make_item
from common.pixels.sentinel2 import NODATA_DN
from common.rasters.geotiff import RasterInfo, fill_geotiff, read_info, whole_geotiff, write_geotiff
from common.rasters.grids import georeference
from common.runs.progress import progress
from superres.networks.ensemble import Ensemble
from superres.networks.trained import TrainedNetwork
from superres.prediction.plan import Job, PredictionPlan
from superres.prediction.ranks import RankGroup
from superres.prediction.result import (
    describe_making,
    error_bands,
    find_difference,
    result_settings,
    scene_tags,
)
from superres.prediction.scene import Advance, ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.stages.threads import Waits, behind
from superres.prediction.windows import Predict
from superres.uncertainty.tags import describe_calibration, uncertainty_tags

logger = logging.getLogger(__name__)

STAGES = ("reading", "filling", "writing")  # run in threads beside the networks


def share_jobs(jobs: Sequence[Job]) -> tuple[Sequence[Job], RankGroup]:
    """Return this rank's jobs, and the ranks that work on each of them together.

    With at least as many scenes as ranks, each rank sharpens scenes alone. With fewer scenes, all ranks share each scene.
    """
    if len(jobs) >= hvd.size() > 1:
        return jobs[hvd.rank() :: hvd.size()], RankGroup()
    return jobs, RankGroup(hvd.rank(), hvd.size())


def without_finished_jobs(plan: PredictionPlan) -> PredictionPlan:
    """Return a plan without the jobs whose files exist, and log which; with --skip-existing only. Call on rank 0.

    Raises:
        OutputError: as `is_finished`.
    """
    if not plan.options.skip_existing:
        return plan
    finished = {job.output for job in plan.jobs if is_finished(job, plan)}
    for output in sorted(finished):
        logger.info("%s exists and is skipped", output)
    jobs = tuple(job for job in plan.jobs if job.output not in finished)
    logger.info("%d of %d results exist; %d are to be written", len(finished), len(plan.jobs), len(jobs))
    return dataclasses.replace(plan, jobs=jobs)


def is_finished(job: Job, plan: PredictionPlan) -> bool:
    """Return whether all files of a job exist.

    Raises:
        OutputError: a GeoTIFF exists, but was not made from this scene with these settings.
    """
    options = plan.options
    for path, info in result_infos(job, plan).items():
        if not path.exists():
            return False
        require_same_settings(path, info, options.cog)
    return (job.quicklook.exists() or not options.quicklook) and (job.item.exists() or not options.stac)


def require_same_settings(path: Path, info: RasterInfo, cloud_optimized: bool) -> None:
    """Check that a file that exists was made with the settings that `info` describes.

    Raises:
        OutputError: it was not.
    """
    wanted = dataclasses.replace(info, tags={**info.tags, "LAYOUT": "COG" if cloud_optimized else ""})
    difference = find_difference(result_settings(wanted), result_settings(read_info(path)))
    if difference:
        raise OutputError(
            f"{path} exists and was made with other settings: {difference}; give another --output, or replace it "
            f"with --overwrite."
        )


def result_info(job: Job, plan: PredictionPlan) -> RasterInfo:
    """Return the metadata of the GeoTIFF that a job writes."""
    tags = {**scene_tags(job.scene), **plan.tags}
    return RasterInfo.of_region(job.scene, georeference(job.scene, 10), job.region, plan.bands, tags)


def uncertainty_info(job: Job, plan: PredictionPlan) -> RasterInfo:
    """Return the metadata of the GeoTIFF of expected errors, whose DN have no offset."""
    info, bands = result_info(job, plan), error_bands(plan.bands)
    return dataclasses.replace(
        info,
        bands=bands,
        offsets=dict.fromkeys(bands, 0.0),
        tags={**info.tags, **uncertainty_tags(plan.calibrations, bands, plan.options.calibrates_itself)},
    )


def result_infos(job: Job, plan: PredictionPlan) -> dict[Path, RasterInfo]:
    """Return the GeoTIFFs that a job writes, with their metadata."""
    infos = {job.output: result_info(job, plan)}
    return infos if plan.options.uncertainty is None else infos | {job.uncertainty: uncertainty_info(job, plan)}


def is_done_elsewhere(job: Job, plan: PredictionPlan, rank_group: RankGroup) -> bool:
    """Return whether another command has finished a job by now, with --skip-existing. All ranks of the group must call it.

    Raises:
        OutputError: as `is_finished`.
    """
    if not plan.options.skip_existing:
        return False
    is_done = is_finished(job, plan) if rank_group.size == 1 else hvd.on_rank_zero(lambda: is_finished(job, plan))
    if is_done:
        logger.info("%s was written by another command and is skipped", job.output)
    return is_done


def run_job(
    job: Job,
    plan: PredictionPlan,
    predict_functions: dict[TrainedNetwork | Ensemble, Predict],
    rank_group: RankGroup,
) -> list[str]:
    """Sharpen one scene; rank 0 of the group writes the GeoTIFF and logs the report.

    Args:
        job: scene, region and output.
        plan: networks and options.
        predict_functions: trained network, or several as an ensemble -> its function, from `superres.prediction.windows.compile_model`.
        rank_group: the ranks that work on this scene; all of them call this function.

    Returns:
        The lines of the report; empty on the other ranks of the group.

    Raises:
        ProductError: a band is damaged.
        WeightsError: a network computes values that are not finite.
        OutputError: the file cannot be written.
    """
    started = time.monotonic()
    options = plan.options
    sharpeners = [
        Sharpener(job.scene, trained.gsd, trained.margin, predict, plan.calibrations_of(trained))
        for trained, predict in predict_functions.items()
    ]
    prediction = ScenePrediction(
        job.scene, sharpeners, job.region, plan.bands, options.consistent, rank_group, options.window_px
    )
    task = job.scene.tile or job.scene.name
    with progress(prediction.window_count, "windows", task, options.show_progress) as advance:
        if rank_group.rank != 0:
            for _ in prediction.strips(advance):
                pass  # rank 0 receives the strips, but every rank must iterate
            return []
        predict_and_write(job, plan, prediction, advance)
    report = describe_result(job, prediction, time.monotonic() - started)
    log_report(report)
    return report


def predict_and_write(job: Job, plan: PredictionPlan, prediction: ScenePrediction, advance: Advance) -> None:
    """Predict a scene, and write each strip in a thread while the next one is predicted.

    An error of that thread is raised after the next window, so that all ranks of the group hear of it and stop.

    Raises:
        S2Error: as `run_job`.
    """

    def write(strips: Iterator[np.ndarray]) -> None:
        write_result(job, plan, warn_if_empty(job, strips))

    with behind(write, "writing", prediction.waits) as writer:

        def advance_if_written() -> None:
            writer.require_no_error()
            advance()

        with closing(prediction.strips(advance_if_written)) as strips:
            for strip in strips:
                writer.put(strip)
                del strip  # frees its memory before the next one is made


def warn_if_empty(job: Job, strips: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the strips of a result; log a warning if no pixel of them has data."""
    has_data = False
    for strip in strips:
        has_data = has_data or bool((strip != NODATA_DN).any())
        yield strip
        del strip  # frees its memory before the next one comes
    if not has_data:
        reason = "the mask leaves none" if job.scene.mask else "the scene has none in this region"
        logger.warning("%s has no pixel with data: %s", job.output, reason)


def write_result(job: Job, plan: PredictionPlan, strips: Iterator[np.ndarray]) -> None:
    """Write the GeoTIFF and, with --stac, its item, and with --uncertainty, the expected errors: all or none.

    Raises:
        OutputError: a file cannot be written.
    """
    options = plan.options
    if not options.stac:
        write_geotiffs(job, plan, strips)
        return
    thumbnail = job.quicklook if options.quicklook else None
    processing = describe_making(plan.trained_networks, plan.tags)
    item = make_item(job.scene, result_info(job, plan), processing, job.output, options.cog, thumbnail)
    if options.uncertainty is not None:
        info = uncertainty_info(job, plan)
        add_errors(item, info, job.uncertainty, describe_calibration(info.tags), options.cog)
    with whole_file(job.item) as temporary:  # gets its name when the GeoTIFF has its own
        temporary.write_text(item_json(item))
        write_geotiffs(job, plan, strips)


def write_geotiffs(job: Job, plan: PredictionPlan, strips: Iterator[np.ndarray]) -> None:
    """Write the result and, with --uncertainty, the expected errors in a thread of its own: both or none.

    Args:
        job, plan: say which files.
        strips: bands of the result, followed by those of the expected errors.

    Raises:
        OutputError: a file cannot be written.
    """
    info, cog = result_info(job, plan), plan.options.cog
    if plan.options.uncertainty is None:
        write_geotiff(job.output, info, strips, cog)
        return
    bands = len(info.bands)
    with whole_geotiff(job.uncertainty) as temporary:  # gets its name when the result has its own
        fill = partial(fill_geotiff, temporary, job.uncertainty, uncertainty_info(job, plan))
        write_errors = partial(fill, cloud_optimized=cog)
        with behind(write_errors, "writing", Counter()) as errors_writer:

            def result_strips() -> Iterator[np.ndarray]:
                for strip in strips:
                    errors_writer.put(strip[..., bands:])
                    errors_writer.require_no_error()
                    yield strip[..., :bands]
                    del strip  # frees its memory before the next one comes
                errors_writer.finish()  # before the result gets its name

            write_geotiff(job.output, info, result_strips(), cog)


def describe_result(job: Job, prediction: ScenePrediction, seconds: float) -> list[str]:
    """Return the report of a written scene: its size, the time, and the residuals if it was corrected."""
    size = f"{len(prediction.bands)} bands, {job.region.height} x {job.region.width} px"
    report = [f"{job.output}: {size} in {seconds:.0f} s: {describe_shares(prediction.waits, seconds)}"]
    if not prediction.correction:
        return report
    for gsd, (before, after) in prediction.correction.residuals().items():
        if np.isfinite(before).all():
            outcome = (
                f"differ from the input by {rms(before):.2f} DN before the correction and by {rms(after):.3f} DN after it "
                f"(RMS)"
            )
        else:
            outcome = "were not corrected: no pixel has only valid pixels around it"
        report.append(f"{job.output}: the {gsd} m bands, degraded, {outcome}")
    return report


def describe_shares(waits: Waits, seconds: float) -> str:
    """Return the shares of the time: that of the networks, and those that they waited for the other stages."""
    shares = {"networks": max(seconds - waits.total(), 0.0), **{stage: waits[stage] for stage in STAGES}}
    return ", ".join(f"{stage} {100 * share / max(seconds, 1e-9):.0f} %" for stage, share in shares.items())


def log_report(report: Sequence[str]) -> None:
    """Log a report at INFO, the level that only rank 0 shows."""
    for line in report:
        logger.info(line)


def rms(values: np.ndarray) -> float:
    """Return the root mean square."""
    return float((values**2).mean() ** 0.5)
