"""The learning rate: warm-up, then halved on a plateau or following a cosine."""

import logging
import math

import keras

import common.distributed as hvd
from common.runs.config import RunConfig

logger = logging.getLogger(__name__)


class LearningRate(keras.callbacks.Callback):
    """Linear warm-up to `learning_rate * ranks`, then halving on plateau, or a cosine to zero.

    Warm-up starts at the rate for one rank (Goyal et al. 2017, arXiv:1706.02677). A plateau is `patience` epochs in
    which the monitored value did not fall.
    """

    def __init__(self, config: RunConfig, steps_per_epoch: int):
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
