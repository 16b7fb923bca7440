"""What sharpens a scene: interpolation and networks behind one interface, and which of them a command asks for.

Images are by input name (`input_10m`, ...), (rows / factor, cols / factor, bands) float32 in reflectance * 10000; an
estimate lies on the grid of `input_10m`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from common.errors import SettingError
from common.pixels.sentinel2 import scale_factor
from common.pixels.windows import Window
from common.runs.tables import distinct_names
from superres.networks.sources import WeightsOptions
from superres.networks.trained import TrainedNetwork, read_trained
from superres.networks.units import DN_DIVISOR
from superres.prediction.interpolation import INTERPOLATIONS, SPLINE_REACH, interpolate
from superres.prediction.windows import Predict, array_reader, compile_model, predict_windows

Images = dict[str, np.ndarray]


class Method(NamedTuple):
    """A way to sharpen.

    Attributes:
        name: what it is called in tables.
        sharpen: images -> estimate, (rows, cols, bands) float32, reflectance * 10000.
        reach: pixels of the result's grid beyond which nothing changes a pixel of it.
    """

    name: str
    sharpen: Callable[[Images], np.ndarray]
    reach: int


def interpolation_methods(gsd: int, clip: bool = True) -> list[Method]:
    """Bilinear and bicubic; see `interpolate` for `clip`."""
    return [
        Method(name, partial(_interpolate, gsd=gsd, order=order, clip=clip), SPLINE_REACH * scale_factor(gsd))
        for name, order in INTERPOLATIONS.items()
    ]


def network_method(name: str, model: keras.Model, margin: int) -> Method:
    """A network; `margin` is what `superres.networks.catalogue.margin_px` says."""
    return Method(name, partial(_predict, compile_model(model), margin, model.output_shape[-1]), margin)


def load_method(name: str, trained: TrainedNetwork, precision: str) -> Method:
    """A trained network as a method.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    return network_method(name, trained.build(precision), trained.margin)


def find_networks(weights: WeightsOptions, gsd: int | None) -> tuple[dict[str, TrainedNetwork], int]:
    """Return the trained networks that a command asks for, by their names as methods, and the GSD of all.

    Args:
        weights: at least one source.
        gsd: 20 or 60 m; None takes that of the first source.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
        SettingError: a network is for another GSD.
    """
    distinct = {Path(source).resolve(): source for source in reversed(weights.sources)}  # `run` is `./run`
    found = [read_trained(source, weights.network_name, weights.upsample) for source in reversed(distinct.values())]
    gsd = gsd or found[0].gsd
    for trained in found:
        if trained.gsd != gsd:
            raise SettingError(
                f"{trained.source} is for {trained.gsd} m, and {gsd} m is asked for; evaluate networks "
                f"of one GSD at a time, with --gsd {trained.gsd} for this one."
            )
    return dict(zip(method_names(found), found, strict=True)), gsd


def method_names(networks: Sequence[TrainedNetwork]) -> list[str]:
    """Return the networks' titles; those that two share are followed by the run folder or file, or by its path."""
    titles = [trained.title or trained.network_name for trained in networks]
    sources = [Path(trained.source) for trained in networks]
    names = [source.name if source.is_dir() else source.stem for source in sources]
    return distinct_names(
        titles,
        [f"{title} ({name})" for title, name in zip(titles, names, strict=True)],
        [f"{title} ({source})" for title, source in zip(titles, sources, strict=True)],
    )


def _interpolate(images: Images, gsd: int, order: int, clip: bool) -> np.ndarray:
    coarse = images[f"input_{gsd}m"]
    return interpolate(coarse, (*images["input_10m"].shape[:2], coarse.shape[2]), order, clip)


def _predict(predict: Predict, margin: int, bands: int, images: Images) -> np.ndarray:
    """Window by window, so that nothing of the scene's size is held in network units."""
    rows, cols = images["input_10m"].shape[:2]
    read = array_reader(images)

    def read_scaled(window: Window) -> Images:
        return {name: image / np.float32(DN_DIVISOR) for name, image in read(window).items()}

    result = np.empty((rows, cols, bands), np.float32)
    for window, prediction in predict_windows(predict, read_scaled, rows, cols, margin):
        result[window.slices] = prediction * np.float32(DN_DIVISOR)
    return result
