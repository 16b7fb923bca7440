"""Images as stored -> zero mean and unit variance.

The network's first layer normalises, so that data travel to the GPU in their small stored types.
"""

from collections.abc import Sequence

import keras
import numpy as np


@keras.saving.register_keras_serializable("jeoparda")
class Normalize(keras.layers.Layer):
    """(x - mean) / deviation of the first bands: (B, rows, cols, stored bands) -> (B, rows, cols, bands) float32.

    Args:
        mean, deviation: mean and standard deviation of each band to keep, DN or dB.
    """

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], **settings):
        super().__init__(**{"dtype": "float32", **settings})
        self.mean, self.deviation = [float(value) for value in mean], [float(value) for value in deviation]

    def call(self, images: keras.KerasTensor) -> keras.KerasTensor:
        mean, deviation = np.array(self.mean, np.float32), np.array(self.deviation, np.float32)
        return keras.ops.cast(images[..., : len(mean)], "float32") * (1 / deviation) - mean / deviation

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (*input_shape[:-1], len(self.mean))

    def get_config(self) -> dict:
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}
