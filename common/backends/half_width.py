"""Averages of gradients that travel between ranks as 16-bit numbers: half the bytes of float32.

Each rank gets one part of the gradients from all ranks, takes its mean in float32, and sends that mean to all. A number is
so rounded twice, however many ranks there are, and all ranks end with the same bits. A rank that averages in 16 bits
step by step, as an MPI sum of float16 does, rounds once more for each rank, and may overflow.

Before it is rounded, each part is multiplied by a power of two, which travels with it: its largest number is then in
the upper part of float16's range. Nothing below 3.3e38 overflows. In float16, a number below 2^-28 of the largest one of its part has
fewer digits, and one below 2^-39 becomes 0. Infinity and NaN stay what they are, so that loss scaling sees them.
"""

from collections.abc import Sequence
from typing import Any

from common.backends import Backend

FORMATS = ("float16", "bfloat16")
EXPONENT_BITS_AT, LARGEST_EXPONENT = 23, 14  # of float32 in its 32 bits; of the largest number of a part, after scaling
BIAS, NOT_FINITE = 127, 255  # of the exponent of float32


def average(tensors: Sequence[Any], dtype: str, backend: Backend) -> list[Any]:
    """Return the means of float32 tensors over ranks, the same bits on all ranks.

    Args:
        tensors: TensorFlow tensors, of the same shapes on all ranks.
        dtype: one of FORMATS.
        backend: the ranks.
    """
    import tensorflow as tf

    if not tensors:
        return []
    sizes = [tf.size(tensor) for tensor in tensors]
    padding = -tf.add_n(sizes) % backend.size()
    numbers = tf.concat([*(tf.reshape(tensor, [-1]) for tensor in tensors), tf.zeros(padding)], 0)
    parts = backend.exchange_rows(to_half_width(tf.reshape(numbers, [backend.size(), -1]), dtype))
    mean = tf.reduce_mean(to_float32(parts, dtype), 0, keepdims=True)
    means = tf.reshape(to_float32(backend.gather_rows(to_half_width(mean, dtype)), dtype), [-1])
    flat = tf.split(means, [*sizes, padding])[:-1]
    shaped = [tf.reshape(mean, tf.shape(tensor)) for mean, tensor in zip(flat, tensors, strict=True)]
    return [tf.ensure_shape(mean, tensor.shape) for mean, tensor in zip(shaped, tensors, strict=True)]


def to_half_width(rows: Any, dtype: str) -> Any:
    """Round (rows, n) float32 to a 16-bit format: (rows, 2 + n) whose bits travel as float16, which all libraries know.

    Before the numbers of a row stands its factor, a float32 in the place of two.
    """
    import tensorflow as tf

    extremes = tf.reduce_max(rows, axis=1, keepdims=True), tf.reduce_min(rows, axis=1, keepdims=True)
    largest = tf.maximum(*map(tf.abs, extremes))  # without a copy of all numbers for their absolute values
    exponent = tf.bitwise.right_shift(tf.bitcast(largest, tf.int32), EXPONENT_BITS_AT)
    factor_exponent = tf.clip_by_value(2 * BIAS + LARGEST_EXPONENT - exponent, 1, NOT_FINITE - 1)
    factor_exponent = tf.where(exponent == NOT_FINITE, BIAS, factor_exponent)  # infinity times 1
    factor = tf.bitcast(tf.bitwise.left_shift(factor_exponent, EXPONENT_BITS_AT), tf.float32)
    rounded = tf.bitcast(tf.cast(rows * factor, dtype), tf.float16)
    return tf.concat([tf.bitcast(factor, tf.float16)[:, 0], rounded], 1)


def to_float32(rows: Any, dtype: str) -> Any:
    """Return the numbers, (rows, n) float32, of the rows that `to_half_width` makes."""
    import tensorflow as tf

    factor = tf.bitcast(rows[:, :2], tf.float32)[:, tf.newaxis]
    return tf.cast(tf.bitcast(rows[:, 2:], dtype), tf.float32) / factor
