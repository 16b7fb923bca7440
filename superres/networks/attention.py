"""Self-attention after a fusion network: each pixel attends to similar pixels near it.

Zhang et al. 2019 (SAGAN, arXiv:1805.08318) attend to the whole image, and so do Zhang, Cavallaro and Jitsev for
Sentinel-2 (IGARSS 2020). Here a pixel attends to the 5 x 5 pixels around it that lie 3 px apart (Ramachandran et al.
2019, arXiv:1906.05909). A window therefore gives the same result as the whole scene, and the work grows linearly with
the number of pixels. The block adds 4,646 parameters for 20 m.

Tensors are (batch, rows, cols, features), float32.
"""

import itertools
from collections.abc import Callable, Sequence

import keras
from keras import ops

from common.networks.backends import computed_before
from superres.networks.layers import convolution

NEIGHBOURHOOD_PX = 6  # on each side
STEP_PX = 3
FEATURES = 32
KEY_FEATURES = 8
SHIFTS = tuple(itertools.product(range(-NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX + 1, STEP_PX), repeat=2))

Body = Callable[..., keras.KerasTensor]


def with_attention(body: Body) -> Body:
    """Return a body that adds an attention block to the output of `body`.

    The block reads the finest input and the output of `body`. Its last kernel starts at zero, so that the new body
    starts with the output of `body`.
    """

    def body_with_attention(inputs: Sequence[keras.KerasTensor], bands: int, *options: str) -> keras.KerasTensor:
        sharpened = body(inputs, bands, *options)
        images = keras.layers.Concatenate(name="attention_bands")([inputs[0], sharpened])
        features = convolution(FEATURES, activation="relu", name="attention_features")(images)
        query, key = (
            keras.layers.Conv2D(KEY_FEATURES, 1, use_bias=False, name=f"attention_{name}")(features)
            for name in ("query", "key")
        )
        value = keras.layers.Conv2D(FEATURES, 1, use_bias=False, name="attention_value")(features)
        attended = NeighbourAttention(name="attention")([query, key, value])
        difference = keras.layers.Conv2D(bands, 1, kernel_initializer="zeros", name="attention_last")(attended)
        return keras.layers.Add(name="attention_add")([sharpened, difference])

    return body_with_attention


@keras.saving.register_keras_serializable("jeoparda")
class NeighbourAttention(keras.layers.Layer):
    """Attention of each pixel to its neighbours: (B, H, W, K), (B, H, W, K), (B, H, W, F) -> (B, H, W, F).

    The result is sum_n softmax_n(q . k_n) v_n over the neighbours n. Pixels beyond the border are zero, as in a
    convolution. Neighbours are computed one after another, because the tensors of all neighbours need too much memory.
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    @property
    def multiplications_per_pixel(self) -> int:
        """Multiplications for one pixel; read by `common/networks/work.py`."""
        query, _, value = self.input
        return len(SHIFTS) * (query.shape[-1] + value.shape[-1])

    def call(self, tensors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        query, key, value = tensors
        products: list[keras.KerasTensor] = []
        for shift in SHIFTS:
            with computed_before(products[-1:]):  # a graph would otherwise hold all shifted keys at once
                products.append(ops.sum(query * shift_image(key, shift), axis=-1))
        weights = ops.softmax(ops.stack(products, axis=-1))  # (B, H, W, neighbours)
        attended = ops.zeros_like(value)
        for index, shift in enumerate(SHIFTS):
            with computed_before([attended]):
                attended += weights[..., index, None] * shift_image(value, shift)
        return attended

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return tuple(input_shape[-1])


def shift_image(image: keras.KerasTensor, shift: tuple[int, int]) -> keras.KerasTensor:
    """Return an image whose pixel (row, col) is pixel (row + shift[0], col + shift[1]) of `image`, or 0 beyond the border.

    Args:
        image: (B, H, W, C).
        shift: rows and columns.

    Returns:
        (B, H, W, C), dtype of image.
    """
    padding = [[max(0, -pixels), max(0, pixels)] for pixels in shift]
    padded = ops.pad(image, [[0, 0], *padding, [0, 0]])
    rows, cols = ops.shape(image)[1:3]
    top, left = (max(0, pixels) for pixels in shift)
    return padded[:, top : top + rows, left : left + cols]
