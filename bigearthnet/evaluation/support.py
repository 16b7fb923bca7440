"""Classes by support: rare, middle and common ones, by their share of the training patches. NumPy only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RARE_BELOW, COMMON_FROM = 0.05, 0.20  # share of the training patches
RARE, MIDDLE, COMMON = "rare", "middle", "common"
RULE = (
    f"A class is {RARE} if fewer than {RARE_BELOW:.0%} of the training patches hold it, {COMMON} if at least {COMMON_FROM:.0%} "
    f"do, and else {MIDDLE}."
)


class Support(NamedTuple):
    """The classes of a prepared file by their number of patches.

    Attributes:
        class_names: C names.
        groups: group -> (C,) bool, the classes in it.
        is_tested: (C,) bool, whether a test patch holds the class.
    """

    class_names: tuple[str, ...]
    groups: dict[str, np.ndarray]
    is_tested: np.ndarray

    @property
    def untested(self) -> list[str]:
        """Names of the classes that no test patch holds."""
        return [name for name, tested in zip(self.class_names, self.is_tested, strict=True) if not tested]


def class_support(class_names: Sequence[str], train_labels: np.ndarray, test_labels: np.ndarray) -> Support:
    """Return the classes by support.

    Args:
        class_names: C names.
        train_labels: (N, C) of 0 and 1, of the training patches; their shares decide on the groups.
        test_labels: (M, C), of the test patches.
    """
    shares = np.asarray(train_labels, np.float64).mean(axis=0)
    is_rare, is_common = shares < RARE_BELOW, shares >= COMMON_FROM
    groups = {RARE: is_rare, MIDDLE: ~is_rare & ~is_common, COMMON: is_common}
    return Support(tuple(class_names), groups, np.asarray(test_labels).any(axis=0))


def describe_support(support: Support) -> str:
    """Return the rule, the number of classes in each group, and which classes the macro averages leave out."""
    counts = ", ".join(f"{int(of_group.sum())} {name}" for name, of_group in support.groups.items())
    text = f"{RULE} Here: {counts}."
    if not support.untested:
        return f"{text} Each class is in a test patch."
    return (
        f"{text} No test patch holds {', '.join(support.untested)}: F1 macro and AP macro count such a class as 0, all averages "
        f"of classes with test patches, and of groups, leave it out."
    )
