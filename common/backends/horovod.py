"""Ranks that Horovod joins; the only file that imports it.

Horovod 0.28's Keras wrappers use the optimizer interface of Keras 2. Under Keras 3 they fail, or silently average
nothing. This file uses Horovod's TensorFlow operations instead.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


class Horovod:
    """The ranks of an MPI launcher, joined by Horovod. The methods are those of `Backend` in `common/distributed.py`.

    Raises:
        ImportError: Horovod is missing, or does not fit the installed TensorFlow.
    """

    def __init__(self) -> None:
        # A rank may wait for minutes while another cuts patches; Horovod warns after one minute by default.
        os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", "600")
        import horovod.tensorflow as horovod

        horovod.init()
        self._horovod = horovod

    def rank(self) -> int:
        return self._horovod.rank()

    def size(self) -> int:
        return self._horovod.size()

    def local_rank(self) -> int:
        return self._horovod.local_rank()

    def local_size(self) -> int:
        return self._horovod.local_size()

    def average(self, tensors: Sequence[Any]) -> list[Any]:
        return self._horovod.grouped_allreduce(list(tensors), op=self._horovod.Average)

    def broadcast_variables(self, variables: Iterable[Any], root_rank: int) -> None:
        self._horovod.broadcast_variables([variable.value for variable in variables], root_rank=root_rank)

    def broadcast_object(self, value: T, root_rank: int) -> T:
        return self._horovod.broadcast_object(value, root_rank=root_rank)

    def allgather_object(self, value: T) -> list[T]:
        return self._horovod.allgather_object(value)
