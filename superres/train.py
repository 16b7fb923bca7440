"""Train a network that sharpens the 20 m or 60 m bands of Sentinel-2, on one or many ranks.

    mpirun -np 2 python superres/train.py --tiles tiles.txt --test-tiles test.txt

Scenes -> patch cache -> run folder; with test tiles, also the table and picture of the result.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import dataclasses
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common import cli, run, training
from common.bands import check_grids, footprint_lonlat
from common.errors import SettingError
from common.files import write_text
from common.hdf5 import PatchFile
from common.patches import prepare_patch_files
from common.scene import Scene
from common.sentinel2 import BANDS_BY_GSD, input_gsds
from common.split import SceneBlocks, choose_validation, describe_split, overlaps
from common.tiles import read_tile_list
from common.training import Place, Task, compile_model, digest
from superres import plots
from superres.config import DN_DIVISOR, GAN, SuperresConfig, gan_fields
from superres.data import FusionPatches
from superres.distillation import taught_files
from superres.gan import Adversary, Gan, stays_close
from superres.losses import pixel_loss
from superres.measure import SceneResult, evaluate_scene
from superres.networks import build_network
from superres.precision import has_bfloat16
from superres.results import markdown_table, write_metrics
from superres.trained import TrainedNetwork, describe_weights
from superres.weights import load_weights, start_from, warn_of_level

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
    return cli.run_command(train, build_parser(), argv)


def train(arguments: argparse.Namespace) -> None:
    """Cut patches, train, and measure on the test tiles."""
    config, scenes, test_scenes, teacher = hvd.on_rank_zero(lambda: set_out(arguments))
    progress = cli.shows_progress(arguments.no_progress)
    files = prepare_patch_files(scenes, config.patches, Path(config.patch_cache), progress)
    lessons = taught_files(files, teacher, config.teacher_variants, progress) if teacher else files
    held_out, folder = hvd.on_rank_zero(lambda: open_run(arguments, config, scenes, files))
    model = fit(config, files, lessons, held_out, folder, arguments.resume, progress)
    if test_scenes:
        measure(model, config, test_scenes, folder)


def set_out(
    arguments: argparse.Namespace,
) -> tuple[SuperresConfig, tuple[Scene, ...], tuple[Scene, ...], TrainedNetwork | None]:
    """Settings, scenes to train and to test on, and teacher, all checked; nothing is written. Called on rank 0."""
    run.remember_log()
    config = SuperresConfig.from_dict(cli.given_settings(arguments, SuperresConfig))
    scenes = read_tile_list(config.tiles, config.data_dir)
    test_scenes = read_tile_list(config.test_tiles, config.data_dir) if config.test_tiles else ()
    check_scenes(scenes, test_scenes, config.gsd)
    check_init_weights(config, scenes)
    teacher = find_teacher(config) if config.teacher else None
    if teacher:
        warn_of_level(config.teacher, scenes)
    run.check_run_folder(arguments)
    check_weights_stay(arguments, config)
    warn_of_emulation(config.precision)
    logger.info("%d scenes to train on, %d to test on", len(scenes), len(test_scenes))
    return config, scenes, test_scenes, teacher


def warn_of_emulation(precision: str) -> None:
    """Say so where the hardware computes a precision many times slower than float32."""
    if precision == "bfloat16" and not has_bfloat16():
        logger.warning("this processor has no bfloat16 instructions and emulates them, slowly: float32 is faster")


def check_init_weights(config: SuperresConfig, scenes: Sequence[Scene]) -> None:
    """Raise WeightsError, RunFolderError or DownloadError where the weights to start from do not fit, or are not there."""
    if config.init_weights:
        network = build_network(config.network, config.gsd, upsample=config.upsample)
        start_from(network, config.network, config.gsd, config.init_weights, config.upsample)
        warn_of_level(config.init_weights, scenes)


def check_weights_stay(arguments: argparse.Namespace, config: SuperresConfig) -> None:
    """Raise SettingError where the run would replace the very one whose weights it starts from or learns from."""
    if arguments.resume or not arguments.run_dir:
        return
    folder = Path(arguments.run_dir).resolve()
    for option, source in (("--init-weights", config.init_weights), ("--teacher", config.teacher)):
        if source and folder in (Path(source).resolve(), Path(source).resolve().parent):
            raise SettingError(
                f"{option} {source} is in the run folder that this run would replace; copy the weights elsewhere first."
            )


def find_teacher(config: SuperresConfig) -> TrainedNetwork:
    """The network to learn from.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `describe_weights`.
        SettingError: it is for another GSD.
    """
    teacher = describe_weights(config.teacher)
    if teacher.gsd != config.gsd:
        raise SettingError(
            f"--teacher {config.teacher} is for {teacher.gsd} m, and --gsd is {config.gsd}; give one for {config.gsd} m."
        )
    return teacher


def check_scenes(scenes: Sequence[Scene], test_scenes: Sequence[Scene], gsd: int) -> None:
    """Raise where a scene lacks bands or is on both lists; warn where test ground is trained on."""
    for scene in (*scenes, *test_scenes):
        for bands_gsd in input_gsds(gsd):
            scene.bands_at(bands_gsd)
        check_grids(scene, input_gsds(gsd))
    names = {scene.name for scene in scenes}
    footprints = [footprint_lonlat(scene) for scene in scenes]
    for scene in test_scenes:
        if scene.name in names:
            raise SettingError(f"{scene.name} is in --tiles and in --test-tiles; take it out of one of them.")
        here = footprint_lonlat(scene)
        shared = [other.name for other, there in zip(scenes, footprints, strict=True) if overlaps(here, there)]
        if shared:
            logger.warning(
                "test scene %s shows ground that %s trains on; its metrics may flatter", scene.name, shared[0]
            )


def open_run(
    arguments: argparse.Namespace, config: SuperresConfig, scenes: Sequence[Scene], files: Sequence[PatchFile]
) -> tuple[dict[str, tuple[int, ...]], Path]:
    """Hold out blocks for validation, and write down which in the run folder. Called on rank 0."""
    blocks = [
        SceneBlocks(scene.name, footprint_lonlat(scene), tuple(np.unique(file.arrays["block"]).tolist()))
        for scene, file in zip(scenes, files, strict=True)
    ]
    held_out = choose_validation(
        blocks, config.validation_fraction, np.random.default_rng(0)
    )  # runs of other seeds compare
    folder = run.open_run_folder(arguments, f"superres-{config.model}-{config.gsd}m")
    run.log_to_file(folder)
    logger.info("run folder %s", folder)
    if not arguments.resume:  # a run that is resumed must hold out the same
        write_text(folder / run.SPLIT, describe_split(blocks, held_out))
    return held_out, folder


def sources(
    files: Sequence[PatchFile], lessons: Sequence[PatchFile], held_out: dict[str, tuple[int, ...]], gsd: int
) -> tuple[FusionPatches, FusionPatches]:
    """The training patches, from `lessons`, and the validation patches, from `files`; these are the same without teacher."""

    def is_held_out(file: PatchFile) -> np.ndarray:
        return np.isin(file.arrays["block"], held_out[file.attributes["scene"]])

    return (
        FusionPatches(lessons, [np.flatnonzero(~is_held_out(file)) for file in lessons], gsd),
        FusionPatches(files, [np.flatnonzero(is_held_out(file)) for file in files], gsd),
    )


def build_model(config: SuperresConfig) -> keras.Model:
    """The network, or it and its adversary, with optimizers, the same on all ranks."""
    model = build_network(config.network, config.gsd, config.precision, config.upsample)
    if config.init_weights and hvd.rank() == 0:  # the others get them from it
        start_from(model, config.network, config.gsd, config.init_weights, config.upsample)
    if config.model == GAN:
        return Gan(model, build_network(config.network, config.gsd, config.precision, config.upsample), config)
    # Nadam, as in the DSen2 paper.
    loss = pixel_loss(config.loss, config.brightness_power)
    compile_model(model, keras.optimizers.Nadam(config.learning_rate), loss, config.precision)
    return model


def fit(
    config: SuperresConfig,
    files: Sequence[PatchFile],
    lessons: Sequence[PatchFile],
    held_out: dict[str, tuple[int, ...]],
    folder: Path,
    resume: bool,
    progress: bool,
) -> keras.Model:
    """Train, and return the network with its best weights."""
    run.set_seeds(config.seed)  # not earlier: a teacher that is still to answer draws initial weights, too
    model = build_model(config)
    place = Place(
        folder,
        resume,
        progress,
        checkpoint_identity(config, lessons, held_out),
        {
            "patches": {**dataclasses.asdict(config.patches), "patch_px": config.patches.patch_px},
            "dn_divisor": DN_DIVISOR,
            "levels": sorted({file.attributes["level"] for file in files}),
            "patch_files": {str(file.path): file.attributes["checksum"] for file in lessons},
        },
    )
    task = Task(*sources(files, lessons, held_out, config.gsd), error_sums, summarize_errors)
    network = model
    if config.model == GAN:
        network = model.average
        keeps = partial(stays_close, tolerance=config.rmse_tolerance)
        task = dataclasses.replace(task, network=network, keeps=keeps, callbacks=(Adversary(config),))
    training.fit(model, config, task, place)
    if hvd.rank() == 0:
        plots.plot_history(folder / run.HISTORY, folder / run.CURVES)
        load_weights(network, folder)
    hvd.broadcast_variables(network.variables)
    return network


def checkpoint_identity(config: SuperresConfig, files: Sequence[PatchFile], held_out: dict) -> dict[str, Any]:
    """What a run must share with the checkpoint that it continues, so that it goes on exactly."""
    changeable = {"epochs", "test_tiles", "data_dir", "patch_cache", "init_weights", "tiles"}
    if config.schedule == "cosine":
        changeable -= {"epochs"}  # the whole schedule hangs on it
    if config.model != GAN:
        changeable |= {field.name for field in gan_fields()}
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in changeable}
    return {
        **settings,
        "ranks": hvd.size(),
        "patch files": digest([file.attributes["checksum"] for file in files]),
        "validation blocks": digest(sorted(held_out.items())),
    }


@tf.function(reduce_retracing=True)
def batch_errors(model: keras.Model, inputs: dict, target: tf.Tensor) -> tf.Tensor:
    """Sum of absolute errors, sum of squared errors, number of values."""
    error = tf.cast(model(inputs, training=False), tf.float32) - target
    return tf.stack([tf.reduce_sum(tf.abs(error)), tf.reduce_sum(error**2), tf.cast(tf.size(error), tf.float32)])


def error_sums(model: keras.Model, batch: tuple) -> np.ndarray:
    """`batch_errors` as NumPy."""
    return batch_errors(model, *batch).numpy().astype(np.float64)


def summarize_errors(sums: np.ndarray) -> dict[str, float]:
    """Validation loss (mean absolute error in network units) and RMSE in DN, from sums over all ranks."""
    absolute, squared, count = sums
    return {"val_loss": absolute / count, "val_rmse": DN_DIVISOR * float(np.sqrt(squared / count))}


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
        plots.plot_metrics(folder / run.METRICS, folder / run.METRIC_BARS)
        print(markdown_table(ordered))
        print(f"\n{folder / run.METRICS}, {folder / run.METRIC_BARS}, {folder / run.PICTURE}")


def draw(result: SceneResult, config: SuperresConfig, folder: Path) -> None:
    """The picture of a test scene."""
    estimates = {name: result.estimates[name] for name in ("bicubic", config.model)}
    titles = (f"input, {config.gsd * config.patches.scale_factor} m", f"truth, {config.gsd} m")
    plots.plot_comparison(
        result.truth, estimates, folder / run.PICTURE, BANDS_BY_GSD[config.gsd], result.coarse, titles
    )


if __name__ == "__main__":
    sys.exit(main())
