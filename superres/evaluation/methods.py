"""Methods that sharpen a scene: interpolation and networks behind one interface.

Images are given by input name (`input_10m`, ...), each (rows / factor, cols / factor, bands) float32, reflectance * 10000.
An estimate lies on the grid of `input_10m`.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from common.pixels.sentinel2 import scale_factor
from common.pixels.windows import Window
from superres.networks.trained import TrainedNetwork
from superres.networks.units import DN_DIVISOR
from superres.prediction.interpolation import INTERPOLATIONS, SPLINE_REACH, interpolate
from superres.prediction.windows import Predict, array_reader, compile_model, predict_windows

Images = dict[str, np.ndarray]  # by input name


class Method(NamedTuple):
    """A method that sharpens images.

    Attributes:
        name: its name in tables.
        sharpen: images -> estimate, (rows, cols, bands) float32, reflectance * 10000.
        reach: pixels of the estimate's grid, to each side, that a pixel of the estimate depends on.
    """

    name: str
    sharpen: Callable[[Images], np.ndarray]
    reach: int


def interpolation_methods(gsd: int, clip: bool = True) -> list[Method]:
    """Return bilinear and bicubic interpolation.

    Args:
        gsd: native GSD of the bands to sharpen, 20 or 60 m.
        clip: as for `superres.prediction.interpolation.interpolate`.
    """
    return [
        Method(name, partial(_interpolate, gsd=gsd, order=order, clip=clip), SPLINE_REACH * scale_factor(gsd))
        for name, order in INTERPOLATIONS.items()
    ]


def network_method(name: str, model: keras.Model, margin: int) -> Method:
    """Return a network as a method.

    Args:
        name: of the method.
        model: the network with its weights.
        margin: from `superres.networks.margin.margin_px`.
    """
    return Method(name, partial(_predict, compile_model(model), margin, model.output_shape[-1]), margin)


def load_method(name: str, trained: TrainedNetwork, precision: str) -> Method:
    """Return a trained network as a method.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    return network_method(name, trained.build(precision), trained.margin)


def _interpolate(images: Images, gsd: int, order: int, clip: bool) -> np.ndarray:
    coarse = images[f"input_{gsd}m"]
    return interpolate(coarse, (*images["input_10m"].shape[:2], coarse.shape[2]), order, clip)


def _predict(predict: Predict, margin: int, bands: int, images: Images) -> np.ndarray:
    """Predict window by window, so that no image of the whole scene is held in network units."""
    rows, cols = images["input_10m"].shape[:2]
    read = array_reader(images)

    def read_scaled(window: Window) -> Images:
        return {name: image / np.float32(DN_DIVISOR) for name, image in read(window).items()}

    result = np.empty((rows, cols, bands), np.float32)
    for window, prediction in predict_windows(predict, read_scaled, rows, cols, margin):
        result[window.slices] = prediction * np.float32(DN_DIVISOR)
    return result
