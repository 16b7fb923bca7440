"""Ranks that Horovod joins; the only file that imports it.

Horovod 0.28's Keras wrappers use the optimizer interface of Keras 2. Under Keras 3 they fail, or silently average
nothing. This file uses Horovod's TensorFlow operations instead.
"""

import ctypes
import os
import pickle
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from common.backends.launcher import first_words

T = TypeVar("T")


class Horovod:
    """The ranks of an MPI launcher, joined by Horovod. The methods are those of `Backend`.

    Raises:
        ImportError: Horovod is missing, or does not fit the installed TensorFlow.
    """

    def __init__(self) -> None:
        # A rank may wait for minutes while another cuts patches; Horovod warns after one minute by default.
        os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", "600")
        import horovod.tensorflow as horovod

        horovod.init()
        self._horovod = horovod

    def mpi(self) -> str:
        text, length = ctypes.create_string_buffer(2**15), ctypes.c_int()
        ctypes.CDLL(None).MPI_Get_library_version(text, ctypes.byref(length))  # Horovod loads MPI for the whole process
        return first_words(text.value.decode())

    def rank(self) -> int:
        return self._horovod.rank()

    def size(self) -> int:
        return self._horovod.size()

    def local_rank(self) -> int:
        return self._horovod.local_rank()

    def local_size(self) -> int:
        return self._horovod.local_size()

    def average(self, tensors: Sequence[Any]) -> list[Any]:
        import tensorflow as tf

        # Horovod's operations know no bfloat16.
        known = [tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor for tensor in tensors]
        means = self._horovod.grouped_allreduce(known, op=self._horovod.Average)
        return [tf.cast(mean, tensor.dtype) for mean, tensor in zip(means, tensors, strict=True)]

    def exchange_rows(self, rows: Any) -> Any:
        return self._horovod.alltoall(rows)

    def gather_rows(self, row: Any) -> Any:
        return self._horovod.allgather(row)

    def broadcast_variables(self, variables: Iterable[Any], root_rank: int) -> None:
        self._horovod.broadcast_variables([variable.value for variable in variables], root_rank=root_rank)

    def broadcast_object(self, value: T, root_rank: int) -> T:
        return self._horovod.broadcast_object(value, root_rank=root_rank)

    def allgather_object(self, value: T) -> list[T]:
        return self._horovod.allgather_object(value)

    def exchange_objects(self, values: Sequence[T]) -> list[T]:
        import numpy as np

        parts = [np.frombuffer(pickle.dumps(value), np.uint8) for value in values]
        sizes = np.array([len(part) for part in parts], np.int32)
        received, sizes = self._horovod.alltoall(np.concatenate(parts), sizes)
        return [pickle.loads(part.tobytes()) for part in np.split(received.numpy(), np.cumsum(sizes)[:-1])]
