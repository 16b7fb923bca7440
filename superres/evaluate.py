"""Measure networks on test scenes, beside bilinear and bicubic interpolation.

    python superres/evaluate.py --tiles test.txt --run-dir runs/first runs/second --output results

Scenes + run folders -> `metrics.csv`, `metrics.md`, `reflectance.csv`, `evaluation.json`, figures. At reduced scale
there is a truth (`superres/evaluation/reduced_scale.py`), at full scale there is none (`superres/evaluation/full_scale.py`).
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

import common.distributed as hvd
from common.files.atomic import write_text
from common.networks.precision import PRECISIONS
from common.patches.settings import PatchSettings
from common.pixels.degrade import DEGRADATIONS
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.rasters.grids import check_grids
from common.runs import cli
from common.runs.folder import open_output_folder
from common.runs.provenance import provenance_line, provenance_record
from common.runs.tables import write_rows
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.evaluation.error_statistics import ReflectanceRow, reflectance_rows
from superres.evaluation.full_scale import measure_full_scale
from superres.evaluation.methods import find_networks, interpolation_methods, load_method
from superres.evaluation.reduced_scale import SceneResult, measure_scene
from superres.evaluation.tables import (
    FULL_SCALE_METRICS,
    MetricRow,
    describe,
    write_metrics,
)
from superres.figures import evaluation as evaluation_plots
from superres.figures.metrics import plot_band_metrics, plot_metrics
from superres.figures.pictures import plot_comparison
from superres.networks import NETWORKS, UPSAMPLINGS
from superres.networks.published import PUBLISHED
from superres.networks.trained import TrainedNetwork, warn_of_degradation, warn_of_level

logger = logging.getLogger(__name__)

METRICS, TABLES = "metrics.csv", "metrics.md"
REFLECTANCE = "reflectance.csv"  # errors by reflectance
RECORD = "evaluation.json"  # how all was made
BARS, BAND_BARS, FULL_SCALE_BARS = "metrics.png", "bands.png", "full_scale.png"
SCENE_FIGURES = ("pictures", "errors", "spectra", "reflectance")  # <scene>-<figure>.png


class EvaluationPlan(NamedTuple):
    """What is to be measured, checked."""

    scenes: tuple[Scene, ...]
    networks: dict[str, TrainedNetwork]
    settings: PatchSettings
    folder: Path


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Measure networks on test scenes beside bilinear and bicubic interpolation: everything is degraded by the "
        "scale factor, sharpened back, and compared with the native bands. Under mpirun ranks share out the scenes.",
        "python superres/evaluate.py --tiles test.txt --run-dir runs/first --output results",
    )
    parser.add_argument("--tiles", required=True, metavar="FILE", help="file with a scene a line to measure on")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder of scenes listed without a path (the list's own folder)"
    )
    parser.add_argument(
        "--run-dir",
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help="folders of training runs whose networks to measure",
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help=f"weights to measure: files, of the network --model, or of {', '.join(PUBLISHED)}",
    )
    parser.add_argument(
        "--model",
        default="dsen2",
        metavar="NAME",
        help=f"network of files of weights, of {', '.join(NETWORKS)} (dsen2)",
    )
    parser.add_argument(
        "--upsample",
        default="bilinear",
        choices=UPSAMPLINGS,
        help="what the network of files of weights was given (bilinear)",
    )
    parser.add_argument(
        "--degradation",
        default="gaussian",
        choices=DEGRADATIONS,
        help="blur before the scale factor is taken: as in the DSen2 paper, or each band as its sensor (gaussian)",
    )
    parser.add_argument(
        "--gsd",
        type=int,
        choices=(20, 60),
        help="native GSD in metres of the bands to sharpen (that of the first network)",
    )
    parser.add_argument(
        "--precision", default="float32", choices=tuple(PRECISIONS), help="of the convolutions (float32)"
    )
    parser.add_argument(
        "--full-scale",
        action="store_true",
        help="also sharpen to 10 m, and measure consistency, sharpness and correlation of detail, which need no truth",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the tables and figures")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if not arguments.run_dir and not arguments.weights:
        parser.error("there is nothing to measure: give --run-dir, --weights, or both")
    return cli.run_command(evaluate, parser, argv)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure all methods on this rank's scenes; rank 0 writes the tables."""
    plan = hvd.on_rank_zero(lambda: prepare_evaluation(arguments))
    networks = [load_method(name, trained, arguments.precision) for name, trained in plan.networks.items()]
    progress = cli.shows_progress(arguments.no_progress)
    rows: dict[int, list[MetricRow]] = {}
    by_reflectance: dict[int, list[ReflectanceRow]] = {}
    for number in tqdm(range(hvd.rank(), len(plan.scenes), hvd.size()), unit="scene", disable=not progress):
        scene = plan.scenes[number]
        result = measure_scene(scene, [*interpolation_methods(plan.settings.gsd), *networks], plan.settings)
        draw_scene(result, plan.settings, plan.folder / scene.name)
        rows[number] = result.rows
        by_reflectance[number] = reflectance_rows(result.statistics, scene.name, BANDS_BY_GSD[plan.settings.gsd])
        if arguments.full_scale:
            methods = [*interpolation_methods(plan.settings.gsd, clip=False), *networks]
            rows[number] += measure_full_scale(scene, methods, plan.settings)
    rows, by_reflectance = hvd.gather_in_order(rows), hvd.gather_in_order(by_reflectance)
    if hvd.rank() == 0:
        write_record(plan, arguments.precision)
        write_rows(plan.folder / REFLECTANCE, by_reflectance, ReflectanceRow._fields)
        report(rows, plan)


def write_record(plan: EvaluationPlan, precision: str) -> None:
    """Write `evaluation.json`: what was measured, and how. Called on rank 0."""
    record = {
        **provenance_record(),
        "gsd": plan.settings.gsd,
        "degradation": plan.settings.degradation,
        "precision": precision,
        "scenes": [scene.name for scene in plan.scenes],
        "networks": {name: asdict(trained) | {"file": str(trained.file)} for name, trained in plan.networks.items()},
    }
    write_text(plan.folder / RECORD, json.dumps(record, indent=2) + "\n")


def prepare_evaluation(arguments: argparse.Namespace) -> EvaluationPlan:
    """Check all that can be checked before the work starts, and make the output folder. Called on rank 0."""
    networks, gsd = find_networks(
        [*arguments.run_dir, *arguments.weights], arguments.model, arguments.gsd, arguments.upsample
    )
    scenes = read_tile_list(arguments.tiles, arguments.data_dir)
    for scene in scenes:
        check_grids(scene, input_gsds(gsd))
    for trained in networks.values():
        warn_of_level(trained.source, scenes)
        warn_of_degradation(trained.source, arguments.degradation)
    folder = Path(arguments.output)
    open_output_folder(
        folder,
        arguments.overwrite,
        [
            METRICS,
            TABLES,
            REFLECTANCE,
            RECORD,
            BARS,
            BAND_BARS,
            FULL_SCALE_BARS,
            *(f"*-{figure}.png" for figure in SCENE_FIGURES),
        ],
    )
    logger.info("%d scenes, %d m bands, networks: %s", len(scenes), gsd, ", ".join(networks))
    return EvaluationPlan(scenes, networks, PatchSettings(gsd, 1, arguments.degradation), folder)


def draw_scene(result: SceneResult, settings: PatchSettings, stem: Path) -> None:
    """The figures of one scene, `<stem>-<figure>.png`."""
    pictures, errors, spectra, reflectance = (Path(f"{stem}-{figure}.png") for figure in SCENE_FIGURES)
    bands = BANDS_BY_GSD[settings.gsd]
    plot_comparison(
        result.truth,
        result.estimates,
        pictures,
        bands,
        low_res=result.coarse,
        end_titles=(f"input, {settings.gsd * settings.scale_factor} m", f"truth, {settings.gsd} m"),
    )
    evaluation_plots.plot_error_maps(result.statistics, errors, settings.gsd, stem.name)
    evaluation_plots.plot_spectra(result.statistics, spectra, bands, stem.name)
    evaluation_plots.plot_error_by_reflectance(result.statistics, reflectance, bands, stem.name)


def report(rows: Sequence[MetricRow], plan: EvaluationPlan) -> None:
    """Write the tables and their figures, and print the tables. Called on rank 0."""
    write_metrics(plan.folder / METRICS, rows)
    plot_metrics(plan.folder / METRICS, plan.folder / BARS)
    plot_band_metrics(plan.folder / METRICS, plan.folder / BAND_BARS)
    if any(row.metric in FULL_SCALE_METRICS for row in rows):
        plot_metrics(plan.folder / METRICS, plan.folder / FULL_SCALE_BARS, tuple(FULL_SCALE_METRICS))
    tables = describe(rows, plan.settings)
    write_text(plan.folder / TABLES, f"{tables}\n\n{provenance_line()}\n")
    print(tables)
    print(f"\n{plan.folder / METRICS}, {plan.folder / TABLES} and figures")


if __name__ == "__main__":
    sys.exit(main())
