"""The Keras layer that upsamples coarse bands. All tensors are (batch, rows, cols, bands)."""

import keras
from keras import ops

from common.networks.backends import add_all
from common.pixels.upsampling import BILINEAR, REACH_PX, interpolation_weight


@keras.saving.register_keras_serializable("jeoparda")
class Upsample(keras.layers.Layer):
    """Upsample with half-pixel centres: (B, H, W, C) -> (B, H * factor, W * factor, C), float32.

    Bilinear equals scikit-image's `resize(order=1, mode="reflect", anti_aliasing=False)`, also at the border, where the
    image is mirrored. The layer computes in float32 at any precision, because its result may be added to the output of a
    network.

    Every pixel is interpolated with the same weights. `tf.image.resize` computes weights from the position, with an error
    that grows to 0.1 DN at the far end of a full tile: a window of an image would differ from the whole image.

    Args:
        factor: 2 (20 m -> 10 m) or 6 (60 m -> 10 m).
        method: `nearest`, `bilinear`, or `bicubic` (Keys 1981, a = -0.5).
    """

    def __init__(self, factor: int, method: str = BILINEAR, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.factor = factor
        self.method = method

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        reach = REACH_PX[self.method]
        padded = ops.pad(image, [[0, 0], [reach, reach], [reach, reach], [0, 0]], mode="reflect")
        rows, cols = ops.shape(image)[1:3]
        tall = self._upsample([padded[:, tap : tap + rows] for tap in range(2 * reach + 1)], axis=1)
        return self._upsample([tall[:, :, tap : tap + cols] for tap in range(2 * reach + 1)], axis=2)

    def _upsample(self, taps: list[keras.KerasTensor], axis: int) -> keras.KerasTensor:
        """Interpolate along an axis; `taps` are the image shifted by -reach to reach pixels."""
        phases = []
        for phase in range(self.factor):
            offset = (phase + 0.5) / self.factor - 0.5
            weights = [interpolation_weight(tap - len(taps) // 2 - offset, self.method) for tap in range(len(taps))]
            phases.append(add_all([weight * tap for weight, tap in zip(weights, taps, strict=True) if weight]))
        shape = list(ops.shape(taps[0]))
        shape[axis] *= self.factor
        return ops.reshape(ops.stack(phases, axis=axis + 1), shape)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, rows, cols, bands = input_shape
        return batch, rows and rows * self.factor, cols and cols * self.factor, bands

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor, "method": self.method}
