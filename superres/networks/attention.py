"""Self-attention at the end of any fusion network: each pixel looks at others like it, nearby.

Zhang et al. 2019 (SAGAN, arXiv:1805.08318) attend to the whole image, and so did Zhang, Cavallaro and Jitsev for
Sentinel-2 (IGARSS 2020). Here a pixel attends to 5 x 5 pixels around it, every third one (Ramachandran et al. 2019,
arXiv:1906.05909): a window then gives what the whole scene gives, and work grows with the pixels, not their square.
Adds 4,646 parameters for 20 m.
"""

import itertools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from superres.networks.layers import convolution

NEIGHBOURHOOD_PX = 6  # on each side
STEP_PX = 3
FEATURES = 32
KEY_FEATURES = 8
SHIFTS = tuple(itertools.product(range(-NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX + 1, STEP_PX), repeat=2))

Body = Callable[..., keras.KerasTensor]


def with_attention(body: Body) -> Body:
    """The network `body`, and added to what it gives, what attention makes of it and of the finest input.

    It starts at zero: with the weights of `body` alone it gives what `body` gives.
    """

    def attentive(inputs: Sequence[keras.KerasTensor], bands: int, *more: str) -> keras.KerasTensor:
        sharpened = body(inputs, bands, *more)
        seen = keras.layers.Concatenate(name="attention_bands")([inputs[0], sharpened])
        features = convolution(FEATURES, activation="relu", name="attention_features")(seen)
        query, key = (
            keras.layers.Conv2D(KEY_FEATURES, 1, use_bias=False, name=f"attention_{name}")(features)
            for name in ("query", "key")
        )
        value = keras.layers.Conv2D(FEATURES, 1, use_bias=False, name="attention_value")(features)
        attended = NeighbourAttention(name="attention")([query, key, value])
        difference = keras.layers.Conv2D(bands, 1, kernel_initializer="zeros", name="attention_last")(attended)
        return keras.layers.Add(name="attention_add")([sharpened, difference])

    return attentive


@keras.saving.register_keras_serializable("jeoparda")
class NeighbourAttention(keras.layers.Layer):
    """softmax over neighbours n of q . k_n, applied to v_n: (B, H, W, K), (B, H, W, K), (B, H, W, F) -> (B, H, W, F).

    Beyond the border all are zero, as a convolution has it. Neighbour after neighbour, so that memory is a few images
    and the weights, not an image for each neighbour.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    @property
    def multiplications_per_pixel(self) -> int:
        """Multiplications a pixel; see `superres/evaluation/cost.py`."""
        query, _, value = self.input
        return len(SHIFTS) * (query.shape[-1] + value.shape[-1])

    def call(self, tensors: Sequence[tf.Tensor]) -> tf.Tensor:
        query, key, value = tensors
        likeness: list[tf.Tensor] = []
        for shift in SHIFTS:
            with tf.control_dependencies(likeness[-1:]):  # or a graph computes all at once, and holds them
                likeness.append(tf.reduce_sum(query * shifted(key, shift), axis=-1))
        weights = tf.nn.softmax(tf.stack(likeness, axis=-1))
        attended = tf.zeros_like(value)
        for number, shift in enumerate(SHIFTS):
            with tf.control_dependencies([attended]):
                attended += weights[..., number, None] * shifted(value, shift)
        return attended

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return tuple(input_shape[-1])


def shifted(image: tf.Tensor, shift: tuple[int, int]) -> tf.Tensor:
    """What lies so many rows and columns further, 0 beyond the border: (B, H, W, C) -> the same."""
    padding = [[max(0, -pixels), max(0, pixels)] for pixels in shift]
    padded = tf.pad(image, [[0, 0], *padding, [0, 0]])
    rows, cols = tf.unstack(tf.shape(image)[1:3])
    top, left = (max(0, pixels) for pixels in shift)
    return padded[:, top : top + rows, left : left + cols]
