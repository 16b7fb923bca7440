"""The MPI launcher, the libraries that join the ranks that it starts, settings of Open MPI, and the cores of each rank, for
`common/distributed.py`. Imports no other room.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Backend(Protocol):
    """The ranks of an MPI launcher, joined by a library. All ranks make the same calls in the same order."""

    def mpi(self) -> str:
        """Return name and version of the MPI library."""

    def rank(self) -> int: ...

    def size(self) -> int: ...

    def local_rank(self) -> int: ...

    def local_size(self) -> int: ...

    def average(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the means of TensorFlow tensors over ranks, in few messages; their gradients are averaged, too."""

    def exchange_rows(self, rows: Any) -> Any:
        """Send row r of a TensorFlow tensor, (ranks, n) float16, to rank r; return the rows from all ranks, (ranks, n)."""

    def gather_rows(self, row: Any) -> Any:
        """Return the rows that the ranks pass, each (1, n) float16, in the order of the ranks, (ranks, n)."""

    def broadcast_variables(self, variables: Iterable[Any], root_rank: int) -> None:
        """Set Keras variables to their values on `root_rank`."""

    def broadcast_object(self, value: T, root_rank: int) -> T:
        """Return the value that `root_rank` passes."""

    def allgather_object(self, value: T) -> list[T]:
        """Return the values of all ranks, in the order of the ranks."""

    def exchange_objects(self, values: Sequence[T]) -> list[T]:
        """Send value r to rank r; return the values from all ranks, in the order of the ranks."""
