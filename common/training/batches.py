"""Patches -> `tf.data` for one rank: order, share, batches.

The order of an epoch depends on the seed and the epoch alone. Step t of N ranks with batches of B sees the same
patches as step t of one process with a batch of N * B, and a run that is resumed sees the same patches as one that did
not stop. A run that begins inside an epoch shares out the patches that are left; those before are not read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.errors import S2Error
from common.training.augmentation import turn_all

READ_AHEAD = 2  # batches
TURNS = 8  # flips and quarter turns
# TensorFlow would convert the control flow of our functions, which have none: tenths of a second at the start of a training.
as_it_is = tf.autograph.experimental.do_not_convert
_failed_reads: list[S2Error] = []  # of the pipelines that are made in one block of `own_read_errors`


class PatchSource(Protocol):
    """Patches that are read by their indices, 0 to len(source) - 1."""

    def __len__(self) -> int: ...

    def origins(self, indices: np.ndarray) -> list[str]:
        """Return for each of these patches the name of its scene or file."""

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Return these patches as stored, name -> array with the patches on the first axis."""

    def signature(self) -> dict[str, tf.TensorSpec]:
        """Return shape and dtype of each array that `read` returns."""

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[Any, tf.Tensor]:
        """Return the input and the target of the model from the arrays of `read`. Runs in several TensorFlow threads."""


@dataclass(frozen=True)
class Start:
    """Where a training begins.

    Attributes:
        epoch: the first epoch, from 0.
        patches: patches of this epoch that are done already, in the epoch's order.
    """

    epoch: int = 0
    patches: int = 0

    def done(self, epoch: int) -> int:
        """Return the number of patches of an epoch that were done before this training began."""
        return self.patches if epoch == self.epoch else 0

    def step(self, patches: int, batch_size: int) -> int:
        """Return the first step in the first epoch, from 0. Steps are numbered so that the last one has its usual number."""
        return steps_per_epoch(patches, batch_size) - steps_per_epoch(patches - self.patches, batch_size)

    def after(self, epoch: int, steps: int, patches: int, batch_size: int) -> "Start":
        """Return where a training begins that goes on after so many steps of an epoch."""
        taken = steps - (self.step(patches, batch_size) if epoch == self.epoch else 0)
        return Start(epoch, min(patches, self.done(epoch) + taken * batch_size * hvd.size()))


BEGINNING = Start()


def steps_per_epoch(patches: int, batch_size: int) -> int:
    """Return the steps that every rank takes in an epoch, so that all ranks together see every patch."""
    return -(-patches // (batch_size * hvd.size()))


def epoch_order(
    patches: int, batch_size: int, seed: int, epoch: int, done: int = 0, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the patch indices of this rank's batches in one epoch, (steps, batch_size) int.

    All ranks together see each patch once, or as often as its weight asks. The last batches are filled up with patches from
    the start of the order.

    Args:
        patches: number of training patches.
        batch_size: patches of a rank in a step.
        seed: of the training.
        epoch: from 0.
        done: patches at the start of the order that are left out.
        weights: (patches,) as `draw_patches` takes them; None: each patch once.
    """
    steps = steps_per_epoch(patches - done, batch_size)
    order = draw_patches(np.random.default_rng((seed, epoch)), patches, weights)
    positions = done + np.arange(steps * hvd.size() * batch_size)
    return order.take(positions, mode="wrap").reshape(steps, hvd.size(), batch_size)[:, hvd.rank()]


def draw_patches(rng: np.random.Generator, patches: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the patch indices of an epoch in random order, (patches,) int.

    Args:
        rng: draws the order, and the patches.
        patches: number of training patches.
        weights: (patches,) above 0. A patch comes n = patches * weight / sum of weights times, rounded down or up by chance
            so that the mean over epochs is n (systematic sampling). None: each patch once.
    """
    if weights is None:
        return rng.permutation(patches)
    ends = np.cumsum(weights)
    positions = (np.arange(patches) + rng.random()) * (ends[-1] / patches)
    return rng.permutation(np.minimum(np.searchsorted(ends, positions, side="right"), patches - 1))


def training_batches(
    source: PatchSource, batch_size: int, seed: int, start: Start = BEGINNING, weights: np.ndarray | None = None
) -> tf.data.Dataset:
    """Return this rank's training batches, epoch after epoch without end, each batch flipped and turned as a whole."""

    def draw(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        epoch = int(epoch)
        order = epoch_order(len(source), batch_size, seed, epoch, start.done(epoch), weights)
        steps = steps_per_epoch(len(source), batch_size)
        turns = np.random.default_rng((seed, epoch, hvd.rank())).integers(TURNS, size=steps)
        return order, turns[steps - len(order) :]

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order, turns = tf.numpy_function(draw, [epoch], [tf.int64, tf.int64], stateful=False)
        order.set_shape((None, batch_size))
        turns.set_shape((None,))
        return tf.data.Dataset.from_tensor_slices((order, turns))

    return (
        tf.data.Dataset.range(start.epoch, np.iinfo(np.int64).max)
        .flat_map(as_it_is(epoch_batches))
        .map(as_it_is(lambda indices, turn: read_patches(source, indices, turn)))
        .map(as_it_is(source.convert), num_parallel_calls=READ_AHEAD)
        .prefetch(READ_AHEAD)
    )


def validation_batches(source: PatchSource, batch_size: int) -> tf.data.Dataset:
    """Return this rank's share of the patches, once, in order. Ranks may have different numbers of batches."""
    own_indices = np.arange(hvd.rank(), len(source), hvd.size())
    return (
        tf.data.Dataset.from_tensor_slices(own_indices)
        .batch(batch_size)
        .map(as_it_is(lambda indices: source.convert(read_patches(source, indices))))
        .prefetch(READ_AHEAD)
    )


def read_patches(source: PatchSource, indices: tf.Tensor, turn: tf.Tensor | int = 0) -> dict[str, tf.Tensor]:
    """Read patches and turn them, as a TensorFlow operation."""
    signature, failed_reads = source.signature(), _failed_reads

    def read(indices: np.ndarray, turn: int) -> list[np.ndarray]:
        try:
            patches = turn_all(source.read(indices), turn)
        except S2Error as error:
            failed_reads.append(error)
            raise
        return [patches[name] for name in signature]

    tensors = tf.numpy_function(read, [indices, turn], [spec.dtype for spec in signature.values()], stateful=False)
    return {
        name: tf.ensure_shape(tensor, indices.shape + spec.shape[1:])
        for (name, spec), tensor in zip(signature.items(), tensors, strict=True)
    }


@contextmanager
def own_read_errors() -> Iterator[None]:
    """Raise the error of a source that cannot read a patch, instead of TensorFlow's error around it.

    Make the pipeline in the block, too. One that was made before may still read ahead, and its errors are not meant.

    Raises:
        S2Error: of the source.
    """
    global _failed_reads
    _failed_reads = failed_reads = []
    try:
        yield
    except tf.errors.OpError as error:
        if failed_reads:
            raise failed_reads[0] from error
        raise
