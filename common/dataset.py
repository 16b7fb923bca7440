"""Patches -> `tf.data` for one rank: order, shard, batches, quarter turns and flips.

The order of an epoch depends on the seed and the epoch alone. Step t of N ranks with batches of B sees the same
patches as step t of one process with a batch of N * B, and a run that is resumed sees what it would have seen.
"""

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

import common.distributed as hvd


class PatchSource(Protocol):
    """Patches that can be gathered by number."""

    def __len__(self) -> int: ...

    def read(self, numbers: np.ndarray) -> Any:
        """The patches with these numbers: a (nested) tuple or dict of arrays, patches on the first axis."""

    def signature(self) -> Any:
        """`tf.TensorSpec`s of what `read` gives."""


def steps_per_epoch(patches: int, batch_size: int) -> int:
    """Steps that every rank takes in an epoch: enough that each patch is seen."""
    return -(-patches // (batch_size * hvd.size()))


def epoch_order(patches: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Patch numbers of this rank's batches in one epoch, (steps, batch_size).

    All ranks together see each patch once; the last batches are filled up from the start of the order.
    """
    steps = steps_per_epoch(patches, batch_size)
    order = np.random.default_rng((seed, epoch)).permutation(patches)
    return np.resize(order, (steps, hvd.size(), batch_size))[:, hvd.rank()]


def training_batches(source: PatchSource, batch_size: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
    """This rank's training batches, epoch after epoch without end, each batch flipped and turned as a whole."""

    def batches() -> Iterator[tuple[Any, int]]:
        for epoch in itertools.count(first_epoch):
            turns = np.random.default_rng((seed, epoch, hvd.rank()))
            for numbers in epoch_order(len(source), batch_size, seed, epoch):
                yield source.read(numbers), turns.integers(8)

    signature = (source.signature(), tf.TensorSpec((), tf.int64))
    return tf.data.Dataset.from_generator(batches, output_signature=signature).map(turn_all).prefetch(2)


def validation_batches(source: PatchSource, batch_size: int) -> tf.data.Dataset:
    """This rank's share of the patches, once, in order; ranks may have different numbers of batches."""
    mine = np.arange(hvd.rank(), len(source), hvd.size())

    def batches() -> Iterator[Any]:
        for start in range(0, len(mine), batch_size):
            yield source.read(mine[start : start + batch_size])

    return tf.data.Dataset.from_generator(batches, output_signature=source.signature()).prefetch(2)


def turn_all(patches: Any, turn: tf.Tensor) -> Any:
    """Apply one of the eight flips and quarter turns to all images of a batch."""
    return tf.nest.map_structure(lambda image: turn_image(image, turn) if image.shape.rank == 4 else image, patches)


def turn_image(images: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """One of the eight symmetries of a square, (B, H, H, C) -> the same: bit 0 swaps rows and columns, 1 and 2 flip."""
    swapped = tf.cond(turn % 2 == 1, lambda: tf.transpose(images, (0, 2, 1, 3)), lambda: images)
    flipped = tf.cond(turn // 2 % 2 == 1, lambda: tf.reverse(swapped, [1]), lambda: swapped)
    result = tf.cond(turn // 4 == 1, lambda: tf.reverse(flipped, [2]), lambda: flipped)
    return tf.ensure_shape(result, images.shape)
