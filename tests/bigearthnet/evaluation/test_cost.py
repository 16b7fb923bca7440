"""Cost of a classifier: multiplications by hand, and a speed that is measured."""

import keras
import pytest

from bigearthnet.evaluation import cost
from bigearthnet.evaluation.cost import measure_cost


def test_work_and_parameters_are_counted_and_speed_is_that_of_the_fastest_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call is not timed."""
    images = {
        name: keras.Input((12, 12, 2), name=name, dtype=dtype)
        for name, dtype in (("s2_10m", "uint16"), ("s1", "float32"))
    }
    image = keras.layers.Concatenate()([keras.ops.cast(images["s2_10m"], "float32"), images["s1"]])
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 4, strides=4, use_bias=False)(image))
    model = keras.Model(images, keras.layers.Dense(2, use_bias=False)(features))
    clock = iter([0.0, 2.0, 10.0, 10.5, 20.0, 24.0])
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    assert measure_cost(model) == (4 * 4 * 4 * 3 + 3 * 2, 9 * 4 * 4 * 4 * 3 + 3 * 2, cost.TIMED_PATCHES / 0.5)
