"""Batches: shards, steps and orders for any number of ranks, flips and turns, validation once."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import common.distributed as hvd
from common.pixels.degrade import block_mean
from common.training.batches import (
    epoch_order,
    steps_per_epoch,
    training_batches,
    turn_all,
    turn_image,
    validation_batches,
)

patch_counts, batch_sizes, rank_counts = st.integers(1, 60), st.integers(1, 7), st.integers(1, 5)
seeds, epochs = st.integers(0, 5), st.integers(0, 5)


class Numbered:
    """Patches whose pixels tell their number; the target's tell where in the patch they are, too."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def origins(self, numbers: np.ndarray) -> list[str]:
        return ["made"] * len(numbers)

    def read(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        fine = 100 * numbers[:, None, None, None] + np.arange(16).reshape(1, 4, 4, 1)
        coarse = np.stack([block_mean(image, 2) for image in fine])
        return {"coarse": coarse, "fine": fine.astype(np.float32), "number": numbers}

    def signature(self) -> dict[str, tf.TensorSpec]:
        images = {name: tf.TensorSpec((None, side, side, 1), tf.float32) for name, side in (("coarse", 2), ("fine", 4))}
        return {**images, "number": tf.TensorSpec((None,), tf.int64)}

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        return {"coarse": patches["coarse"], "number": patches["number"]}, patches["fine"]


@contextmanager
def as_rank(rank: int, size: int) -> Iterator[None]:
    """Be one of so many ranks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hvd, "rank", lambda: rank)
        patch.setattr(hvd, "size", lambda: size)
        yield


def orders(patches: int, batch_size: int, ranks: int, seed: int, epoch: int) -> np.ndarray:
    """The orders of all ranks, (ranks, steps, batch_size)."""
    found = []
    for rank in range(ranks):
        with as_rank(rank, ranks):
            found.append(epoch_order(patches, batch_size, seed, epoch))
            assert len(found[-1]) == steps_per_epoch(patches, batch_size)
    return np.stack(found)  # fails where ranks take different numbers of steps


@given(patch_counts, batch_sizes, rank_counts, seeds, epochs)
def test_an_epoch_sees_every_patch(patches, batch_size, ranks, seed, epoch):
    order = orders(patches, batch_size, ranks, seed, epoch)
    seen = np.bincount(order.ravel(), minlength=patches)
    assert len(seen) == patches
    assert seen.min() >= 1
    spare = order.size - patches  # the last step is filled up
    assert 0 <= spare < batch_size * ranks
    if spare <= patches:
        assert seen.max() <= 2


@given(patch_counts, batch_sizes, rank_counts, seeds, epochs)
def test_ranks_share_the_batch_of_one_process(patches, batch_size, ranks, seed, epoch):
    together = orders(patches, batch_size, ranks, seed, epoch)
    alone = orders(patches, batch_size * ranks, 1, seed, epoch)[0]
    assert len(alone) == together.shape[1]
    for step, batch in enumerate(alone):
        assert sorted(batch) == sorted(together[:, step].ravel())


def test_epochs_and_seeds_differ_and_repeat():
    drawn = {(seed, epoch): tuple(epoch_order(40, 8, seed, epoch).ravel()) for seed in range(3) for epoch in range(3)}
    assert len(set(drawn.values())) == 9
    assert tuple(epoch_order(40, 8, 2, 1).ravel()) == drawn[2, 1]


def symmetries(image: np.ndarray) -> list[bytes]:
    """The eight flips and quarter turns of (H, H)."""
    return [np.ascontiguousarray(np.rot90(flipped, k)).tobytes() for flipped in (image, image.T) for k in range(4)]


def test_turns_are_the_eight_symmetries():
    image = np.arange(9, dtype=np.uint16).reshape(3, 3)
    turned = [np.asarray(turn_image(image[None, ..., None], turn))[0, ..., 0].tobytes() for turn in range(8)]
    assert turned[0] == image.tobytes()
    assert sorted(turned) == sorted(symmetries(image))
    assert len(set(turned)) == 8


@pytest.mark.parametrize("turn", range(8))
def test_inputs_and_target_turn_together(turn):
    """A coarse image stays the block mean of the fine one."""
    patches = Numbered(3).read(np.array([2, 0]))
    turned = {name: np.asarray(array) for name, array in turn_all(patches, turn).items()}
    for coarse, fine in zip(turned["coarse"], turned["fine"], strict=True):
        np.testing.assert_array_equal(coarse, block_mean(fine, 2))
    np.testing.assert_array_equal(turned["number"], [2, 0])
    assert (turned["fine"].tobytes() == patches["fine"].tobytes()) == (turn == 0)


@pytest.mark.parametrize("turn", range(8))
def test_bands_stay_together(turn):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 9999, (3, 4, 4, 6), np.uint16)
    turned = np.asarray(turn_image(images, turn))
    assert (turned.shape, turned.dtype) == (images.shape, images.dtype)
    for band in range(6):
        np.testing.assert_array_equal(turned[..., band], turn_image(images[..., band : band + 1].copy(), turn)[..., 0])


def first_batches(count: int, patches: int = 10, first_epoch: int = 0, seed: int = 4) -> list[tuple[dict, np.ndarray]]:
    batches = training_batches(Numbered(patches), 4, seed, first_epoch)
    return list(itertools.islice(batches.as_numpy_iterator(), count))


def test_training_batches_follow_the_order():
    found = first_batches(6)  # two epochs of three steps
    expected = np.concatenate([epoch_order(10, 4, 4, epoch) for epoch in (0, 1)])
    np.testing.assert_array_equal([inputs["number"] for inputs, _ in found], expected)
    for inputs, target in found:
        whole = Numbered(10).read(inputs["number"])["fine"]
        for coarse, fine, plain in zip(inputs["coarse"], target, whole, strict=True):
            np.testing.assert_array_equal(coarse, block_mean(fine, 2))
            assert fine[..., 0].tobytes() in symmetries(plain[..., 0])


def test_training_batches_are_turned():
    turned = [
        target.tobytes() != Numbered(10).read(inputs["number"])["fine"].tobytes()
        for inputs, target in first_batches(24)
    ]
    assert any(turned)
    assert not all(turned)


def test_a_resumed_run_sees_what_it_would_have_seen():
    whole, resumed = first_batches(9), first_batches(6, first_epoch=1)
    for (a, fine_a), (b, fine_b) in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(a["number"], b["number"])
        np.testing.assert_array_equal(fine_a, fine_b)


def test_batches_have_known_shapes():
    inputs, target = training_batches(Numbered(10), 4, 0).element_spec
    assert inputs["coarse"].shape[1:] == (2, 2, 1)
    assert target.shape[1:] == (4, 4, 1)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4))
def test_validation_sees_every_patch_once(patches, batch_size, ranks):
    seen = []
    for rank in range(ranks):
        with as_rank(rank, ranks):
            batches = list(validation_batches(Numbered(patches), batch_size).as_numpy_iterator())
        assert all(0 < len(target) <= batch_size for _, target in batches)
        for inputs, target in batches:
            np.testing.assert_array_equal(target, Numbered(patches).read(inputs["number"])["fine"])
            seen += inputs["number"].tolist()
    assert sorted(seen) == list(range(patches))
