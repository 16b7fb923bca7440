"""Validation sums: they add up over batches, and give mean absolute error and RMSE."""

import numpy as np
import pytest
import tensorflow as tf

from superres.training.validation import error_sums, summarize_errors


def predict_zero(inputs: dict[str, tf.Tensor], training: bool = True) -> tf.Tensor:
    """Stand for a model whose estimate is zero in inference."""
    return tf.zeros_like(inputs["input_10m"]) + float(training)


@pytest.mark.parametrize("sizes", [[5], [3, 2], [1, 1, 3]])
def test_sums_over_batches_give_the_errors_of_all_patches(sizes: list[int]) -> None:
    targets = np.random.default_rng(0).normal(size=(5, 4, 4, 6)).astype(np.float32)
    sums = np.zeros(3)
    for batch in np.split(targets, np.cumsum(sizes)[:-1]):
        sums += error_sums(predict_zero, ({"input_10m": tf.constant(batch)}, tf.constant(batch)))
    summary = summarize_errors(sums)
    assert summary["val_loss"] == pytest.approx(np.abs(targets).mean(), rel=1e-5)
    assert summary["val_rmse"] == pytest.approx(2000 * np.sqrt((targets**2).mean()), rel=1e-5)
