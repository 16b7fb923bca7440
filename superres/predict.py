"""Sharpen Sentinel-2 products to 10 m with a trained network, and write them as GeoTIFF.

    python superres/predict.py SCENE --weights dsen2-l1c-20m --weights dsen2-l1c-60m --output out.tif

Scene -> strips of windows -> GeoTIFF. Under mpirun the ranks share the windows of each scene, or, where there are at
least as many scenes as ranks, the scenes; the files are those of one process (`superres/prediction/scene.py`).
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import common.distributed as hvd
from common.errors import SettingError
from common.networks.precision import PRECISIONS, fastest_precision
from common.rasters.files import limit_cache
from common.rasters.geotiff import RasterInfo, check_output, write_geotiff
from common.rasters.grids import georeference
from common.runs import cli
from common.runs.progress import progress
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.figures.quicklook import write_quicklook
from superres.networks import NETWORKS, UPSAMPLINGS
from superres.networks.published import PUBLISHED, PUBLISHED_NETWORK
from superres.networks.trained import TrainedNetwork, choose_networks, warn_of_level
from superres.prediction.jobs import (
    COARSEST_PX,
    SUFFIXES,
    Job,
    check_scene,
    find_region,
    output_files,
    provenance,
    quicklook_file,
    refuse_input,
    scene_tags,
)
from superres.prediction.scene import RankGroup, ScenePrediction
from superres.prediction.sharpening import Sharpener
from superres.prediction.windows import WINDOW_PX, Predict, compile_network

logger = logging.getLogger(__name__)

AUTO = "auto"


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Sharpen the 20 m and 60 m bands of Sentinel-2 products to 10 m and write them as GeoTIFF. Needs no rank count: "
        "under mpirun it uses all ranks, without it one.",
        "python superres/predict.py S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301.SAFE "
        "--weights dsen2-l1c-20m --weights dsen2-l1c-60m --output T33UUB.tif",
    )
    add = parser.add_argument
    add(
        "scenes",
        nargs="+",
        metavar="SCENE",
        help="product (.SAFE folder, its .zip or its MTD_*.xml) or BigEarthNet patch folder",
    )
    add(
        "--output",
        required=True,
        metavar="FILE",
        help="GeoTIFF to write; for several scenes a folder, where each gets its name with .tif",
    )
    add(
        "--weights",
        nargs="+",
        action="extend",
        default=[],
        metavar="WEIGHTS",
        help=f"{', '.join(PUBLISHED)}, or a file; once for each GSD",
    )
    add(
        "--run-dir",
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="run folder of superres-train; once for each GSD",
    )
    add(
        "--model",
        default=PUBLISHED_NETWORK,
        metavar="NAME",
        help=f"network that files of weights are for, of {', '.join(NETWORKS)}; run folders and names know theirs "
        f"({PUBLISHED_NETWORK})",
    )
    add(
        "--upsample",
        default="bilinear",
        choices=UPSAMPLINGS,
        help="what the network of a file of weights was given; run folders and names know theirs (bilinear)",
    )
    add(
        "--gsd",
        type=int,
        nargs="+",
        choices=(20, 60),
        help="native GSD in metres of the bands to sharpen (all that there are weights for)",
    )
    region = parser.add_mutually_exclusive_group()
    region.add_argument(
        "--roi-pixels",
        metavar="x1,y1,x2,y2",
        help="region in pixels of the 10 m grid: columns x1 to x2 - 1, rows y1 to y2 - 1 (the whole scene)",
    )
    region.add_argument(
        "--roi-lonlat",
        metavar="lon1,lat1,lon2,lat2",
        help="region in degrees, west,south,east,north: all pixels that it touches; write "
        "--roi-lonlat=-3.5,... where it begins with a minus",
    )
    add("--copy-10m", action="store_true", help="write the 10 m bands as well")
    add("--consistent", action="store_true", help="correct the result until it gives back the input when degraded")
    add("--cog", action="store_true", help="write a Cloud-Optimized GeoTIFF")
    add("--quicklook", action="store_true", help="also draw before and after, beside the result with the ending .png")
    add(
        "--precision",
        default=AUTO,
        choices=(AUTO, *PRECISIONS),
        help="of the convolutions; auto is bfloat16 where the hardware computes in it, float32 elsewhere (auto)",
    )
    add(
        "--window",
        type=int,
        default=WINDOW_PX,
        metavar="PIXELS",
        help=f"rows and columns predicted at once, a multiple of 6; memory grows with it ({WINDOW_PX})",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(predict, build_parser(), argv)


def predict(arguments: argparse.Namespace) -> None:
    """Sharpen all scenes."""
    jobs, networks, precision = hvd.on_rank_zero(lambda: prepare_prediction(arguments))
    limit_cache()
    functions = {gsd: compile_network(trained.build(precision)) for gsd, trained in networks.items()}
    tags = provenance(networks, precision, arguments.consistent)
    if len(jobs) >= hvd.size() > 1:
        reports = [
            predict_scene(job, networks, functions, tags, arguments, RankGroup())
            for job in jobs[hvd.rank() :: hvd.size()]
        ]
    else:
        rank_group = RankGroup(hvd.rank(), hvd.size())
        reports = [predict_scene(job, networks, functions, tags, arguments, rank_group) for job in jobs]
    for others in hvd.allgather_object(reports)[1:]:  # those of the first rank are out already
        for lines in others:
            log_lines(lines)


def prepare_prediction(arguments: argparse.Namespace) -> tuple[list[Job], dict[int, TrainedNetwork], str]:
    """Check all that can be checked before the work starts. Called on rank 0."""
    if arguments.window < COARSEST_PX or arguments.window % COARSEST_PX:
        raise SettingError(
            f"--window must be a multiple of {COARSEST_PX}, the pixels of a 60 m pixel; got {arguments.window}."
        )
    networks = choose_networks(
        [*arguments.run_dir, *arguments.weights], arguments.gsd, arguments.model, arguments.upsample
    )
    scenes = [open_scene(path) for path in arguments.scenes]
    outputs = output_files(scenes, Path(arguments.output))
    jobs = []
    for scene, output in zip(scenes, outputs, strict=True):
        grid = check_scene(scene, networks)
        job = Job(scene, find_region(arguments, grid, max(networks) // 10), output)
        bands = len(ScenePrediction(scene, sharpeners(scene, networks, {}), job.region, arguments.copy_10m).bands)
        check_output(output, arguments.overwrite, 2 * bands * job.region.height * job.region.width)
        refuse_input(output, scene, networks)
        if output.suffix.lower() not in SUFFIXES:
            raise SettingError(f"--output {output} must end with {' or '.join(SUFFIXES)}, or be a folder that exists.")
        if arguments.quicklook:
            check_output(quicklook_file(output), arguments.overwrite)
        jobs.append(job)
    for trained in networks.values():
        warn_of_level(trained.source, scenes)
    precision = fastest_precision() if arguments.precision == AUTO else arguments.precision
    for gsd, trained in networks.items():
        logger.info("%d m bands: %s from %s, %s", gsd, trained.network, trained.source, precision)
    return jobs, networks, precision


def sharpeners(scene: Scene, networks: dict[int, TrainedNetwork], functions: dict[int, Predict]) -> list[Sharpener]:
    """A scene's sharpeners."""
    return [Sharpener(scene, gsd, trained.margin, functions.get(gsd)) for gsd, trained in networks.items()]


def predict_scene(
    job: Job,
    networks: dict[int, TrainedNetwork],
    functions: dict[int, Predict],
    tags: dict[str, str],
    arguments: argparse.Namespace,
    rank_group: RankGroup,
) -> list[str]:
    """Sharpen one scene, and write it on the first rank of the group; returns what there is to report."""
    started = time.monotonic()
    prediction = ScenePrediction(
        job.scene,
        sharpeners(job.scene, networks, functions),
        job.region,
        arguments.copy_10m,
        arguments.consistent,
        rank_group,
        arguments.window,
    )
    task = job.scene.tile or job.scene.name
    show_bar = cli.shows_progress(arguments.no_progress)
    with progress(prediction.window_count, "windows", task, show_bar) as advance:
        strips = prediction.strips(advance)
        if rank_group.rank != 0:
            for _ in strips:
                pass
            return []
        info = RasterInfo.of_region(
            job.scene, georeference(job.scene, 10), job.region, prediction.bands, {**scene_tags(job.scene), **tags}
        )
        write_geotiff(job.output, info, strips, arguments.cog)
    lines = report(job, prediction, time.monotonic() - started)
    log_lines(lines)
    if arguments.quicklook:
        write_quicklook(quicklook_file(job.output), job.output, job.scene, job.region, list(networks))
    print(job.output)
    return lines


def report(job: Job, prediction: ScenePrediction, seconds: float) -> list[str]:
    """What was done, and how far the result was from giving back the input."""
    lines = [
        f"{job.output}: {len(prediction.bands)} bands, {job.region.height} x {job.region.width} px in {seconds:.0f} s"
    ]
    if prediction.correction:
        lines += [
            f"{job.output}: {gsd} m bands, degraded, "
            + (
                f"missed the input by {rms(before):.2f} DN before the correction, by {rms(after):.3f} DN after it (RMS)"
                if np.isfinite(before).all()
                else "have no pixel whose surroundings are valid: nothing was corrected"
            )
            for gsd, (before, after) in prediction.correction.residuals().items()
        ]
    return lines


def log_lines(lines: Sequence[str]) -> None:
    """Log each; ranks other than the first are silent about what went well."""
    for line in lines:
        logger.info(line)


def rms(values: Sequence[float]) -> float:
    """Root of the mean of squares."""
    return float((values**2).mean() ** 0.5)


if __name__ == "__main__":
    sys.exit(main())
