"""The learning rate: warm-up, then halved on a plateau or falling as a cosine."""

import logging
import math

import keras

import common.distributed as hvd
from common.runs.config import RunConfig

logger = logging.getLogger(__name__)

# Rule -> factor of the learning rate if a step averages n batches, those of all ranks.
RATE_FACTORS = {"linear": lambda n: n, "sqrt": math.sqrt, "none": lambda n: 1}


class LearningRate(keras.callbacks.Callback):
    """Set the learning rate: linear warm-up to the full rate, then halving on a plateau, or a cosine to the last rate.

    The full rate is `learning_rate` times n, its square root, or 1, where a step averages n batches: those of all ranks, each
    with its accumulated ones. The variance of a mean gradient is 1/n: a linear factor suits SGD (Goyal et al. 2017,
    arXiv:1706.02677), a square root optimizers that divide by the size of gradients, such as Adam and LAMB (You et al.
    2020, arXiv:1904.00962). Warm-up starts at the rate for one batch, or at `warmup_rate`. A plateau is `patience` epochs
    without a new minimum of the validation loss; of the training loss if there is no validation.

    Attributes:
        state: the part of a checkpoint that continues a plateau; plain numbers.

    Args:
        config: learning rate and its rule, first and last rate, schedule, patience, warm-up and epochs.
        steps_per_epoch: steps that each rank takes.
    """

    def __init__(self, config: RunConfig, steps_per_epoch: int):
        super().__init__()
        self.first_rate = config.learning_rate if config.warmup_rate is None else config.warmup_rate
        self.last_rate = config.last_rate
        self.full_rate = config.learning_rate * RATE_FACTORS[config.rate_rule](hvd.size() * config.accumulate)
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.total_steps = config.epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.schedule = config.schedule
        self.patience = config.patience
        self.state = {"factor": 1.0, "best": math.inf, "wait": 0}

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from the start of training."""
        if step < self.warmup_steps:
            return self.first_rate + (self.full_rate - self.first_rate) * step / self.warmup_steps
        if self.schedule == "cosine":
            progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
            share = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            return self.last_rate + (self.full_rate - self.last_rate) * share
        return self.full_rate * self.state["factor"]

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
            logger.info("no improvement for %d epochs: learning rate halved", self.patience)
