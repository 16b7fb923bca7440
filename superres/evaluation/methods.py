"""Methods that sharpen a scene: interpolation, pansharpening and networks behind one interface.

Images are given by input name (`input_10m`, ...), each (rows / factor, cols / factor, bands) float32, reflectance * 10000. Those of
a whole scene may be `common.scenes.reflectance.ScaledImage`, so read their parts by index.
An estimate lies on the grid of `input_10m`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from common.errors import ProductError
from common.networks.engines import TENSORFLOW
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import bands_within, scale_factor
from common.pixels.windows import Window
from common.runs.signals import require_going_on
from superres.evaluation.cost import Cost, measure_cost, smallest_inputs
from superres.networks.trained import TrainedNetwork
from superres.networks.units import DN_DIVISOR
from superres.pansharpening.catalogue import WITHOUT_STATISTICS, Fit, Images, Sharpen, find_fit
from superres.pansharpening.statistics import SceneStatistics
from superres.pansharpening.strips import sharpen_by_strips, sharpening_reach
from superres.prediction.interpolation import INTERPOLATIONS, SPLINE_REACH, interpolate
from superres.prediction.windows import Predict, array_reader, compile_model, predict_windows

# Of a network, less than in a prediction: TensorFlow keeps the memory of the largest window, here beside a whole scene.
WINDOW_PX = 300


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


class SceneMethod(NamedTuple):
    """A method that needs statistics of the whole scene before it sharpens a part of it.

    Attributes:
        name, reach: as in `Method`.
        fit: statistics of a scene -> the method for this scene.
    """

    name: str
    fit: Fit
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


def pansharpening_methods(names: Sequence[str], settings: PatchSettings) -> list[Method | SceneMethod]:
    """Return methods of pansharpening.

    Args:
        names: of `superres.pansharpening.catalogue.METHODS`.
        settings: GSD and degradation.
    """
    reach = sharpening_reach(settings)
    return [
        ready_method(name, find_fit(name)([], settings), settings, reach)
        if name in WITHOUT_STATISTICS
        else SceneMethod(name, find_fit(name), reach)
        for name in names
    ]


def ready_method(name: str, sharpen: Sharpen, settings: PatchSettings, reach: int) -> Method:
    """Return a pansharpening method that has been fitted to a scene, or needs no statistics, as a method."""
    return Method(name, partial(sharpen_by_strips, sharpen=sharpen, settings=settings), reach)


def fit_methods(
    methods: Sequence[Method | SceneMethod],
    scene_name: str,
    settings: PatchSettings,
    strips: Iterable[tuple[Images, np.ndarray, Window]],
) -> list[Method]:
    """Return the methods, ready to sharpen one scene, in their order.

    Args:
        methods: of any kind.
        scene_name: for messages.
        settings: GSD and degradation.
        strips: of the scene, as `SceneStatistics.add` takes them; read only if a method needs statistics.

    Raises:
        ProductError: the scene has no pixel for the statistics.
    """
    if not any(isinstance(method, SceneMethod) for method in methods):
        return list(methods)
    statistics = SceneStatistics(settings)
    for strip in strips:
        require_going_on()
        statistics.add(*strip)
    if not statistics.pixels:
        raise ProductError(
            f"{scene_name} has no coarse pixel far from nodata for the statistics of --methods; take it out of the list, or "
            f"leave out --methods."
        )
    moments = statistics.moments()
    return [
        ready_method(method.name, method.fit(moments, settings), settings, method.reach)
        if isinstance(method, SceneMethod)
        else method
        for method in methods
    ]


def sharpen_all(
    methods: Sequence[Method | SceneMethod],
    images: Images,
    scene_name: str,
    settings: PatchSettings,
    strips: Iterable[tuple[Images, np.ndarray, Window]],
) -> Iterator[tuple[str, np.ndarray, Cost]]:
    """Yield name, estimate and cost of each method, one after the other. The estimate is forgotten before the next method.

    The statistics of the scene are computed once. They count as a cost of each method that needs them.

    Args:
        methods, scene_name, settings, strips: as in `fit_methods`.
        images: the whole scene, as in `Method.sharpen`.

    Raises:
        ProductError: as `fit_methods`.
    """
    fitted, cost_of_statistics = measure_cost(lambda: fit_methods(methods, scene_name, settings, strips))
    for method, ready in zip(methods, fitted, strict=True):
        require_going_on()
        estimate, cost = measure_cost(partial(ready.sharpen, images))
        yield method.name, estimate, cost_of_statistics.followed_by(cost) if isinstance(method, SceneMethod) else cost
        del estimate


def network_method(
    name: str, model: keras.Model, margin: int, engine: str = TENSORFLOW, bands: slice | None = None
) -> Method:
    """Return a network as a method.

    Args:
        name: of the method.
        model: the network with its weights.
        margin: from `superres.networks.margin.margin_px`.
        engine: computes the network.
        bands: the part of the network's bands that the method returns; None: all.

    Raises:
        SettingError: the engine cannot convert the network.
    """
    wanted = bands or slice(0, model.output_shape[-1])
    predict = compile_model(model, engine)
    predict(smallest_inputs(model))  # builds the graph now, so that it is no cost of the first scene
    return predict_method(name, predict, margin, tuple(model.input), wanted)


def predict_method(name: str, predict: Predict, margin: int, inputs: Sequence[str], bands: slice) -> Method:
    """Return a compiled network as a method.

    Args:
        name, margin, bands: as in `network_method`.
        predict: from `superres.prediction.windows.compile_model`.
        inputs: names of the network's inputs; images may hold others too.
    """
    return Method(name, partial(_predict, predict, margin, inputs, bands), margin)


def load_method(name: str, trained: TrainedNetwork, precision: str, gsd: int, engine: str = TENSORFLOW) -> Method:
    """Return a trained network as a method for the bands of a GSD.

    Raises:
        WeightsError: the weights do not fit the network.
        SettingError: the engine cannot convert the network.
    """
    bands = bands_within(trained.gsd, gsd)
    return network_method(name, trained.build(precision), trained.margin, engine, bands)


def _interpolate(images: Images, gsd: int, order: int, clip: bool) -> np.ndarray:
    coarse = images[f"input_{gsd}m"]
    return interpolate(coarse, (*images["input_10m"].shape[:2], coarse.shape[2]), order, clip)


def _predict(predict: Predict, margin: int, names: Sequence[str], bands: slice, images: Images) -> np.ndarray:
    """Predict window by window, so that no image of the whole scene is held in network units.

    Args:
        predict: the network.
        margin: as in `network_method`.
        names: inputs of the network; `images` may hold others too.
        bands: the part of the network's bands to return.
        images: as in `Method.sharpen`.
    """
    rows, cols = images["input_10m"].shape[:2]
    read = array_reader({name: images[name] for name in names})

    def read_scaled(window: Window) -> Images:
        return {name: image / np.float32(DN_DIVISOR) for name, image in read(window).items()}

    result = np.empty((rows, cols, bands.stop - bands.start), np.float32)
    for window, prediction in predict_windows(predict, read_scaled, rows, cols, margin, WINDOW_PX):
        result[window.slices] = prediction[..., bands] * np.float32(DN_DIVISOR)
    return result
