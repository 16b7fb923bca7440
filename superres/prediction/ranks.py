"""The ranks that sharpen one scene together: each predicts some columns of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

import common.distributed as hvd

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class RankGroup:
    """The ranks that work on one scene together: all ranks, or one rank alone.

    Attributes:
        rank: number of this rank in the group, 0 to size - 1. Rank 0 writes the result.
        size: number of ranks in the group.
    """

    rank: int = 0
    size: int = 1

    def share(self, items: Sequence[Item], work: Callable[[Item], Result]) -> list[Result]:
        """Return on all ranks the results of the work on each item, in the order of the items. The ranks share the items.

        Every rank of the group must call this with the same items.

        Raises:
            S2Error: a rank of the group raised it; on all ranks of the group.
        """
        if self.size == 1:
            return [work(item) for item in items]
        own = range(self.rank, len(items), self.size)
        return hvd.gather_in_order(hvd.call_together(lambda: {number: [work(items[number])] for number in own}))

    def join_columns(self, own_columns: np.ndarray) -> np.ndarray:
        """Return on all ranks the columns of all ranks, from left to right.

        Args:
            own_columns: (rows, columns of this rank, bands); all ranks pass the same number of rows and bands.

        Returns:
            (rows, columns of all ranks, bands).
        """
        return own_columns if self.size == 1 else np.concatenate(hvd.allgather_object(own_columns), axis=1)

    def iterate_together(self, own_results: Iterator[Item]) -> Iterator[Item]:
        """Yield this rank's results, one for each strip, and stop all ranks if one of them fails.

        Every rank of the group has the same number of results and must iterate over all of them.

        Raises:
            S2Error: a rank of the group raised it; on all ranks of the group, so that each removes its unfinished files.
        """

        def next_result() -> Item | None:
            return next(own_results, None) if self.size == 1 else hvd.call_together(lambda: next(own_results, None))

        return iter(next_result, None)  # until it returns None; keeps no result, unlike a loop that yields it
