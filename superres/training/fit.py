"""Train a fusion network: patches -> run folder -> model with the best weights."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras

import common.distributed as hvd
from common.files.atomic import write_text
from common.networks.weights import load_weights_on_all_ranks
from common.patches.settings import PatchSettings
from common.patches.split import describe_split
from common.pixels.sentinel2 import each_gsd
from common.runs.folder import SPLIT, WEIGHTS
from common.runs.log import log_to_file
from common.runs.opening import Run, RunLocation, opened_run
from common.training import fit as training
from common.training.optimizer import build_optimizer, compile_model
from superres.networks.build import build_network
from superres.networks.catalogue import GAN
from superres.networks.units import DN_DIVISOR
from superres.networks.weights import load_init_weights
from superres.training.adversarial_weight import AdversarialWeight, is_close_to_best
from superres.training.config import SuperresConfig, gan_fields
from superres.training.data import TrainingData
from superres.training.gan import Gan
from superres.training.losses import pixel_loss
from superres.training.validation import error_sums, summarize_errors

logger = logging.getLogger(__name__)


@contextmanager
def open_run(config: SuperresConfig, location: RunLocation, data: TrainingData) -> Iterator[Run]:
    """Open and hold the run folder during the block. Every rank must call it.

    Raises:
        RunFolderError, InUseError, OutputError: as `opened_run`.
    """
    gsds = "-".join(f"{gsd}m" for gsd in each_gsd(config.gsd))
    with opened_run(location, f"superres-{config.model}-{gsds}") as run:
        hvd.on_rank_zero(lambda: begin_run(run, data))
        yield run


def begin_run(run: Run, data: TrainingData) -> None:
    """Log to the run folder from now on, and write the split into a new one. Call on rank 0.

    Raises:
        OutputError: the folder cannot be written to.
    """
    log_to_file(run.folder)
    logger.info("run folder %s", run.folder)
    if not run.resumes:  # the checkpoint of a resumed run checks that the split is the same
        write_text(run.folder / SPLIT, describe_split(data.scenes, data.split))


def fit(
    config: SuperresConfig,
    data: TrainingData,
    folder: Path,
    resume: bool = False,
    show_progress: bool = False,
    allow_ranks_change: bool = False,
) -> keras.Model:
    """Train a network on all ranks.

    Args:
        config: the settings.
        data: the patches.
        folder: the run folder, which exists; rank 0 writes into it.
        resume: continue from the folder's checkpoint.
        show_progress: show a bar instead of one line an epoch.
        allow_ranks_change: continue also from a checkpoint of another number of ranks.

    Returns:
        The network with its best weights, the same on all ranks. After adversarial training this is the averaged
        generator.

    Raises:
        RunFolderError, WeightsError: the checkpoint to continue from is damaged or of another run.
        TrainingError: the loss is no longer finite.
    """
    # All ranks start from the same random weights. Set the seed after the teacher has predicted: it draws weights, too.
    keras.utils.set_random_seed(config.seed)
    model = build_model(config)
    task = training.Task(
        training=data.train,
        validation=data.val,
        batch_sums=error_sums,
        summary=summarize_errors,
        identity=checkpoint_identity(config, data),
        record={
            "patches": record_patches(config.patches),
            "dn_divisor": DN_DIVISOR,
            "levels": list(data.levels),
            "patch_files": {str(file.path): file.attributes["checksum"] for file in data.files},
        },
    )
    saved_model = model
    if config.model == GAN:
        saved_model = model.average
        task = dataclasses.replace(
            task,
            saved_model=saved_model,
            should_save=partial(is_close_to_best, tolerance=config.rmse_tolerance),
            callbacks=(AdversarialWeight(config),),
        )
    training.fit(model, config, task, folder, resume, show_progress, allow_ranks_change)
    load_weights_on_all_ranks(saved_model, folder / WEIGHTS)
    return saved_model


def record_patches(all_settings: Sequence[PatchSettings]) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the entry of `config.json` about the patches; a list if they have several scales."""
    records = [{**dataclasses.asdict(settings), "patch_px": settings.patch_px} for settings in all_settings]
    return records[0] if len(records) == 1 else records


def build_model(config: SuperresConfig) -> keras.Model:
    """Return the network, or for --model gan the `Gan` around it, with optimizers and losses.

    With --init-weights only rank 0 has the start weights; training sends them to the other ranks.

    Raises:
        WeightsError, DownloadError: as `load_init_weights`.
    """
    model = build_network(config.network_name, config.gsd, config.precision, config.upsample)
    if config.init_weights and hvd.rank() == 0:
        load_init_weights(model, config.network_name, config.gsd, config.init_weights, config.upsample)
    if config.model == GAN:
        average = build_network(config.network_name, config.gsd, config.precision, config.upsample)
        return Gan(model, average, config)
    loss = pixel_loss(config.loss, config.brightness_power, config.brightness_ceiling)
    compile_model(model, build_optimizer(config), loss, config.precision, config.accumulate, config.gradient_precision)
    return model


def checkpoint_identity(config: SuperresConfig, data: TrainingData) -> dict[str, Any]:
    """Return the settings that a checkpoint must share with a run that continues it exactly."""
    changeable = {"test_tiles", "data_dir", "patch_cache", "init_weights", "tiles"}
    if config.model != GAN:
        changeable |= {field.name for field in gan_fields()}
    return {
        **config.lasting_settings(changeable),
        "ranks": hvd.size(),
        "patch files": training.digest([file.attributes["checksum"] for file in data.files]),
        "validation blocks": training.digest(sorted(data.validation_blocks().items())),
    }
