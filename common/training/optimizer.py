"""Optimizers that average gradients over ranks."""

from collections.abc import Sequence
from typing import Any

import keras

import common.distributed as hvd
from common.runs.config import RunConfig
from common.training.layerwise import Lamb, Lars


def build_optimizer(config: RunConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer of the settings.

    Nadam is that of the DSen2 paper; AdamW: Loshchilov and Hutter 2019, arXiv:1711.05101.
    """
    rate, momentum, decay = config.learning_rate, config.momentum, config.weight_decay or None
    match config.optimizer:
        case "nadam":
            return keras.optimizers.Nadam(rate, weight_decay=decay)
        case "adamw":
            return keras.optimizers.AdamW(rate, weight_decay=config.weight_decay)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum, nesterov=momentum > 0, weight_decay=decay)
        case "lars":
            return Lars(rate, momentum, decay)
        case "lamb":
            return Lamb(rate, weight_decay=decay)


def compile_model(model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Any, precision: str) -> None:
    """Compile a model with an optimizer that averages gradients over ranks.

    Args:
        model: changed in place.
        optimizer: a plain Keras optimizer.
        loss: as Keras takes it.
        precision: `float32`, `bfloat16` or `float16`; float16 needs scaled losses.
    """
    optimizer = rank_optimizer(optimizer, model.trainable_variables, precision)
    # XLA cannot compile the operations of Horovod.
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)


def rank_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], precision: str
) -> keras.optimizers.Optimizer:
    """Return an optimizer of these variables that averages gradients over ranks, ready to be saved in a checkpoint.

    In float16 small gradients become 0, so the losses are scaled.
    """
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer = hvd.DistributedOptimizer(optimizer)
    plain = getattr(optimizer, "inner_optimizer", optimizer)
    if plain.weight_decay:  # exclude biases and normalisations, after the copy above, which copies settings only
        plain.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    # Built inside a LossScaleOptimizer, an optimizer may leave a variable out of the list that checkpoints hold.
    plain.build(variables)
    optimizer.build(variables)
    return optimizer
