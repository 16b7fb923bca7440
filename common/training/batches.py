"""Patches -> `tf.data` for one rank: order, shard, batches, quarter turns and flips.

The order of an epoch depends on the seed and the epoch alone. Step t of N ranks with batches of B sees the same
patches as step t of one process with a batch of N * B, and a run that is resumed sees what it would have seen.
"""

from typing import Any, Protocol

import numpy as np
import tensorflow as tf

import common.distributed as hvd

READ_AHEAD = 2  # batches


class PatchSource(Protocol):
    """Patches that can be gathered by number."""

    def __len__(self) -> int: ...

    def origins(self, numbers: np.ndarray) -> list[str]:
        """The scene, or the file, that each of these patches is from."""

    def read(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """The patches with these numbers as stored, patches on the first axis."""

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What `read` gives."""

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[Any, tf.Tensor]:
        """What `read` gives -> what the model takes and its target; TensorFlow does this, in several threads."""


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

    def draw(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        order = epoch_order(len(source), batch_size, seed, int(epoch))
        return order, np.random.default_rng((seed, int(epoch), hvd.rank())).integers(8, size=len(order))

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order, turns = tf.numpy_function(draw, [epoch], [tf.int64, tf.int64], stateful=False)
        order.set_shape((None, batch_size))
        turns.set_shape((None,))
        return tf.data.Dataset.from_tensor_slices((order, turns))

    return (
        tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        .flat_map(epoch_batches)
        .map(lambda numbers, turn: read_patches(source, numbers, turn))
        .map(source.convert, num_parallel_calls=READ_AHEAD)
        .prefetch(READ_AHEAD)
    )


def validation_batches(source: PatchSource, batch_size: int) -> tf.data.Dataset:
    """This rank's share of the patches, once, in order; ranks may have different numbers of batches."""
    mine = np.arange(hvd.rank(), len(source), hvd.size())
    return (
        tf.data.Dataset.from_tensor_slices(mine)
        .batch(batch_size)
        .map(lambda numbers: source.convert(read_patches(source, numbers)))
        .prefetch(READ_AHEAD)
    )


def read_patches(source: PatchSource, numbers: tf.Tensor, turn: tf.Tensor | int = 0) -> dict[str, tf.Tensor]:
    """`source.read`, flipped and turned, as a TensorFlow operation."""
    signature = source.signature()

    def read(numbers: np.ndarray, turn: int) -> list[np.ndarray]:
        patches = turn_all(source.read(numbers), turn)
        return [patches[name] for name in signature]

    tensors = tf.numpy_function(read, [numbers, turn], [spec.dtype for spec in signature.values()], stateful=False)
    return {
        name: tf.ensure_shape(tensor, spec.shape)
        for (name, spec), tensor in zip(signature.items(), tensors, strict=True)
    }


def turn_all(patches: dict[str, np.ndarray], turn: int) -> dict[str, np.ndarray]:
    """Apply one of the eight flips and quarter turns to all images of a batch; other arrays stay."""
    return {name: turn_image(array, turn) if array.ndim == 4 else array for name, array in patches.items()}


def turn_image(images: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight symmetries of a square, (B, H, H, C) -> the same: bit 0 swaps rows and columns, 1 and 2 flip."""
    # A pixel with all its bands is moved as one item, which is several times faster than band by band.
    pixels = images.view(np.dtype((np.void, images.dtype.itemsize * images.shape[-1])))[..., 0]
    if turn % 2:
        pixels = pixels.swapaxes(1, 2)
    if turn // 2 % 2:
        pixels = pixels[:, ::-1]
    if turn // 4:
        pixels = pixels[:, :, ::-1]
    return np.ascontiguousarray(pixels).view(images.dtype).reshape(images.shape)
