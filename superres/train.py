"""Train a network that sharpens the 20 m or 60 m bands of Sentinel-2, on one or many ranks.

    mpirun -np 2 python superres/train.py --tiles tiles.txt --test-tiles test.txt

Scenes -> patch cache -> run folder; with test tiles, also the table and picture of the result.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras

import common.distributed as hvd
from common.patches.cache import prepare_patch_files
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.runs import cli
from common.runs import folder as run
from common.runs.folder import RunLocation
from common.runs.log import remember_log
from common.scenes.scene import Scene
from common.scenes.tile_list import read_tile_list
from superres.evaluation.reduced_scale import SceneResult, evaluate_scene
from superres.evaluation.tables import markdown_metric_table, write_metrics
from superres.figures.metrics import plot_metrics
from superres.figures.pictures import plot_comparison
from superres.networks.trained import TrainedNetwork, warn_of_level
from superres.training.checks import (
    check_init_weights,
    check_scenes,
    check_weights_stay,
    find_teacher,
    warn_of_emulation,
)
from superres.training.config import SuperresConfig
from superres.training.distillation import taught_files
from superres.training.fit import fit, open_run

logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Train a network that sharpens the 20 m or 60 m bands of Sentinel-2. Needs no rank count: under mpirun it "
        "uses all ranks, without it one.",
        "mpirun -np 2 python superres/train.py --tiles tiles.txt --test-tiles test.txt --run-dir runs/first",
    )
    cli.add_config_options(parser, SuperresConfig)
    cli.add_run_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(
        lambda options: train(
            cli.read_settings(options, SuperresConfig),
            cli.read_location(options),
            cli.shows_progress(options.no_progress),
        ),
        build_parser(),
        argv,
    )


def train(config: SuperresConfig, location: RunLocation, show_progress: bool = False) -> None:
    """Cut patches, train, and measure on the test scenes."""
    plan = hvd.on_rank_zero(lambda: prepare_training(config, location))
    files = prepare_patch_files(plan.scenes, config.patches, Path(config.patch_cache), show_progress)
    lessons = taught_files(files, plan.teacher, config.teacher_variants, show_progress) if plan.teacher else files
    held_out, folder = hvd.on_rank_zero(lambda: open_run(config, location, plan.scenes, files))
    model = fit(config, files, lessons, held_out, folder, location.resume, show_progress)
    if plan.test_scenes:
        measure(model, config, plan.test_scenes, folder)


class TrainingPlan(NamedTuple):
    """A checked training.

    Attributes:
        scenes: to train on.
        test_scenes: to measure on; may be empty.
        teacher: the network to learn from, or None.
    """

    scenes: tuple[Scene, ...]
    test_scenes: tuple[Scene, ...]
    teacher: TrainedNetwork | None


def prepare_training(config: SuperresConfig, location: RunLocation) -> TrainingPlan:
    """Check everything that can be checked before the work starts; write nothing. Called on rank 0."""
    remember_log()
    scenes = read_tile_list(config.tiles, config.data_dir)
    test_scenes = read_tile_list(config.test_tiles, config.data_dir) if config.test_tiles else ()
    check_scenes(scenes, test_scenes, config.gsd)
    check_init_weights(config, scenes)
    teacher = find_teacher(config) if config.teacher else None
    if teacher:
        warn_of_level(config.teacher, scenes)
    run.check_run_folder(location)
    check_weights_stay(config, location)
    warn_of_emulation(config.precision)
    logger.info("%d scenes to train on, %d to test on", len(scenes), len(test_scenes))
    return TrainingPlan(scenes, test_scenes, teacher)


def measure(model: keras.Model, config: SuperresConfig, test_scenes: Sequence[Scene], folder: Path) -> None:
    """Measure on the test scenes, shared out over the ranks; rank 0 writes and prints the table."""
    mine = range(hvd.rank(), len(test_scenes), hvd.size())
    rows = {}
    for number in mine:
        result = evaluate_scene(
            test_scenes[number], model, config.network, config.patches, config.upsample, config.model
        )
        rows[number] = result.rows
        if number == 0:
            draw(result, config, folder)
    ordered = hvd.gather_in_order(rows)
    if hvd.rank() == 0:
        write_metrics(folder / run.METRICS, ordered)
        plot_metrics(folder / run.METRICS, folder / run.METRIC_BARS)
        print(markdown_metric_table(ordered))
        print(f"\n{folder / run.METRICS}, {folder / run.METRIC_BARS}, {folder / run.PICTURE}")


def draw(result: SceneResult, config: SuperresConfig, folder: Path) -> None:
    """The picture of a test scene."""
    estimates = {name: result.estimates[name] for name in ("bicubic", config.model)}
    titles = (f"input, {config.gsd * config.patches.scale_factor} m", f"truth, {config.gsd} m")
    plot_comparison(result.truth, estimates, folder / run.PICTURE, BANDS_BY_GSD[config.gsd], result.coarse, titles)


if __name__ == "__main__":
    sys.exit(main())
