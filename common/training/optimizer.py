"""Steps that average gradients over ranks, and over the batches that a rank accumulates."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

import common.distributed as hvd
from common.runs.config import RunConfig
from common.training.optimizers.adam import AdamW, Nadam
from common.training.optimizers.layerwise import Lamb, Lars


def build_optimizer(config: RunConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer of the settings.

    Nadam is that of the DSen2 paper; AdamW: Loshchilov and Hutter 2019, arXiv:1711.05101. All of them shorten gradients to
    `clip_norm` (Pascanu et al. 2013, arXiv:1211.5063), after they were averaged over ranks.
    """
    rate, momentum, decay = config.learning_rate, config.used_momentum, config.weight_decay or None
    clip = {"global_clipnorm": config.clip_norm}
    match config.optimizer:
        case "nadam":
            return Nadam(rate, weight_decay=decay, **clip)
        case "adamw":
            return AdamW(rate, weight_decay=config.weight_decay, **clip)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum, nesterov=momentum > 0, weight_decay=decay, **clip)
        case "lars":
            return Lars(rate, momentum, decay, **clip)
        case "lamb":
            return Lamb(rate, weight_decay=decay, **clip)


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    loss: Any,
    precision: str,
    accumulate: int = 1,
    gradient_precision: str = "float32",
) -> None:
    """Compile a model with an optimizer that averages gradients over ranks.

    Args:
        model: changed in place.
        optimizer: a plain Keras optimizer.
        loss: as Keras takes it.
        precision: `float32`, `bfloat16` or `float16`; float16 needs scaled losses.
        accumulate: number of equal parts into which a step divides its patches.
        gradient_precision: in which gradients travel between ranks.
    """
    optimizer = rank_optimizer(optimizer, model.trainable_variables, precision, gradient_precision)
    # XLA cannot compile what averages gradients over ranks.
    model.compile(optimizer=optimizer, loss=loss, jit_compile=False)
    if accumulate > 1:
        model.train_step = partial(train_step_in_parts, model, accumulate)


def train_step_in_parts(model: keras.Model, parts: int, data: tuple) -> dict[str, Any]:
    """Take one step on the patches of all parts, like `keras.Model.train_step`; return the means in this epoch so far.

    Batch normalisations see each part by itself.
    """

    def gradients_of(part: tuple) -> list[tf.Tensor]:
        inputs, target = part
        with tf.GradientTape() as tape:
            prediction = model(inputs, training=True)
            loss = model.compute_loss(inputs, target, prediction)
            scaled_loss = model.optimizer.scale_loss(loss)
        model.metrics[0].update_state(loss, tf.shape(target)[0])  # the mean of the losses, weighted by patches
        return tape.gradient(scaled_loss, model.trainable_variables)

    gradients = mean_gradients(gradients_of, model.trainable_variables, data[:2], parts)
    model.optimizer.apply(gradients, model.trainable_variables)
    return model.get_metrics_result()


def mean_gradients(
    gradients_of: Callable[[Any], Sequence[tf.Tensor]], variables: Sequence[keras.Variable], data: Any, parts: int
) -> Sequence[tf.Tensor]:
    """Return the means of the gradients of all parts, computed one after another in the memory of one part.

    Between two steps nothing is left over, so checkpoints, schedules and ranks know only steps.

    Args:
        gradients_of: part -> gradients, one for each variable.
        variables: the variables.
        data: tensors with the patches on the first axis, in any structure.
        parts: number of parts; the number of patches is a multiple of it.
    """
    if parts == 1:
        return gradients_of(data)
    size = tf.shape(tf.nest.flatten(data)[0])[0] // parts

    def add_part(index: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        part = tf.nest.map_structure(lambda tensor: tensor[index * size : (index + 1) * size], data)
        added = zip(sums, gradients_of(part), strict=True)
        return index + 1, [total if gradient is None else total + gradient for total, gradient in added]

    zeros = [tf.zeros_like(variable.value) for variable in variables]
    # One part at a time: ranks that synchronise batch normalisations then meet in the same order.
    _, sums = tf.while_loop(lambda index, _: index < parts, add_part, (0, zeros), parallel_iterations=1)
    return [total / parts for total in sums]


def rank_optimizer(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    precision: str,
    gradient_precision: str = "float32",
) -> keras.optimizers.Optimizer:
    """Return an optimizer of these variables that averages gradients over ranks, ready to be saved in a checkpoint.

    In float16 small gradients become 0, so the losses are scaled.
    """
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer = hvd.DistributedOptimizer(optimizer, gradient_precision)
    plain = getattr(optimizer, "inner_optimizer", optimizer)
    if plain.weight_decay:  # exclude biases and normalisations, after the copy above, which copies settings only
        plain.exclude_from_weight_decay([variable for variable in variables if len(variable.shape) < 2])
    # Built inside a LossScaleOptimizer, an optimizer may leave a variable out of the list that checkpoints hold.
    plain.build(variables)
    optimizer.build(variables)
    return optimizer
