"""Ranks that mpi4py joins; the only file that imports it. It needs no compiler: its wheels load the MPI that they find.

Gradients travel as buffers, all of one dtype in one message. A rank that waits for others sleeps, under any MPI, so that
ranks can share cores. TensorFlow calls MPI from a thread of its own while the main thread waits for the step: never two
calls at once, and on all ranks in the order of the program, because TensorFlow keeps the order of stateful operations.
"""

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from common.backends.launcher import first_words

T = TypeVar("T")

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 2e-5, 1e-3  # pauses double, so that a rank oversleeps by no more than it has waited


class Mpi4py:
    """The ranks of an MPI launcher, joined by mpi4py. The methods are those of `Backend`.

    Raises:
        ImportError: mpi4py is missing.
        RuntimeError: there is no MPI library.
    """

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a launcher of another MPI, for which we have an error
            from mpi4py import MPI

        self._mpi = MPI
        self._ranks = MPI.COMM_WORLD.Dup()  # messages of its own, if other code also uses MPI
        self._node = self._ranks.Split_type(MPI.COMM_TYPE_SHARED)
        self._sums: dict[np.dtype, np.ndarray] = {}
        self._report, sys.excepthook = sys.excepthook, self._end_job

    def _end_job(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Report an error that nothing has caught, and end all ranks: MPI_Finalize would wait for them, and they for this one."""
        self._report(kind, error, traceback)
        sys.stderr.flush()
        self._ranks.Abort(1)

    def mpi(self) -> str:
        return first_words(self._mpi.Get_library_version())

    def rank(self) -> int:
        return self._ranks.rank

    def size(self) -> int:
        return self._ranks.size

    def local_rank(self) -> int:
        return self._node.rank

    def local_size(self) -> int:
        return self._node.size

    def average(self, tensors: Sequence[Any]) -> list[Any]:
        import tensorflow as tf

        @tf.custom_gradient
        def average_all(*tensors: Any) -> tuple[list[Any], Any]:
            return self._average_fused(tensors), lambda *gradients: self._average_fused(gradients)

        return list(average_all(*(tf.convert_to_tensor(tensor) for tensor in tensors))) if tensors else []

    def _average_fused(self, tensors: Sequence[Any]) -> list[Any]:
        """Average the tensors in one call out of TensorFlow."""
        import tensorflow as tf

        dtypes = [tensor.dtype for tensor in tensors]
        means = tf.nest.flatten(tf.numpy_function(self._average_arrays, tensors, dtypes))
        return [tf.ensure_shape(mean, tensor.shape) for mean, tensor in zip(means, tensors, strict=True)]

    def _average_arrays(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the means over ranks; all arrays of one dtype are one message."""
        self._wait_for_all()
        means = list(arrays)
        for dtype in {array.dtype: None for array in arrays}:
            indices = [index for index, array in enumerate(arrays) if array.dtype == dtype]
            ends = np.cumsum([arrays[index].size for index in indices])
            total = self._sum([arrays[index].reshape(-1) for index in indices])
            for index, part in zip(indices, np.split(total, ends[:-1]), strict=True):
                means[index] = (part / self.size()).astype(dtype, copy=False).reshape(arrays[index].shape)
        return means

    def _sum(self, parts: Sequence[np.ndarray]) -> np.ndarray:
        """Return the sum over ranks of arrays of one dtype, joined; float16 and bfloat16 are summed in float32.

        It is overwritten by the next call: the system would first fill a new array of this size with zeros, page by page.
        """
        dtype, size = parts[0].dtype, sum(map(len, parts))
        dtype = np.dtype(np.float32) if dtype.itemsize < 4 else dtype
        if dtype not in self._sums or len(self._sums[dtype]) < size:
            self._sums[dtype] = np.empty(size, dtype)
        total = self._sums[dtype][:size]
        np.concatenate(parts, out=total, casting="unsafe")
        self._ranks.Allreduce(self._mpi.IN_PLACE, total)
        return total

    def exchange_rows(self, rows: Any) -> Any:
        return self._move(self._ranks.Alltoall, rows)

    def gather_rows(self, row: Any) -> Any:
        return self._move(self._ranks.Allgather, row)

    def _move(self, send: Callable[[np.ndarray, np.ndarray], None], rows: Any) -> Any:
        """Return (ranks, n) float16 that a collective call makes of the rows of all ranks, as bits: MPI knows no float16."""
        import tensorflow as tf

        def move(rows: np.ndarray) -> np.ndarray:
            self._wait_for_all()
            received = np.empty((self.size(), rows.shape[1]), np.uint16)
            send(rows.view(np.uint16), received)
            return received.view(np.float16)

        return tf.ensure_shape(tf.numpy_function(move, [rows], tf.float16), [self.size(), rows.shape[1]])

    def broadcast_variables(self, variables: Iterable[Any], root_rank: int) -> None:
        self._wait_for_all()
        for variable in variables:
            value = np.array(variable)
            self._ranks.Bcast(value.reshape(-1).view(np.uint8), root_rank)  # bytes: MPI knows no bfloat16
            variable.assign(value)

    def broadcast_object(self, value: T, root_rank: int) -> T:
        self._wait_for_all()
        return self._ranks.bcast(value, root_rank)

    def allgather_object(self, value: T) -> list[T]:
        self._wait_for_all()
        return self._ranks.allgather(value)

    def exchange_objects(self, values: Sequence[T]) -> list[T]:
        self._wait_for_all()
        return self._ranks.alltoall(list(values))

    def _wait_for_all(self) -> None:
        """Sleep until all ranks have come here. What they do next together is then short."""
        request, pause = self._ranks.Ibarrier(), SHORTEST_PAUSE_S
        while not request.Test():
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
