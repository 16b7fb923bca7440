"""One super-resolution training: held-out blocks, patch sources, model, and validation."""

import dataclasses
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.files.atomic import write_text
from common.patches.file import PatchFile
from common.patches.split import SceneBlocks, choose_validation, describe_split
from common.rasters.grids import footprint_lonlat
from common.runs import folder as run
from common.runs.folder import RunLocation
from common.runs.log import log_to_file
from common.scenes.scene import Scene
from common.training import fit as training
from common.training.fit import Task, digest
from common.training.optimizer import compile_model
from superres.networks.build import build_network
from superres.networks.catalogue import GAN
from superres.networks.units import DN_DIVISOR
from superres.networks.weights import load_init_weights, load_weights
from superres.training.config import SuperresConfig, gan_fields
from superres.training.gan import Adversary, Gan, stays_close
from superres.training.losses import pixel_loss
from superres.training.patch_source import FusionPatches

logger = logging.getLogger(__name__)


def open_run(
    config: SuperresConfig, location: RunLocation, scenes: Sequence[Scene], files: Sequence[PatchFile]
) -> tuple[dict[str, tuple[int, ...]], Path]:
    """Hold out blocks for validation, and write down which in the run folder. Called on rank 0."""
    blocks = [
        SceneBlocks(scene.name, footprint_lonlat(scene), tuple(np.unique(file.arrays["block"]).tolist()))
        for scene, file in zip(scenes, files, strict=True)
    ]
    held_out = choose_validation(
        blocks, config.validation_fraction, np.random.default_rng(0)
    )  # runs of other seeds compare
    folder = run.open_run_folder(location, f"superres-{config.model}-{config.gsd}m")
    log_to_file(folder)
    logger.info("run folder %s", folder)
    if not location.resume:  # a run that is resumed must hold out the same
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
    model = build_network(config.network_name, config.gsd, config.precision, config.upsample)
    if config.init_weights and hvd.rank() == 0:  # the others get them from it
        load_init_weights(model, config.network_name, config.gsd, config.init_weights, config.upsample)
    if config.model == GAN:
        return Gan(model, build_network(config.network_name, config.gsd, config.precision, config.upsample), config)
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
    # All ranks start from the same random weights. Set the seed after the teacher has predicted: it draws weights, too.
    keras.utils.set_random_seed(config.seed)
    model = build_model(config)
    task = Task(
        *sources(files, lessons, held_out, config.gsd),
        error_sums,
        summarize_errors,
        checkpoint_identity(config, lessons, held_out),
        {
            "patches": {**dataclasses.asdict(config.patches), "patch_px": config.patches.patch_px},
            "dn_divisor": DN_DIVISOR,
            "levels": sorted({file.attributes["level"] for file in files}),
            "patch_files": {str(file.path): file.attributes["checksum"] for file in lessons},
        },
    )
    network = model
    if config.model == GAN:
        network = model.average
        should_save = partial(stays_close, tolerance=config.rmse_tolerance)
        task = dataclasses.replace(task, saved_model=network, should_save=should_save, callbacks=(Adversary(config),))
    training.fit(model, config, task, folder, resume, progress)
    if hvd.rank() == 0:
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
