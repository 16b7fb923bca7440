"""Train a classifier: prepared patches -> run folder -> model with the best weights."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

import common.distributed as hvd
from bigearthnet.archive.band_sets import band_statistics
from bigearthnet.networks.build import build_network
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import TrainingData
from bigearthnet.training.losses import build_loss
from bigearthnet.training.sampling import patch_weights
from bigearthnet.training.validation import ValidationSums, rule_of_best, summarize_validation
from common.metrics.thresholds import DEFAULT_THRESHOLD
from common.networks.weights import load_weights_on_all_ranks
from common.runs.folder import WEIGHTS
from common.runs.log import log_to_file
from common.runs.opening import Run, RunLocation, opened_run
from common.training import fit as training
from common.training.optimizer import build_optimizer, compile_model

logger = logging.getLogger(__name__)


@contextmanager
def open_run(config: BigEarthNetConfig, location: RunLocation) -> Iterator[Run]:
    """Open and hold the run folder during the block, and log to it. Every rank must call it.

    Raises:
        RunFolderError, InUseError, OutputError: as `opened_run`.
    """
    with opened_run(location, f"bigearthnet-{config.model}-{config.bands}") as run:
        if hvd.rank() == 0:
            log_to_file(run.folder)
            logger.info("run folder %s", run.folder)
        yield run


def fit(
    config: BigEarthNetConfig,
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
        The network with its best weights, the same on all ranks.

    Raises:
        RunFolderError, WeightsError: the checkpoint to continue from is damaged or of another run.
        TrainingError: the loss is no longer finite.
    """
    keras.utils.set_random_seed(config.seed)  # all ranks start from the same random weights
    model = build_model(config, data)
    task = training.Task(
        training=data.train,
        validation=data.val,
        batch_sums=ValidationSums(model.loss, DEFAULT_THRESHOLD),
        summary=summarize_validation,
        identity=checkpoint_identity(config, data),
        record={
            "class_names": list(data.file.class_names),
            "image_shapes": data.train.image_shapes,
            "patch_files": {str(data.file.path): data.file.attributes["checksum"]},
        },
        should_save=rule_of_best(config.best_by),
        weights=patch_weights(config.sampling, data.file.labels[data.train.rows]),
    )
    training.fit(model, config, task, folder, resume, show_progress, allow_ranks_change)
    load_weights_on_all_ranks(model, folder / WEIGHTS)
    return model


def build_model(config: BigEarthNetConfig, data: TrainingData) -> keras.Model:
    """Return the network with its optimizer and loss, the same on all ranks."""
    labels = data.file.labels[data.train.rows]
    model = build_network(
        config.model,
        data.train.image_shapes,
        labels.shape[1],
        config.resampling,
        config.precision,
        config.sync_batch_norm,
        band_statistics(config.bands),
        config.dropout,
    )
    loss = build_loss(config.loss, labels.sum(axis=0), len(labels), config.gamma, config.margin)
    compile_model(model, build_optimizer(config), loss, config.precision, config.accumulate, config.gradient_precision)
    return model


def checkpoint_identity(config: BigEarthNetConfig, data: TrainingData) -> dict[str, Any]:
    """Return the settings that a checkpoint must share with a run that continues it exactly."""
    return {
        **config.lasting_settings({"data"}),
        "ranks": hvd.size(),
        "classes": training.digest(list(data.file.class_names)),
        "patches": data.file.attributes["checksum"],
    }
