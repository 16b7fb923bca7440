"""`bigearthnet/train.py` and `evaluate.py` on several ranks: equal weights, statistics and scores."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

import common.distributed as hvd
from bigearthnet import evaluate, train
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.networks.catalogue import NETWORKS
from bigearthnet.prediction.prepared_patches import Predictions, pool_predictions, predict_prepared
from bigearthnet.prediction.trained import read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from common.errors import WeightsError
from common.metrics.multilabel import classification_metrics
from common.networks.batch_statistics import AverageStatistics, SyncBatchNormalization
from common.runs import folder as run
from common.training import fit as training
from common.training.history import read_history
from common.training.progress import Progress
from tests.support.made_patches import split_names, tiny_network, write_made

SPLITS = split_names(12, 5, 7)  # 5 and 7: ranks hold unequal shares


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that compiles in a second, under the name `small`."""
    monkeypatch.setitem(NETWORKS, "small", tiny_network)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, ranks: int) -> Path:
    """A prepared file, the same for all ranks."""
    folder = hvd.broadcast_object(tmp_path_factory.mktemp("data"))
    return hvd.on_rank_zero(lambda: write_made(folder / "made.h5", SPLITS))


class Recorder(Progress):
    """Record on each rank the weights after each epoch, before the best weights are broadcast."""

    recorded: ClassVar[list[list[np.ndarray]]] = []

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        super().on_epoch_end(epoch, logs)
        self.recorded.append(self.model.get_weights())


def train_recorded(data: Path, folder: Path, *flags: str) -> list[list[np.ndarray]]:
    """Train the tiny network on all ranks; return its weights and statistics after each epoch."""
    Recorder.recorded.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", tiny_network)
        patch.setattr(training, "Progress", Recorder)
        assert train.main(words(data, folder, *flags)) == 0
    hvd.barrier()
    return list(Recorder.recorded)


@pytest.fixture(scope="module")
def run_and_weights(data: Path) -> tuple[Path, list]:
    """The folder of a run of two epochs by all ranks, and the weights after each epoch on this rank."""
    folder = data.parent / "run"
    return folder, train_recorded(data, folder)


@pytest.fixture(scope="module")
def finished(run_and_weights: tuple[Path, list]) -> Path:
    """The run folder."""
    return run_and_weights[0]


def words(data: Path, folder: Path, *flags: str) -> list[str]:
    """Return the options of a short training."""
    return [
        "--data",
        str(data),
        "--run-dir",
        str(folder),
        "--model",
        "small",
        "--epochs",
        "2",
        "--batch-size",
        "2",
        "--warmup-epochs",
        "0",
        "--log-level",
        "WARNING",
        *flags,
    ]


def test_scores_equal_scikit_learns_with_unequal_shares(ranks: int) -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((11, 4)) < 0.4).astype(np.uint8)
    probabilities = rng.random((11, 4)).astype(np.float32)
    own_rows = {0: np.arange(8), 1: np.arange(8, 11)}.get(hvd.rank(), np.empty(0, np.int64))
    pooled = pool_predictions(Predictions(own_rows, labels[own_rows], probabilities[own_rows]))
    np.testing.assert_array_equal(pooled.labels, labels)
    scores = {
        row.metric: row.value
        for row in classification_metrics(pooled.labels, pooled.probabilities, np.full(4, 0.5), list("abcd"))
        if row.name == "all"
    }
    decided = probabilities >= 0.5
    for average in ("micro", "macro"):
        assert scores[f"f1_{average}"] == pytest.approx(metrics.f1_score(labels, decided, average=average))
        assert scores[f"ap_{average}"] == pytest.approx(
            metrics.average_precision_score(labels, probabilities, average=average)
        )


def test_synchronised_normalisation_equals_that_of_the_joined_batch(ranks: int) -> None:
    """Outputs, moving statistics and gradients are equal, also for images far from zero mean."""
    images = np.random.default_rng(1).normal(100, 3, (4 * ranks, 3, 3, 2)).astype(np.float32)
    weights = np.random.default_rng(2).normal(size=images.shape).astype(np.float32)
    part = slice(4 * hvd.rank(), 4 * hvd.rank() + 4)
    ours, plain = SyncBatchNormalization(), keras.layers.BatchNormalization()
    results = []
    for layer, where in ((ours, part), (plain, slice(None))):
        source = tf.Variable(images[where])
        layer.build(source.shape)
        with tf.GradientTape() as tape:
            output = layer(source, training=True)
            loss = tf.reduce_sum(output * weights[where])
        results.append((output.numpy(), tape.gradient(loss, source).numpy(), layer.get_weights()[2:]))
    (output, gradient, moving), (expected, expected_gradient, expected_moving) = results
    np.testing.assert_allclose(output, expected[part], atol=1e-4)
    # A pixel changes the statistics of all ranks, and so the loss of each of them.
    np.testing.assert_allclose(gradient_of_all(gradient, ranks), expected_gradient, atol=2e-3)
    for statistics, expected_statistics in zip(moving, expected_moving, strict=True):
        np.testing.assert_allclose(statistics, expected_statistics, rtol=1e-5)


def gradient_of_all(gradient: np.ndarray, ranks: int) -> np.ndarray:
    """Return the gradients of all ranks, concatenated."""
    return np.concatenate(hvd.allgather_object(gradient))


def test_moving_statistics_become_their_mean(ranks: int) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    model.layers[0].moving_mean.assign([hvd.rank(), 1.0])
    callback = AverageStatistics()
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    np.testing.assert_allclose(np.asarray(model.layers[0].moving_mean), [(ranks - 1) / 2, 1])


def test_ranks_hold_equal_networks_and_statistics_after_each_epoch(
    run_and_weights: tuple[Path, list], same_on_all_ranks: Callable
) -> None:
    folder, recorded = run_and_weights
    assert len(recorded) == len(read_history(folder / run.HISTORY, 9)) == 2
    for weights in recorded:
        same_on_all_ranks(weights)


def test_synchronised_ranks_hold_equal_networks(data: Path, shared_path: Path, same_on_all_ranks: Callable) -> None:
    for weights in train_recorded(data, shared_path / "run", "--sync-batch-norm"):
        same_on_all_ranks(weights)


def test_evaluation_equals_that_of_one_process(
    data: Path, finished: Path, shared_path: Path, tmp_path: Path, alone: Callable
) -> None:
    words = ["--data", str(data), "--run-dir", str(finished), "--log-level", "WARNING", "--output"]
    assert evaluate.main([*words, str(shared_path / "many")]) == 0
    hvd.barrier()
    with alone():
        assert evaluate.main([*words, str(tmp_path / "one")]) == 0
    many, one = (read_metrics(folder / "metrics.csv") for folder in (shared_path / "many", tmp_path / "one"))
    assert [row[:4] for row in many] == [row[:4] for row in one]
    np.testing.assert_allclose([row.value for row in many], [row.value for row in one], atol=1e-6)


def test_rank_zero_reads_the_weights_of_all(finished: Path, same_on_all_ranks: Callable) -> None:
    keras.utils.set_random_seed(hvd.rank())
    model = read_trained(finished).build()
    same_on_all_ranks(model.get_weights())
    expected = read_trained(finished).build()
    expected.load_weights(finished / run.WEIGHTS)
    for weights, saved in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, saved)


def test_damaged_weights_are_one_error_of_all_ranks(finished: Path, shared_path: Path) -> None:
    if hvd.rank() == 0:
        shutil.copytree(finished, shared_path / "damaged")
        (shared_path / "damaged" / run.WEIGHTS).write_bytes(b"nothing")
    hvd.barrier()
    with pytest.raises(WeightsError, match="does not hold weights of small") as caught:
        read_trained(shared_path / "damaged").build()
    assert caught.value.on_all_ranks


def test_predictions_of_all_ranks_are_complete(data: Path, finished: Path) -> None:
    trained, file = read_trained(finished), BigEarthNetFile(data)
    rows = np.flatnonzero(np.asarray(file.splits) == "test")
    predictions = predict_prepared(trained.build(), trained.patches(file, rows), 2, "predicting")
    np.testing.assert_array_equal(predictions.rows, rows)
    np.testing.assert_array_equal(predictions.labels, file.labels[rows])
    by_rank = hvd.allgather_object(predictions.probabilities)
    np.testing.assert_array_equal(by_rank[0], by_rank[-1])
