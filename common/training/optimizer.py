"""Optimizers that average gradients over ranks."""

from collections.abc import Sequence
from typing import Any

import keras

import common.distributed as hvd


def compile_model(model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Any, precision: str) -> None:
    """Give a model an optimizer that averages over ranks."""
    optimizer = rank_optimizer(optimizer, model.trainable_variables, precision)
    # XLA cannot compile Horovod's operations.
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)


def rank_optimizer(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], precision: str
) -> keras.optimizers.Optimizer:
    """An optimizer of these variables that averages over ranks; float16 needs losses scaled, to keep small gradients."""
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer = hvd.DistributedOptimizer(optimizer)
    plain = getattr(optimizer, "inner_optimizer", optimizer)
    if plain.weight_decay:  # not of biases and normalisations; said to the copy that trains, which copies settings only
        plain.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    # Built inside a LossScaleOptimizer, an optimizer may leave a variable out of the list that checkpoints hold.
    plain.build(variables)
    optimizer.build(variables)
    return optimizer
