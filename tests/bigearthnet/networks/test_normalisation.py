"""The first layer: stored bands -> zero mean and unit variance, float32."""

import keras
import numpy as np
import pytest

from bigearthnet.networks.normalisation import Normalize
from common.networks.precision import dtype_policy

MEAN, DEVIATION = (400.0, 600.0), (500.0, 700.0)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_first_bands_are_normalised_in_float32(dtype: type) -> None:
    images = np.random.default_rng(0).integers(0, 2**16, (2, 5, 5, 4)).astype(dtype)
    normalised = np.asarray(Normalize(MEAN, DEVIATION)(images))
    expected = (images[..., :2].astype(np.float64) - MEAN) / DEVIATION
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised, expected, atol=1e-4)


def test_float32_under_any_policy() -> None:
    with dtype_policy("mixed_bfloat16"):
        assert Normalize(MEAN, DEVIATION).compute_dtype == "float32"


def test_shape_and_configuration() -> None:
    layer = Normalize(MEAN, DEVIATION, name="s2_10m_normalized")
    assert layer.compute_output_shape((None, 12, 12, 4)) == (None, 12, 12, 2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is Normalize
    assert (again.name, again.mean, again.deviation) == ("s2_10m_normalized", list(MEAN), list(DEVIATION))
