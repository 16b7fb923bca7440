"""Train a network that tells which land-cover classes a Sentinel-2 patch holds, on one or many ranks.

    mpirun -np 2 python bigearthnet/train.py --data data.h5 --bands s2

HDF5 -> run folder with weights, decision thresholds chosen on validation patches, and, where the file has test
patches, the table of scores on them.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import dataclasses
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

import common.distributed as hvd
from bigearthnet.archive.band_sets import band_statistics
from bigearthnet.archive.splits import SPLITS
from bigearthnet.evaluation.scores import score
from bigearthnet.evaluation.tables import markdown_metric_table, metric_rows, write_metrics
from bigearthnet.figures import classes as plots
from bigearthnet.figures.history import plot_history
from bigearthnet.networks.build import build_network
from bigearthnet.prediction.probabilities import predict
from bigearthnet.prediction.thresholds import write_thresholds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches, require_band_set
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.losses import build_loss
from bigearthnet.training.validation import ValidationSums, summarize_validation
from common.errors import SettingError
from common.metrics.thresholds import DEFAULT_THRESHOLD, choose_thresholds
from common.networks.weights import load_weights
from common.runs import cli
from common.runs import folder as run
from common.runs.config import set_seeds
from common.runs.folder import RunLocation
from common.runs.log import log_to_file, remember_log
from common.training import fit as training
from common.training.optimizer import compile_model

logger = logging.getLogger(__name__)


class Data(NamedTuple):
    """The patches of a file by split."""

    file: BigEarthNetFile
    train: ClassificationPatches
    val: ClassificationPatches
    test: ClassificationPatches


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Train a network that tells which land-cover classes a patch holds. Needs no rank count: under mpirun it uses "
        "all ranks, without it one.",
        "mpirun -np 2 python bigearthnet/train.py --data data.h5 --bands s2 --run-dir runs/first",
    )
    cli.add_config_options(parser, BigEarthNetConfig)
    cli.add_run_options(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(
        lambda options: train(
            cli.read_settings(options, BigEarthNetConfig),
            cli.read_location(options),
            cli.shows_progress(options.no_progress),
        ),
        build_parser(),
        argv,
    )


def train(config: BigEarthNetConfig, location: RunLocation, show_progress: bool = False) -> None:
    """Train, choose thresholds on validation patches, and measure on test patches."""
    hvd.on_rank_zero(lambda: prepare_training(config, location))
    set_seeds(config.seed)
    data = open_data(config)
    folder = hvd.on_rank_zero(lambda: open_run(config, location))
    model = fit(config, data, folder, location.resume, show_progress)
    measure(model, config, data, folder, show_progress)


def prepare_training(config: BigEarthNetConfig, location: RunLocation) -> None:
    """Check everything that can be checked before the work starts; write nothing. Called on rank 0."""
    remember_log()
    file = BigEarthNetFile(config.data)
    require_band_set(file, config.bands)
    for split, purpose in (("train", "to train on"), ("val", "to choose weights and thresholds on")):
        if not np.any(np.asarray(file.splits) == split):
            raise SettingError(f"{config.data} has no patch of split {split}, {purpose}; give other --splits.")
    run.check_run_folder(location)


def open_data(config: BigEarthNetConfig) -> Data:
    """The file, opened by this rank."""
    file = BigEarthNetFile(config.data)
    splits = np.asarray(file.splits)
    return Data(file, *(ClassificationPatches(file, np.flatnonzero(splits == split), config.bands) for split in SPLITS))


def open_run(config: BigEarthNetConfig, location: RunLocation) -> Path:
    """Make or find the run folder. Called on rank 0."""
    folder = run.open_run_folder(location, f"bigearthnet-{config.model}-{config.bands}")
    log_to_file(folder)
    logger.info("run folder %s", folder)
    return folder


def build_optimizer(config: BigEarthNetConfig) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), or SGD with Nesterov momentum."""
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
    return keras.optimizers.SGD(
        config.learning_rate, config.momentum, nesterov=config.momentum > 0, weight_decay=config.weight_decay or None
    )


def build_model(config: BigEarthNetConfig, data: Data) -> keras.Model:
    """The network with its optimizer and loss, the same on all ranks."""
    labels = data.file.labels[data.train.rows]
    model = build_network(
        config.model,
        data.train.image_shapes,
        labels.shape[1],
        config.resampling,
        config.precision,
        config.sync_batch_norm,
        band_statistics(config.bands),
    )
    loss = build_loss(config.loss, labels.sum(axis=0), len(labels), config.gamma, config.margin)
    compile_model(model, build_optimizer(config), loss, config.precision)
    return model


def fit(config: BigEarthNetConfig, data: Data, folder: Path, resume: bool, progress: bool) -> keras.Model:
    """Train, and return the network with its best weights."""
    model = build_model(config, data)
    record = {
        "class_names": list(data.file.class_names),
        "image_shapes": data.train.image_shapes,
        "patch_files": {str(data.file.path): data.file.attributes["checksum"]},
    }
    task = training.Task(
        data.train,
        data.val,
        ValidationSums(model.loss, DEFAULT_THRESHOLD),
        summarize_validation,
        checkpoint_identity(config, data),
        record,
    )
    training.fit(model, config, task, folder, resume, progress)
    if hvd.rank() == 0:
        plot_history(folder / run.HISTORY, folder / run.CURVES)
        load_weights(model, folder / run.WEIGHTS)
    hvd.broadcast_variables(model.variables)
    return model


def checkpoint_identity(config: BigEarthNetConfig, data: Data) -> dict[str, Any]:
    """What a run must share with the checkpoint that it continues, so that it goes on exactly."""
    changeable = {"epochs", "data"}
    if config.schedule == "cosine":
        changeable -= {"epochs"}  # the whole schedule hangs on it
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in changeable}
    return {
        **settings,
        "ranks": hvd.size(),
        "classes": training.digest(list(data.file.class_names)),
        "patches": data.file.attributes["checksum"],
    }


def measure(model: keras.Model, config: BigEarthNetConfig, data: Data, folder: Path, progress: bool) -> None:
    """Choose thresholds on the validation patches, measure on the test patches; rank 0 writes and prints."""
    names = data.file.class_names
    validated = predict(model, data.val, config.batch_size, progress)
    tested = predict(model, data.test, config.batch_size, progress) if len(data.test) else None
    if hvd.rank() != 0:
        return
    thresholds = choose_thresholds(validated.labels, validated.probabilities, names)
    write_thresholds(folder / run.THRESHOLDS, thresholds)
    if tested is None:
        print(folder)
        return
    found = score(tested, [threshold.threshold for threshold in thresholds], names)
    rows = metric_rows("test", f"{config.model}-{config.bands}", found)
    write_metrics(folder / run.METRICS, rows)
    plots.plot_class_scores(folder / run.METRICS, folder / run.METRIC_BARS)
    print(markdown_metric_table(rows))
    print(f"\n{len(tested.rows)} test patches; {folder / run.METRICS}, {folder / run.METRIC_BARS}")


if __name__ == "__main__":
    sys.exit(main())
