"""Numbers as they travel in 16 bits. `tests/mpi/test_averaging.py` averages them over ranks."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from common.backends import half_width

ROUNDING = {"float16": 2.0**-11, "bfloat16": 2.0**-8}  # largest relative error of a number that is rounded once
ALONE = SimpleNamespace(size=lambda: 1, exchange_rows=lambda rows: rows, gather_rows=lambda row: row)  # the only rank


def there_and_back(rows: np.ndarray, dtype: str) -> np.ndarray:
    """Return the numbers that arrive."""
    on_the_way = half_width.to_half_width(tf.constant(rows, tf.float32), dtype)
    assert (on_the_way.dtype.size, tuple(on_the_way.shape)) == (2, (rows.shape[0], rows.shape[1] + 2))
    return half_width.to_float32(on_the_way, dtype).numpy()


@pytest.mark.parametrize("dtype", half_width.FORMATS)
@pytest.mark.parametrize("size", [1e-24, 1.0, 65504.0, 1e30])
def test_numbers_of_all_sizes_are_rounded_and_none_overflows(size: float, dtype: str) -> None:
    rows = size * np.random.default_rng(0).uniform(-1, 1, (3, 1000)).astype(np.float32)
    rows[1] *= 1e-6  # each row has a factor of its own
    error = np.abs(there_and_back(rows, dtype) - rows)
    assert (error <= ROUNDING[dtype] * np.abs(rows) + 2.0**-39 * np.abs(rows).max(axis=1, keepdims=True)).all()
    assert error.max() > ROUNDING[dtype] / 4 * size


@pytest.mark.parametrize("dtype", half_width.FORMATS)
def test_the_smallest_numbers_keep_digits_beside_the_largest(dtype: str) -> None:
    rows = np.array([[60000.0, 60000.0 * 2.0**-28, 0.0, -1.0]])
    np.testing.assert_allclose(there_and_back(rows, dtype), rows, rtol=ROUNDING[dtype])
    assert there_and_back(np.zeros((2, 3)), dtype).tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("dtype", half_width.FORMATS)
def test_numbers_that_are_not_finite_stay_so(dtype: str) -> None:
    rows = np.array([[1.0, np.inf, -np.inf], [1.0, np.nan, 2.0], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(there_and_back(rows, dtype), rows)


def test_a_mean_has_the_shapes_of_the_tensors() -> None:
    tensors = [tf.fill(shape, float(index + 1)) for index, shape in enumerate([(), (3,), (2, 1, 2), (0,)])]
    for mean, tensor in zip(half_width.average(tensors, "float16", ALONE), tensors, strict=True):
        np.testing.assert_array_equal(mean.numpy(), tensor.numpy())
    assert half_width.average([], "float16", ALONE) == []
