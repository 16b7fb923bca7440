"""Sharpen Sentinel-2 products to 10 m with a trained network, and write them as GeoTIFF.

    python superres/predict.py SCENE --weights dsen2-l1c-20m --weights dsen2-l1c-60m --output out.tif

Scene -> strips of windows -> GeoTIFF. Under mpirun the ranks share the scenes, or the windows of each scene if there are
fewer scenes than ranks. The result is the same for any number of ranks (`superres/prediction/scene.py`).
"""

import argparse
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from common.errors import SettingError
from common.networks.precision import PRECISIONS
from common.runs import cli
from superres.options import add_engine_option, add_precision_option, add_weights_options, read_weights_options
from superres.prediction.options import AUTO, PREDICTED_BANDS, WINDOW_PX, PredictionOptions

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Sharpen the 20 m and 60 m bands of Sentinel-2 products to 10 m and write them as GeoTIFF. Under mpirun, all "
        "ranks share the work.",
        "python superres/predict.py S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301.SAFE "
        "--weights dsen2-l1c-20m --weights dsen2-l1c-60m --output T33UUB.tif",
    )
    add = parser.add_argument
    add(
        "scenes",
        nargs="+",
        metavar="SCENE",
        help="product (.SAFE or .zarr folder, its zip or tar, or an MTD_*.xml), STAC item (.json) or BigEarthNet patch folder",
    )
    add(
        "--output",
        required=True,
        metavar="FILE",
        help="GeoTIFF to write; for several scenes, an existing folder for files named <scene>.tif",
    )
    add_weights_options(
        parser, "one for each GSD, or a joint one; several of one GSD are members, whose mean is the result"
    )
    add(
        "--gsd",
        type=int,
        nargs="+",
        choices=(20, 60),
        help="native GSDs in metres of the bands to write (the GSDs of the weights)",
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
        help="region in degrees, west,south,east,north, with all pixels that it touches; if the first number is negative, "
        "write --roi-lonlat=-3.5,...",
    )
    add(
        "--mask",
        metavar="FILE",
        help="pixels that count as nodata: a raster of 10, 20 or 60 m pixels that covers the scene, masked where it is not "
        "0; or SCL, the scene classification of L2A, masked in its classes 0 and 1; SCL:0,1,8,9 names the classes",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--copy-10m", action="store_true", help="also write the 10 m bands")
    chosen.add_argument(
        "--bands",
        nargs="+",
        choices=PREDICTED_BANDS,
        metavar="BAND",
        help="bands to write, such as B05 B11, in this order; networks of other bands do not run, and 10 m bands are copied "
        "(all bands of the weights)",
    )
    add("--consistent", action="store_true", help="correct the result so that degrading it returns the input")
    add("--cog", action="store_true", help="write a Cloud-Optimized GeoTIFF")
    add("--quicklook", action="store_true", help="also draw the bands before and after, as <output>.png")
    add("--stac", action="store_true", help="also describe the GeoTIFF in a STAC item, <output>.json")
    add(
        "--uncertainty",
        nargs="*",
        type=check_calibration_path,
        metavar="FILE",
        help="also write the expected absolute error of each pixel as <output>-uncertainty.tif, calibrated on the scene itself "
        "at reduced scale; with FILE, by the calibrations of superres-evaluate --uncertainty: uncertainty.json or its folder, "
        "one for each GSD",
    )
    add("--skip-existing", action="store_true", help="keep finished results, and write only those that are missing")
    add(
        "--share",
        type=read_share,
        default="1/1",
        metavar="K/N",
        help="sharpen only each N-th scene, from the K-th on, as task K of a job array of N tasks (all scenes)",
    )
    add_precision_option(parser, (AUTO, *PRECISIONS))
    add_engine_option(parser)
    add(
        "--window",
        type=int,
        default=WINDOW_PX,
        metavar="PIXELS",
        help=f"rows and columns predicted at once, a multiple of 6; larger windows need more memory ({WINDOW_PX})",
    )
    return parser


def check_calibration_path(text: str) -> str:
    """Return the path of a calibration, for argparse. A scene behind --uncertainty would be taken for one."""
    from superres.uncertainty.file import CALIBRATION

    path = Path(text)
    if text and path.exists() and path.suffix != ".json" and not (path / CALIBRATION).exists():
        raise argparse.ArgumentTypeError(
            f"{text} is no calibration and has no {CALIBRATION}; give one that superres-evaluate --uncertainty wrote, or, if it "
            f"is a scene, write it before --uncertainty"
        )
    return text


def read_share(text: str) -> slice:
    """Return the scenes of share K/N, for argparse."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"expected K/N with K from 1 to N, such as 2/10; got {text}")
    return slice(int(match[1]) - 1, None, int(match[2]))


def check_share(share: slice, output: Path) -> None:
    """Check that the output is a folder if there are several shares. A file would be that of each share with one scene.

    Raises:
        SettingError: it is none.
    """
    if share.step > 1 and not output.is_dir():
        raise SettingError(f"--output {output} is not a folder; give an existing folder for all tasks of --share.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: predict(read_options(options)), build_parser(), argv)


def read_options(options: argparse.Namespace) -> PredictionOptions:
    """Return the options as a record.

    Raises:
        SettingError: there are several shares and no folder for them; on all ranks.
    """
    hvd.on_rank_zero(lambda: check_share(options.share, Path(options.output)))
    other_scenes = list(options.scenes)
    del other_scenes[options.share]
    return PredictionOptions(
        scenes=tuple(options.scenes[options.share]),
        weights=read_weights_options(options),
        output=Path(options.output),
        gsds=tuple(options.gsd) if options.gsd else None,
        roi_pixels=options.roi_pixels,
        roi_lonlat=options.roi_lonlat,
        mask=options.mask,
        copy_10m=options.copy_10m,
        bands=tuple(options.bands) if options.bands else None,
        consistent=options.consistent,
        cog=options.cog,
        quicklook=options.quicklook,
        stac=options.stac,
        uncertainty=None if options.uncertainty is None else tuple(map(Path, options.uncertainty)),
        precision=options.precision,
        engine=options.engine,
        window_px=options.window,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
        show_progress=cli.shows_progress(options.no_progress),
        other_scenes=tuple(other_scenes),
    )


def predict(options: PredictionOptions) -> None:
    """Sharpen all scenes and write them."""
    if not options.scenes:
        logger.info("there are fewer scenes than shares: this share has none")
        return
    from superres.prediction.plan import prepare_prediction

    plan = hvd.on_rank_zero(lambda: prepare_prediction(options))
    # TensorFlow and matplotlib take seconds to import: not before options, scenes and weights are checked.
    from common.rasters.files import limit_cache
    from superres.figures.quicklook import write_quicklook
    from superres.networks.ensemble import build_for_errors
    from superres.prediction.jobs import is_done_elsewhere, log_report, run_job, share_jobs, without_finished_jobs
    from superres.prediction.windows import compile_model

    plan = hvd.on_rank_zero(lambda: without_finished_jobs(plan))
    if not plan.jobs:
        return
    limit_cache()
    predict_functions = {
        trained: compile_model(
            trained.build(plan.precision) if options.uncertainty is None else build_for_errors(trained, plan.precision),
            plan.engine,
        )
        for trained in dict.fromkeys(plan.trained_networks.values())
    }
    own_jobs, rank_group = share_jobs(plan.jobs)
    reports = []
    for job in own_jobs:
        if is_done_elsewhere(job, plan, rank_group):
            continue
        job_plan = plan
        if options.calibrates_itself:
            from superres.evaluation.reliability.own_scene import with_own_calibrations

            job_plan = with_own_calibrations(job, plan, predict_functions, rank_group)
        reports.append(run_job(job, job_plan, predict_functions, rank_group))
        if rank_group.rank == 0:
            if options.quicklook:
                write_quicklook(job.quicklook, job.output, job.scene, job.region, plan.bands)
            print(job.output)
            if options.uncertainty is not None:
                print(job.uncertainty)
    for rank_reports in hvd.allgather_object(reports)[1:]:  # rank 0 has logged its own reports
        for report in rank_reports:
            log_report(report)


if __name__ == "__main__":
    sys.exit(main())
