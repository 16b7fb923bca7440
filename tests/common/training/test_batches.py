"""Batches: shares, steps and orders for any number of ranks; each validation patch once."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.python.autograph.impl import api as autograph

import common.distributed as hvd
from common.errors import PatchFileError
from common.training.batches import (
    BEGINNING,
    Start,
    draw_patches,
    epoch_order,
    own_read_errors,
    steps_per_epoch,
    training_batches,
    validation_batches,
)
from tests.support.block_means import block_mean
from tests.support.turns import symmetries

patch_counts, batch_sizes, rank_counts = st.integers(1, 60), st.integers(1, 7), st.integers(1, 5)
seeds, epochs = st.integers(0, 5), st.integers(0, 5)


class Indexed:
    """Patches whose pixels tell the index of the patch; those of the target also tell their own place in it."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def origins(self, indices: np.ndarray) -> list[str]:
        return ["made"] * len(indices)

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        fine = 100 * indices[:, None, None, None] + np.arange(16).reshape(1, 4, 4, 1)
        coarse = np.stack([block_mean(image, 2) for image in fine])
        return {"coarse": coarse.astype(np.float32), "fine": fine.astype(np.float32), "index": indices}

    def signature(self) -> dict[str, tf.TensorSpec]:
        images = {name: tf.TensorSpec((None, side, side, 1), tf.float32) for name, side in (("coarse", 2), ("fine", 4))}
        return {**images, "index": tf.TensorSpec((None,), tf.int64)}

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        return {"coarse": patches["coarse"], "index": patches["index"]}, patches["fine"]


@contextmanager
def as_rank(rank: int, size: int) -> Iterator[None]:
    """Run as rank `rank` of `size` ranks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hvd, "rank", lambda: rank)
        patch.setattr(hvd, "size", lambda: size)
        yield


def orders(patches: int, batch_size: int, ranks: int, seed: int, epoch: int, done: int = 0) -> np.ndarray:
    """Return the orders of all ranks, (ranks, steps, batch_size)."""
    rank_orders = []
    for rank in range(ranks):
        with as_rank(rank, ranks):
            rank_orders.append(epoch_order(patches, batch_size, seed, epoch, done))
            assert len(rank_orders[-1]) == steps_per_epoch(patches - done, batch_size)
    return np.stack(rank_orders)  # fails if ranks take different numbers of steps


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
def test_ranks_share_the_batches_of_one_process(patches, batch_size, ranks, seed, epoch):
    together = orders(patches, batch_size, ranks, seed, epoch)
    alone = orders(patches, batch_size * ranks, 1, seed, epoch)[0]
    assert len(alone) == together.shape[1]
    for step, batch in enumerate(alone):
        assert sorted(batch) == sorted(together[:, step].ravel())


def test_other_epochs_and_seeds_give_other_orders():
    drawn = {(seed, epoch): tuple(epoch_order(40, 8, seed, epoch).ravel()) for seed in range(3) for epoch in range(3)}
    assert len(set(drawn.values())) == 9
    assert tuple(epoch_order(40, 8, 2, 1).ravel()) == drawn[2, 1]


@given(st.lists(st.floats(1, 20), min_size=1, max_size=40), seeds)
def test_patches_come_as_often_as_their_weights_ask(weights, seed):
    """Rounded down or up in each epoch, and each epoch has as many patches as without weights."""
    wanted = len(weights) * np.array(weights) / np.sum(weights)
    drawn = draw_patches(np.random.default_rng(seed), len(weights), np.array(weights))
    counts = np.bincount(drawn, minlength=len(weights))
    assert len(drawn) == len(counts) == len(weights)
    assert (np.abs(counts - wanted) < 1 + 1e-9).all()
    assert set(draw_patches(np.random.default_rng(seed), len(weights))) == set(range(len(weights)))


def test_each_patch_comes_as_often_as_its_weight_asks_over_many_epochs():
    weights = np.array([1, 1, 1, 1, 4, 2])
    epochs = [draw_patches(np.random.default_rng(seed), 6, weights) for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(np.ravel(epochs)) / 2000, 0.6 * weights, atol=0.05)


@given(patch_counts, batch_sizes, rank_counts, rank_counts, seeds, epochs, st.data())
def test_an_epoch_goes_on_inside(patches, batch_size, ranks, other_ranks, seed, epoch, data):
    """After some steps, also on another number of ranks: no patch is left out, and only the last step is filled up."""
    whole = orders(patches, batch_size, ranks, seed, epoch)
    steps = data.draw(st.integers(0, whole.shape[1] - 1))
    with as_rank(0, ranks):
        start = Start(epoch).after(epoch, steps, patches, batch_size)
    rest = orders(patches, batch_size, other_ranks, seed, epoch, start.patches)
    if other_ranks == ranks:
        np.testing.assert_array_equal(rest, whole[:, steps:])
    seen = np.concatenate([whole[:, :steps].ravel(), rest.ravel()])
    assert set(seen) == set(range(patches))
    assert len(seen) - patches < batch_size * other_ranks
    with as_rank(0, other_ranks):
        first = start.step(patches, batch_size)
        assert first + rest.shape[1] == steps_per_epoch(patches, batch_size)
        step = batch_size * other_ranks
        assert start.after(epoch, first + 1, patches, batch_size).patches == min(patches, start.patches + step)
        assert start.after(epoch + 1, 1, patches, batch_size) == Start(epoch + 1, min(patches, step))
        end = start.after(epoch, first + rest.shape[1], patches, batch_size)
        assert end == Start(epoch, patches)
    with as_rank(0, ranks):
        assert end.step(patches, batch_size) == steps_per_epoch(patches, batch_size)


def first_batches(
    count: int, patches: int = 10, start: Start = BEGINNING, seed: int = 4
) -> list[tuple[dict, np.ndarray]]:
    batches = training_batches(Indexed(patches), 4, seed, start)
    return list(itertools.islice(batches.as_numpy_iterator(), count))


def test_training_batches_follow_the_order():
    batches = first_batches(6)  # two epochs of three steps
    expected = np.concatenate([epoch_order(10, 4, 4, epoch) for epoch in (0, 1)])
    np.testing.assert_array_equal([inputs["index"] for inputs, _ in batches], expected)
    for inputs, target in batches:
        whole = Indexed(10).read(inputs["index"])["fine"]
        for coarse, fine, plain in zip(inputs["coarse"], target, whole, strict=True):
            np.testing.assert_array_equal(coarse, block_mean(fine, 2))
            assert fine[..., 0].tobytes() in symmetries(plain[..., 0])


def test_training_batches_are_turned():
    turned = [
        target.tobytes() != Indexed(10).read(inputs["index"])["fine"].tobytes() for inputs, target in first_batches(24)
    ]
    assert any(turned)
    assert not all(turned)


def test_a_resumed_run_sees_the_same_batches():
    whole, resumed = first_batches(9), first_batches(5, start=Start(1, patches=4))
    for (a, fine_a), (b, fine_b) in zip(whole[4:], resumed, strict=True):
        np.testing.assert_array_equal(a["index"], b["index"])
        np.testing.assert_array_equal(fine_a, fine_b)


def test_batches_have_known_shapes():
    inputs, target = training_batches(Indexed(10), 4, 0).element_spec
    assert inputs["coarse"].shape[1:] == (2, 2, 1)
    assert target.shape[1:] == (4, 4, 1)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4))
def test_validation_sees_every_patch_once(patches, batch_size, ranks):
    seen = []
    for rank in range(ranks):
        with as_rank(rank, ranks):
            batches = list(validation_batches(Indexed(patches), batch_size).as_numpy_iterator())
        assert all(0 < len(target) <= batch_size for _, target in batches)
        for inputs, target in batches:
            np.testing.assert_array_equal(target, Indexed(patches).read(inputs["index"])["fine"])
            seen += inputs["index"].tolist()
    assert sorted(seen) == list(range(patches))


class Damaged(Indexed):
    """Patches that cannot be read."""

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        raise PatchFileError("a.h5 is damaged; give another file.")


def test_an_error_of_a_source_is_raised_as_it_is() -> None:
    for make_batches in (lambda: training_batches(Damaged(5), 2, seed=0), lambda: validation_batches(Damaged(5), 2)):
        with pytest.raises(PatchFileError, match=r"^a.h5 is damaged; give another file\.$"), own_read_errors():
            next(iter(make_batches()))


def test_other_errors_of_tensorflow_are_left_as_they_are() -> None:
    with pytest.raises(tf.errors.OpError), own_read_errors():
        tf.ensure_shape(tf.zeros(3), [2])


def test_errors_of_an_earlier_pipeline_are_not_meant() -> None:
    """It may still read ahead."""
    with own_read_errors():
        earlier = iter(validation_batches(Damaged(5), 2))
    with pytest.raises(tf.errors.OpError, match="EnsureShape"), own_read_errors():
        with pytest.raises(tf.errors.OpError):
            next(earlier)
        tf.ensure_shape(tf.zeros(3), [2])


def test_training_batches_follow_the_weights():
    weights = np.array([1] * 9 + [9])
    batches = itertools.islice(training_batches(Indexed(10), 4, 4, weights=weights).as_numpy_iterator(), 3)
    seen = [inputs["index"] for inputs, _ in batches]
    np.testing.assert_array_equal(seen, epoch_order(10, 4, 4, 0, weights=weights))
    assert np.bincount(np.ravel(seen)[:10], minlength=10)[9] == 5


def test_tensorflow_knows_the_size_of_training_batches_alone() -> None:
    """The last validation batch may be smaller. A graph of known shapes has fewer operations, so a training starts earlier."""
    (inputs, target), (own_inputs, own_target) = (
        batches.element_spec for batches in (training_batches(Indexed(5), 2, 0), validation_batches(Indexed(5), 2))
    )
    assert (inputs["coarse"].shape, target.shape) == ((2, 2, 2, 1), (2, 4, 4, 1))
    assert (own_inputs["coarse"].shape[0], own_target.shape[0]) == (None, None)


def test_tensorflow_does_not_convert_our_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take tenths of a second, and there is nothing to convert."""
    converted = []
    monkeypatch.setattr(autograph, "_convert_actual", lambda function, _: converted.append(function))
    training_batches(Indexed(5), 2, 0)
    validation_batches(Indexed(5), 2)
    assert converted == []
