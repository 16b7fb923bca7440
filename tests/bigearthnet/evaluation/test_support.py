"""Classes by support: shares of training patches, and classes without a test patch."""

import numpy as np

from bigearthnet.evaluation.support import RULE, class_support, describe_support

NAMES = ("a", "b", "c", "d")


def labels_of(counts: list[int], patches: int = 100) -> np.ndarray:
    """Labels of patches, the first ones of which hold each class as often as its count says."""
    return (np.arange(patches)[:, None] < counts).astype(np.uint8)


def test_groups_follow_from_the_shares_of_the_training_patches() -> None:
    support = class_support(NAMES, labels_of([4, 5, 19, 20]), labels_of([1, 1, 1, 1], 3))
    assert {name: of_group.tolist() for name, of_group in support.groups.items()} == {
        "rare": [True, False, False, False],
        "middle": [False, True, True, False],
        "common": [False, False, False, True],
    }
    assert support.untested == []
    text = describe_support(support)
    assert text.startswith(RULE) and "Here: 1 rare, 2 middle, 1 common. Each class is in a test patch." in text


def test_classes_without_a_test_patch_are_named() -> None:
    support = class_support(NAMES, labels_of([50, 50, 50, 50]), labels_of([1, 0, 2, 0], 3))
    assert support.untested == ["b", "d"]
    assert "No test patch holds b, d: F1 macro and AP macro count such a class as 0" in describe_support(support)
