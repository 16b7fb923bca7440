"""What sharpens a scene: interpolation and networks behind one interface, and which of them a command asks for.

Images are by input name (`input_10m`, ...), (rows / factor, cols / factor, bands) float32 in reflectance * 10000; an
estimate lies on the grid of `input_10m`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from common.errors import RunFolderError, SettingError
from common.run import read_config
from common.sentinel2 import scale_factor
from common.windows import Window
from superres.config import DN_DIVISOR
from superres.inference import array_reader, predict_windows
from superres.interpolation import INTERPOLATIONS, SPLINE_REACH, interpolate
from superres.networks import NETWORKS, build_network, margin_px
from superres.weights import load_weights

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


class NetworkSource(NamedTuple):
    """A network to load: its name as a method, its name in NETWORKS, and a run folder or file of weights."""

    name: str
    network: str
    weights: str


def interpolation_methods(gsd: int, clip: bool = True) -> list[Method]:
    """Bilinear and bicubic; see `interpolate` for `clip`."""
    return [Method(name, partial(_interpolate, gsd=gsd, order=order, clip=clip), SPLINE_REACH * scale_factor(gsd))
            for name, order in INTERPOLATIONS.items()]


def network_method(name: str, model: keras.Model, margin: int) -> Method:
    """A network; `margin` as for `predict_windows`."""
    return Method(name, partial(_predict, model, margin), margin)


def load_network(source: NetworkSource, gsd: int, precision: str) -> Method:
    """Build a network and load its weights.

    Raises:
        WeightsError: there are none, or they are of another network or GSD.
    """
    model = build_network(source.network, gsd, precision)
    load_weights(model, source.weights)
    return network_method(source.name, model, margin_px(source.network, gsd))


def find_networks(
    run_dirs: Sequence[str], weights: Sequence[str], network: str, gsd: int | None
) -> tuple[list[NetworkSource], int]:
    """Which networks a command asks for, and the GSD that they are for.

    Args:
        run_dirs: folders of training runs, which know their network and GSD.
        weights: files of weights.
        network: name of the network whose weights the files hold.
        gsd: 20 or 60 m; None: that of the first run folder, or 20.

    Raises:
        RunFolderError: a folder is none of a super-resolution run.
        SettingError: a run is for another GSD.
    """
    settings = {folder: _run_settings(folder) for folder in run_dirs}
    gsd = gsd or next((found["gsd"] for found in settings.values()), 20)
    for folder, found in settings.items():
        if found["gsd"] != gsd:
            raise SettingError(f"{folder} is a run for {found['gsd']} m, and {gsd} m is asked for; evaluate runs of "
                               f"one GSD at a time, with --gsd {found['gsd']} for this one.")
    sources = [NetworkSource(found["model"], found["model"], folder) for folder, found in settings.items()]
    sources += [NetworkSource(network, network, file) for file in weights]
    return distinguish(sources), gsd


def distinguish(sources: Sequence[NetworkSource]) -> list[NetworkSource]:
    """Make names distinct: by the name of the run folder or file, and where that is the same too, by its path."""
    for label in (lambda path: path.name if path.is_dir() else path.stem, str):
        counts = Counter(source.name for source in sources)
        sources = [source if counts[source.name] == 1 else
                   source._replace(name=f"{source.network} ({label(Path(source.weights))})") for source in sources]
    return list(sources)


def _run_settings(folder: str) -> dict[str, Any]:
    """The settings of a super-resolution run."""
    config = read_config(Path(folder))
    settings = config.get("settings", {})
    if config.get("application") != "superres" or settings.get("model") not in NETWORKS or "gsd" not in settings:
        raise RunFolderError(f"{folder} holds no run of superres-train that this version knows; give one that does.")
    return settings


def _interpolate(images: Images, gsd: int, order: int, clip: bool) -> np.ndarray:
    coarse = images[f"input_{gsd}m"]
    return interpolate(coarse, (*images["input_10m"].shape[:2], coarse.shape[2]), order, clip)


def _predict(model: keras.Model, margin: int, images: Images) -> np.ndarray:
    """Window by window, so that nothing of the scene's size is held in network units."""
    rows, cols = images["input_10m"].shape[:2]
    read = array_reader(images)
    result = np.empty((rows, cols, model.output_shape[-1]), np.float32)

    def read_scaled(window: Window) -> Images:
        return {name: image / np.float32(DN_DIVISOR) for name, image in read(window).items()}

    for window, prediction in predict_windows(model, read_scaled, rows, cols, margin):
        result[window.slices] = prediction * np.float32(DN_DIVISOR)
    return result
