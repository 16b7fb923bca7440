"""The patches of each rank: all ranks together see each patch once an epoch, in the same number of steps."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

import common.distributed as hvd
from common.training.batches import epoch_order, steps_per_epoch, training_batches, validation_batches


class Indexed:
    """Patches of one pixel that hold their own index."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def origins(self, indices: np.ndarray) -> list[str]:
        return ["made"] * len(indices)

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return {"target": indices.astype(np.uint16).reshape(-1, 1, 1, 1)}

    def signature(self) -> dict[str, tf.TensorSpec]:
        return {"target": tf.TensorSpec((None, 1, 1, 1), tf.uint16)}

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return patches["target"], patches["target"]


def indices_in(batches: tf.data.Dataset) -> list[np.ndarray]:
    """Return the patch indices of each batch."""
    return [target.numpy().ravel() for _, target in batches]


@pytest.mark.parametrize("patches", [1, 7, 16, 17, 41])
def test_steps_are_the_same_and_each_patch_is_seen(patches: int, ranks: int) -> None:
    batch_size = 4
    orders = hvd.allgather_object(epoch_order(patches, batch_size, seed=3, epoch=2))
    steps = -(-patches // (batch_size * ranks))
    assert [order.shape for order in orders] == [(steps, batch_size)] * ranks
    assert steps_per_epoch(patches, batch_size) == steps
    indices, counts = np.unique(np.concatenate(orders), return_counts=True)
    assert indices.tolist() == list(range(patches))
    if patches % (batch_size * ranks) == 0:
        assert set(counts) == {1}  # no patch is seen twice


@pytest.mark.parametrize("patches", [16, 41])
def test_a_step_sees_the_joined_batch_of_one_process(patches: int, ranks: int, alone: Callable) -> None:
    orders = hvd.allgather_object(epoch_order(patches, 4, seed=3, epoch=2))
    with alone():
        single = epoch_order(patches, 4 * ranks, seed=3, epoch=2)
    np.testing.assert_array_equal(np.concatenate(orders, axis=1), single)


def test_training_batches_follow_the_order() -> None:
    patches, batch_size = 17, 4
    steps = steps_per_epoch(patches, batch_size)
    seen = np.stack(indices_in(training_batches(Indexed(patches), batch_size, seed=1).take(2 * steps)))
    expected = np.concatenate([epoch_order(patches, batch_size, 1, epoch) for epoch in (0, 1)])
    np.testing.assert_array_equal(seen, expected)
    everywhere = np.concatenate([part[:steps] for part in hvd.allgather_object(seen)])
    assert set(everywhere.ravel()) == set(range(patches))


@pytest.mark.parametrize("patches", [1, 9, 10])
def test_each_validation_patch_is_seen_by_one_rank(patches: int, ranks: int) -> None:
    parts = hvd.allgather_object(np.concatenate([*indices_in(validation_batches(Indexed(patches), 2)), []]))
    assert sorted(np.concatenate(parts)) == list(range(patches))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
