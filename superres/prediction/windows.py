"""Apply a network to a whole scene, window by window, without seams and in bounded memory.

Each window is read with a margin at least as wide as what the network sees around a pixel, and the margin is cut off
the result: what is left equals the prediction of the whole scene at once.
"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from common.pixels.windows import Window, grid
from superres.prediction.options import WINDOW_PX

# Window on the output grid -> inputs by name, (rows / factor, cols / factor, bands) float32 in network units.
ReadInputs = Callable[[Window], dict[str, np.ndarray]]
# Such inputs -> (rows, cols, bands) float32 in network units.
Predict = Callable[[dict[str, np.ndarray]], np.ndarray]


def compile_network(model: keras.Model) -> Predict:
    """A network as a function of one window of any size: one graph, which frees each tensor once it is used."""
    signature = {name: tf.TensorSpec((1, *tensor.shape[1:]), tf.float32) for name, tensor in model.input.items()}

    @tf.function(input_signature=[signature])
    def run(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        return model(inputs, training=False)

    return lambda inputs: run({name: image[None] for name, image in inputs.items()}).numpy()[0]


def predict_windows(
    predict: Predict, read: ReadInputs, rows: int, cols: int, margin: int, window_px: int = WINDOW_PX
) -> Iterator[tuple[Window, np.ndarray]]:
    """Predict a scene in windows, row by row.

    Args:
        predict: of `compile_network`.
        read: gives the inputs of a window.
        rows, cols: size of the output grid; multiples of the coarsest input's factor.
        margin: pixels to cut off, from `superres.networks.catalogue.margin_px`.
        window_px: rows and columns of a window; a multiple of the coarsest input's factor.

    Yields:
        Window and its prediction, (height, width, bands) float32 in network units. Each pixel comes once.
    """
    for window in grid(rows, cols, window_px, window_px):
        outer = window.grown(margin, rows, cols)
        yield window, predict(read(outer))[window.relative_to(outer).slices]


def array_reader(inputs: dict[str, np.ndarray]) -> ReadInputs:
    """Read windows from arrays that hold the whole scene; the finest input lies on the output grid."""
    rows = max(image.shape[0] for image in inputs.values())

    def read(window: Window) -> dict[str, np.ndarray]:
        return {name: image[window.coarsened(rows // image.shape[0]).slices] for name, image in inputs.items()}

    return read
