"""Keras callbacks of a training run. Those that write act on rank 0 alone.

Give them to `fit` in the order of `training_callbacks`: the first ones put into `logs` what the later ones use, and all
ranks see the same `logs`.
"""

import csv
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from common import run
from common.checkpoint import checkpoint_size, weights_size, write_checkpoint, write_weights
from common.errors import RunFolderError, TrainingError
from common.files import require_space, whole_file

logger = logging.getLogger(__name__)

CHECK_STEPS = 50  # between two looks at the loss
SHOWN_NAMES = 3  # scenes that one message spells out

# (model, batch) -> sums over the batch; sums over all batches of all ranks -> what goes into the history.
BatchSums = Callable[[keras.Model, Any], np.ndarray]
Summary = Callable[[np.ndarray], dict[str, float]]
# Rows of the history so far -> are the newest epoch's weights the ones to keep?
Keeps = Callable[[list[dict]], bool]


def is_best(rows: list[dict]) -> bool:
    """Has the newest epoch the lowest validation loss so far, or, without validation, training loss?"""
    monitored = "val_loss" if "val_loss" in rows[-1] else "loss"
    return rows[-1][monitored] < min((row[monitored] for row in rows[:-1] if monitored in row), default=math.inf)


class PoolOverRanks(keras.callbacks.Callback):
    """At the end of an epoch, average what was logged of training over ranks and validate: sums are pooled, never averages.

    Args:
        validation: this rank's validation batches, or None.
        batch_sums, summary: see above.

    Raises:
        TrainingError: the loss is no longer finite; the last checkpoint is from before.
    """

    def __init__(self, validation: tf.data.Dataset | None, batch_sums: BatchSums, summary: Summary):
        super().__init__()
        self.validation = validation
        self.batch_sums = batch_sums
        self.summary = summary

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        seconds = time.monotonic() - self.started
        means = hvd.allreduce_sum([float(value) for value in logs.values()]) / hvd.size()
        logs.update(zip(logs, means.tolist(), strict=True))
        require_finite("loss", logs["loss"], epoch)
        logs["seconds"] = seconds
        if self.validation is not None:
            logs.update(self.summary(self.pooled_sums()))
            # The training loss is from before the last step, which may have spoiled the weights.
            require_finite("validation loss", logs.get("val_loss", 0.0), epoch)

    def pooled_sums(self) -> np.ndarray:
        """Sums over the validation batches of all ranks, who may have different numbers of them."""
        sums = sum((self.batch_sums(self.model, batch) for batch in self.validation), start=0.0)
        gathered = hvd.allgather_object(np.asarray(sums, dtype=np.float64))
        return sum(part for part in gathered if part.ndim)  # a rank without batches gives a bare 0


def require_finite(name: str, value: float, epoch: int) -> None:
    """Raise TrainingError where a loss, the same on all ranks, is no longer a finite number."""
    if not math.isfinite(value):
        error = TrainingError(
            f"the {name} became {value} in epoch {epoch + 1}; the weights in the run folder are from "
            f"before: start a new run with --init-weights RUN_FOLDER and a lower --learning-rate."
        )
        error.on_all_ranks = True
        raise error


class FiniteLoss(keras.callbacks.Callback):
    """Stop on all ranks soon after the loss is no longer finite, and say at which batch that began.

    Losses are left where they were computed and looked at every `CHECK_STEPS` steps, when all ranks tell each other what
    they found: in between, neither the device nor another rank is waited for. Put it before what writes checkpoints.

    Args:
        steps: in an epoch.
        origins: (epoch, step) -> the scenes of this rank's batch.

    Raises:
        TrainingError: on all ranks.
    """

    def __init__(self, steps: int, origins: Callable[[int, int], Sequence[str]]):
        super().__init__()
        self.steps, self.origins = steps, origins

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch, self.losses = epoch, []

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        # Means since the epoch began: once they are not finite they stay so. An adversarial loss has something of all
        # ranks, the content loss is of this rank's batch alone.
        self.losses.append((logs["loss"], logs.get("content_loss", logs["loss"])))
        if (batch + 1) % CHECK_STEPS == 0 or batch + 1 == self.steps:
            finite = np.isfinite([[float(loss) for loss in losses] for losses in self.losses])
            begin = int(np.argmin(finite.all(axis=1)))
            self.losses = []
            self.agree("loss", None if finite.all() else batch + 1 - len(finite) + begin, bool(finite[begin, 1]))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        # A loss is from before its step: what the last one made of the weights shows in them alone.
        finite = all(np.isfinite(float(tf.reduce_sum(variable.value))) for variable in self.model.trainable_variables)
        self.agree("sum of the weights", None if finite else self.steps - 1)

    def agree(self, what: str, step: int | None, from_others: bool = False) -> None:
        """Raise on all ranks where one has found something, with the earliest step, and the rank that it began on."""
        mine = None if step is None else (step, from_others, hvd.rank(), tuple(self.origins(self.epoch, step)))
        found = [part for part in hvd.allgather_object(mine) if part]
        if found:
            step, _, rank, scenes = min(found)  # what one rank's batch spoils, the others see one step later
            where = f" on rank {rank}" if hvd.size() > 1 else ""
            error = TrainingError(
                f"the {what} was no longer finite at batch {step + 1} of epoch {self.epoch + 1}{where}, which holds "
                f"patches of {_some(scenes)}; the weights in the run folder are from before: start a new run with "
                f"--init-weights RUN_FOLDER and a lower --learning-rate, or without that scene."
            )
            error.on_all_ranks = True
            raise error


def _some(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - SHOWN_NAMES} more" if len(distinct) > SHOWN_NAMES else ""
    return ", ".join(distinct[:SHOWN_NAMES]) + more


class LearningRate(keras.callbacks.Callback):
    """Linear warm-up to `learning_rate * ranks`, then halving on plateau, or a cosine to zero.

    Warm-up starts at the rate for one rank (Goyal et al. 2017, arXiv:1706.02677). A plateau is `patience` epochs in
    which the monitored value did not fall.
    """

    def __init__(self, config: run.RunConfig, steps_per_epoch: int):
        super().__init__()
        self.single = config.learning_rate
        self.full = config.learning_rate * hvd.size()
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.total_steps = config.epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.schedule = config.schedule
        self.patience = config.patience
        self.state = {"factor": 1.0, "best": math.inf, "wait": 0}

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from the start of training."""
        if step < self.warmup_steps:
            return self.single + (self.full - self.single) * step / self.warmup_steps
        if self.schedule == "cosine":
            progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
            return self.full * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.full * self.state["factor"]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.first_step = epoch * self.steps_per_epoch

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        rate = self.rate(self.first_step + batch)
        if rate != getattr(self, "current", None):
            self.model.optimizer.learning_rate = rate
            self.current = rate

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        logs["learning_rate"] = self.current
        value = logs.get("val_loss", logs["loss"])
        if value < self.state["best"]:
            self.state.update(best=value, wait=0)
            return
        self.state["wait"] += 1
        if self.schedule == "plateau" and self.state["wait"] >= self.patience:
            self.state.update(factor=self.state["factor"] / 2, wait=0)
            logger.info("no better for %d epochs: learning rate halved", self.patience)


class RunFolder(keras.callbacks.Callback):
    """On rank 0, write history, best weights and a checkpoint at the end of each epoch.

    Args:
        folder: the run folder.
        learning_rate: whose state the checkpoint keeps.
        identity: what a checkpoint must agree with to be continued.
        history: rows of the epochs before, when a run is resumed.
        network: whose weights are kept; None: the model's.
        keeps: after which epochs.
    """

    def __init__(
        self,
        folder: Path,
        learning_rate: LearningRate,
        identity: dict,
        history: list[dict],
        network: keras.Model | None = None,
        keeps: Keeps = is_best,
    ):
        super().__init__()
        self.network = network
        self.keeps = keeps
        self.folder = folder
        self.learning_rate = learning_rate
        self.identity = identity
        self.history = history

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Better before the first epoch than after it: there is room for the weights and, at a change, two checkpoints.

        Raises:
            OutputError: there is not.
        """
        if hvd.rank() == 0:
            require_space(self.folder / run.CHECKPOINT, weights_size(self.model) + 2 * checkpoint_size(self.model))

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        if hvd.rank() != 0:
            return
        self.history.append({"epoch": epoch + 1, **logs})
        # The order matters to a run that is interrupted here: the checkpoint, which tells where to go on, comes last.
        if self.keeps(self.history):
            write_weights(self.folder / run.WEIGHTS, self.network or self.model)
        write_history(self.folder / run.HISTORY, self.history)
        write_checkpoint(self.folder / run.CHECKPOINT, self.model, epoch + 1, self.learning_rate.state, self.identity)


def write_history(path: Path, rows: list[dict]) -> None:
    """Write `history.csv`, an epoch a row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def read_history(path: Path, epochs: int) -> list[dict]:
    """The first `epochs` rows of `history.csv`, as numbers.

    Raises:
        RunFolderError: it is missing or damaged.
    """
    try:
        with open(path, newline="") as file:
            rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
        return [{**row, "epoch": int(row["epoch"])} for row in rows[:epochs]]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); restore it, or start a new run.") from error


class Progress(keras.callbacks.Callback):
    """On rank 0, a bar at a terminal, one line an epoch elsewhere.

    Args:
        epochs, steps: of the whole run, and in an epoch.
        patches: that all ranks see in an epoch.
        bar: show a bar.
    """

    def __init__(self, epochs: int, steps: int, patches: int, bar: bool):
        super().__init__()
        self.epochs, self.steps, self.patches = epochs, steps, patches
        self.wants_bar = bar

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.bar = tqdm(
            total=self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=not self.wants_bar,
        )

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        self.bar.close()
        values = "  ".join(f"{name} {value:.4g}" for name, value in logs.items() if name != "seconds")
        logger.info(
            "epoch %d/%d  %s  %.0f s  %.1f patches/s",
            epoch + 1,
            self.epochs,
            values,
            logs["seconds"],
            self.patches / logs["seconds"],
        )
