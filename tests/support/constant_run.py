"""A run of the constant of `constant_training.py` through all of `common/training/fit.py`."""

from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

from common.runs.config import RunConfig
from common.training.fit import Task
from tests.support.constant_training import mean_square, squared_sums

# The weight moves away from the validation targets, so validation is best in epoch 1 and the rate halves after epoch 3.
CONFIG = RunConfig(epochs=4, batch_size=4, learning_rate=0.1, warmup_epochs=0, patience=2)


class Targets:
    """Patches of one pixel; the target of patch i is i."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def origins(self, indices: np.ndarray) -> list[str]:
        return [f"scene {index}" for index in indices]

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return {"target": np.asarray(indices, np.float32)[:, None]}

    def signature(self) -> dict[str, tf.TensorSpec]:
        return {"target": tf.TensorSpec((None, 1), tf.float32)}

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.ones_like(patches["target"]), patches["target"]


TASK = Task(Targets(10), Targets(3), squared_sums, mean_square, identity={"model": "constant"}, record={"bands": "B02"})


def without_seconds(rows: list[dict]) -> list[dict]:
    """Return the rows of a history without the time that epochs took."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def copy_run(source: Path, target: Path) -> Path:
    """Copy the files of a run."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    return target


def assert_same_arrays(path: Path, other: Path) -> None:
    """Assert that two HDF5 files hold the same bytes."""
    arrays = []
    for name in (path, other):
        arrays.append({})
        with h5py.File(name) as file:
            file.visititems(
                lambda key, item: arrays[-1].update({key: item[()].tobytes()} if isinstance(item, h5py.Dataset) else {})
            )
    assert arrays[0] == arrays[1] != {}
