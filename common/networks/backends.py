"""Two operations that networks take from TensorFlow, and their counterparts on other Keras backends.

Layers otherwise use `keras.ops`, so that networks also run where TensorFlow is missing; the third operation is in
`batch_normalization.py`. `docs/gpu.md` lists what else of
this software needs TensorFlow.
"""

import contextlib
import functools
import operator
from collections.abc import Sequence

import keras


def add_all(tensors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Return the sum of tensors of one shape, at least one.

    TensorFlow adds them in one operation. One after another takes longer, and the sum of four may differ in the last bit.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.add_n(tensors)
    return functools.reduce(operator.add, tensors)


def computed_before(tensors: Sequence[keras.KerasTensor]) -> contextlib.AbstractContextManager:
    """Return a context whose operations TensorFlow computes after these tensors, so that it holds less in memory at once.

    Other backends choose the order themselves.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.control_dependencies(tensors)
    return contextlib.nullcontext()
