"""Apply a network to a whole scene, window by window, without seams and in bounded memory.

Each window is read with a margin around it, and the margin is cut off the prediction. The margin is at least the network's
reach, so the predicted windows equal a prediction of the whole scene at once.
"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from common.errors import SettingError
from common.networks.engines import OPENVINO, TENSORFLOW
from common.networks.openvino_network import compile_with_openvino, inner_layers
from common.pixels.windows import Window, grid
from common.runs.signals import require_going_on
from superres.prediction.options import WINDOW_PX

CHECKED_PX = 48  # side of the image on which engines are compared
LARGEST_DIFFERENCE = 0.05  # of the largest value; rounding in bfloat16 makes about a hundredth

# Window on the output grid -> inputs by name, each (rows / factor, cols / factor, bands) float32 in network units.
ReadInputs = Callable[[Window], dict[str, np.ndarray]]
# Inputs by name -> (rows, cols, bands) float32 in network units.
Predict = Callable[[dict[str, np.ndarray]], np.ndarray]


def compile_model(model: keras.Model, engine: str = TENSORFLOW) -> Predict:
    """Return a model as a function of one window of any size.

    Args:
        model: a fusion network, as `superres.networks.build.build_network` returns it.
        engine: one of `common.networks.engines.ENGINES`; `usable_engine` says which can be used.

    Raises:
        SettingError: the engine cannot convert the model, or computes something else than TensorFlow does.
    """
    if engine == TENSORFLOW:
        return compile_with_tensorflow(model)
    predict = compile_with_openvino(model)
    require_agreement(model, predict)
    return predict


def require_agreement(model: keras.Model, predict: Predict) -> None:
    """Check that OpenVINO's result for a small random image is TensorFlow's, but for LARGEST_DIFFERENCE.

    OpenVINO 2026.4.1 computes a division in bfloat16, although it is marked to stay float32, if a convolution or a matrix
    product follows. Where equations are solved, as in the network `joint`, the errors are larger than the image.

    Raises:
        SettingError: the results differ by more.
    """
    rng = np.random.default_rng(0)
    images = {
        name: rng.random((*input_shape(name, CHECKED_PX), tensor.shape[-1]), np.float32)
        for name, tensor in model.input.items()
    }
    expected = np.asarray(model({name: image[None] for name, image in images.items()}, training=False))[0]
    difference = np.abs(predict(images) - expected).max() / np.abs(expected).max()
    if not difference <= LARGEST_DIFFERENCE:
        is_reduced = any(layer.compute_dtype != "float32" for layer in inner_layers(model))
        float32 = ", or give --precision float32" if is_reduced else ""
        raise SettingError(
            f"OpenVINO does not compute the network {model.name} as TensorFlow does: the results differ by "
            f"{100 * difference:.1f} % of the largest value; leave out --engine {OPENVINO}{float32}."
        )


def input_shape(input_name: str, side_px: int) -> tuple[int, int]:
    """Return rows and columns of an input such as `input_20m`, for a result of side_px x side_px pixels."""
    gsd = int(input_name.removeprefix("input_").removesuffix("m"))
    return side_px * 10 // gsd, side_px * 10 // gsd


def compile_with_tensorflow(model: keras.Model) -> Predict:
    """Return a model as one TensorFlow graph, which frees each tensor after its last use."""
    signature = {name: tf.TensorSpec((1, *tensor.shape[1:]), tf.float32) for name, tensor in model.input.items()}

    @tf.function(input_signature=[signature])
    def run(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        return model(inputs, training=False)

    # Called itself, `run` warns in a process that compiles several networks.
    graph = run.get_concrete_function()

    def predict(images: dict[str, np.ndarray]) -> np.ndarray:
        return graph({name: tf.constant(image[None], tf.float32) for name, image in images.items()}).numpy()[0]

    return predict


def predict_windows(
    predict: Predict, read: ReadInputs, rows: int, cols: int, margin: int, window_px: int = WINDOW_PX
) -> Iterator[tuple[Window, np.ndarray]]:
    """Predict a scene window by window, in rows of windows from top to bottom.

    Args:
        predict: from `compile_model`.
        read: returns the inputs of a window.
        rows, cols: size of the output grid; multiples of the coarsest input's factor.
        margin: pixels to read around a window and cut off, from `superres.networks.margin.margin_px`.
        window_px: rows and columns of a window; a multiple of the coarsest input's factor.

    Yields:
        A window and its prediction, (height, width, bands) float32 in network units. The windows hold each pixel once.
    """
    for window in grid(rows, cols, window_px, window_px):
        require_going_on()
        outer = window.grown(margin, rows, cols)
        yield window, predict(read(outer))[window.relative_to(outer).slices]


def array_reader(inputs: dict[str, np.ndarray]) -> ReadInputs:
    """Return a function that reads windows from arrays in memory.

    Args:
        inputs: the whole scene, inputs by name; the input with the most rows lies on the output grid.
    """
    rows = max(image.shape[0] for image in inputs.values())

    def read(window: Window) -> dict[str, np.ndarray]:
        return {name: image[window.coarsened(rows // image.shape[0]).slices] for name, image in inputs.items()}

    return read
