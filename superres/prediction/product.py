"""Sharpen one scene and write it as GeoTIFF, on one rank or on several together."""

import logging
import time
from collections.abc import Sequence

import numpy as np

import common.distributed as hvd
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import georeference
from common.runs.progress import progress
from superres.prediction.plan import Job, PredictionPlan
from superres.prediction.scene import RankGroup, ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.tags import scene_tags
from superres.prediction.windows import Predict

logger = logging.getLogger(__name__)


def share_jobs(jobs: Sequence[Job]) -> tuple[Sequence[Job], RankGroup]:
    """Return this rank's jobs, and the ranks that work on each of them together.

    With at least as many scenes as ranks, each rank works alone; otherwise all ranks share the windows of each scene.
    """
    if len(jobs) >= hvd.size() > 1:
        return jobs[hvd.rank() :: hvd.size()], RankGroup()
    return jobs, RankGroup(hvd.rank(), hvd.size())


def write_product(job: Job, plan: PredictionPlan, functions: dict[int, Predict], rank_group: RankGroup) -> list[str]:
    """Sharpen one scene; the first rank of the group writes it.

    Args:
        job: scene, region and output.
        plan: networks and options.
        functions: GSD -> compiled network.
        rank_group: the ranks that work on this scene.

    Returns:
        The report, in lines; empty on the other ranks of the group.

    Raises:
        ProductError: a band is damaged.
        OutputError: the file cannot be written.
    """
    started = time.monotonic()
    options = plan.options
    sharpeners = [Sharpener(job.scene, gsd, trained.margin, functions[gsd]) for gsd, trained in plan.networks.items()]
    prediction = ScenePrediction(
        job.scene, sharpeners, job.region, options.copy_10m, options.consistent, rank_group, options.window_px
    )
    task = job.scene.tile or job.scene.name
    with progress(prediction.window_count, "windows", task, options.show_progress) as advance:
        strips = prediction.strips(advance)
        if rank_group.rank != 0:
            for _ in strips:
                pass
            return []
        tags = {**scene_tags(job.scene), **plan.tags}
        info = RasterInfo.of_region(job.scene, georeference(job.scene, 10), job.region, prediction.bands, tags)
        write_geotiff(job.output, info, strips, options.cog)
    report = describe_result(job, prediction, time.monotonic() - started)
    log_report(report)
    return report


def describe_result(job: Job, prediction: ScenePrediction, seconds: float) -> list[str]:
    """Return the report of a written scene: its size, and how well it gives back the input."""
    report = [
        f"{job.output}: {len(prediction.bands)} bands, {job.region.height} x {job.region.width} px in {seconds:.0f} s"
    ]
    if not prediction.correction:
        return report
    for gsd, (before, after) in prediction.correction.residuals().items():
        if np.isfinite(before).all():
            outcome = (
                f"missed the input by {rms(before):.2f} DN before the correction, by {rms(after):.3f} DN after it (RMS)"
            )
        else:
            outcome = "have no pixel whose surroundings are valid: nothing was corrected"
        report.append(f"{job.output}: {gsd} m bands, degraded, {outcome}")
    return report


def log_report(report: Sequence[str]) -> None:
    """Log a report; it shows on rank 0 alone."""
    for line in report:
        logger.info(line)


def rms(values: np.ndarray) -> float:
    """Return the root of the mean of squares."""
    return float((values**2).mean() ** 0.5)
