"""Load weights into our networks: of our own run folders, or as published with the DSen2 paper's code.

    python superres/weights.py    fetches the published weights and prints where they are

Published files are Keras 2 HDF5 whose Lambda layers no longer load, so the arrays of `model_weights` are read one by
one. Their networks see the 10 m bands as B04, B03, B02, B08; ours as B02, B03, B04, B08.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import hashlib
import logging
import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np

from common import cli
from common.errors import WeightsError
from common.files import cache_folder
from common.run import CONFIG, WEIGHTS, read_config
from common.scene import Scene
from common.wheels import DSEN2_WEIGHTS, fetch_member
from superres.networks import ATTENTION, build_network

logger = logging.getLogger(__name__)

PUBLISHED_10M_TO_OURS = [2, 1, 0, 3]
PUBLISHED_NETWORK = "dsen2"
LICENCE = "GPL-3 (remote-sensing-processor 0.1; trained by the authors of DSen2, Lanaras et al. 2018)"
IN_WHEEL = "remote_sensing_processor/sentinel2/superres/weights"


class Published(NamedTuple):
    """Weights that can be given by name.

    Attributes:
        gsd: 20 or 60 m.
        level: of the products that they were trained on.
        member: file inside the wheel.
        sha256: of that file.
    """

    gsd: int
    level: str
    member: str
    sha256: str


# The wheel's file for 20 m and L2A is the one for L1C, byte by byte: there are none for L2A.
PUBLISHED = {
    "dsen2-l1c-20m": Published(
        20,
        "L1C",
        "l1c_dsen2_20m_s2_038_lr_1e-04.hdf5",
        "171592416b7d4bd8deee611aa9d07f693b5267e8bb101a8990d48416998ab5d7",
    ),
    "dsen2-l1c-60m": Published(
        60,
        "L1C",
        "l1c_dsen2_60m_s2_038_lr_1e-04.hdf5",
        "21cd7ad53d07379412ef134909b59f489b1ac0a2932e3cebb54fb864dd52f37c",
    ),
    "dsen2-l2a-60m": Published(
        60,
        "L2A",
        "l2a_dsen2_60m_s2_038_lr_1e-04.hdf5",
        "bea06224f2865897a8ac6fbae7763852342459043c572c018c876a65a7fe3c58",
    ),
}


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Fetch the published DSen2 weights, 80 MB, and print where they are. Licence: " + LICENCE + ".",
        "python superres/weights.py",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PUBLISHED)} (all)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(fetch, build_parser(), argv)


def fetch(arguments: argparse.Namespace) -> None:
    """Print name and file of each of the weights asked for."""
    unknown = [name for name in arguments.names if name not in PUBLISHED]
    if unknown:
        raise WeightsError(
            f"no weights are published as {unknown[0]}; give some of {', '.join(PUBLISHED)}, or none for all."
        )
    for name in arguments.names or PUBLISHED:
        print(f"{name}  {find_weights(name)}")


def find_weights(source: Path | str) -> Path:
    """The file that weights are in.

    Args:
        source: one of PUBLISHED, fetched where it is not in the cache; a run folder; or a file.

    Raises:
        WeightsError: there are no such weights.
        DownloadError: published weights cannot be had.
    """
    if str(source) in PUBLISHED:
        return fetch_published(str(source))
    path = Path(source)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.exists():
        raise WeightsError(
            f"there are no weights {file}; give a run folder or a file of weights. Published ones are "
            f"{', '.join(PUBLISHED)}."
        )
    return file


def fetch_published(name: str) -> Path:
    """The file of published weights in the cache; their licence is told when they are fetched."""
    published = PUBLISHED[name]
    path = cache_folder() / "weights" / f"{name}.hdf5"
    if not path.exists():
        logger.warning("the weights %s come under %s", name, LICENCE)  # whatever --log-level is
    return fetch_member(DSEN2_WEIGHTS, f"{IN_WHEEL}/{published.member}", published.sha256, path)


def trained_levels(source: Path | str) -> tuple[str, ...]:
    """Levels of the products that weights were trained on, `L1C` and `L2A`; none where that is not known.

    Published weights are known by their content, whatever their file is called; run folders say it in `config.json`.
    """
    file = find_weights(source)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for published in PUBLISHED.values():
        if published.sha256 == digest:
            return (published.level,)
    return tuple(read_config(file.parent).get("levels", ())) if (file.parent / CONFIG).exists() else ()


def warn_of_level(source: Path | str, scenes: Iterable[Scene]) -> None:
    """Warn where weights meet products of another level than they were trained on."""
    levels = trained_levels(source)
    others = [scene for scene in scenes if levels and scene.level not in levels]
    if others:
        logger.warning(
            "%s was trained on %s and meets %s: the top of the atmosphere and the surface reflect differently, "
            "so the result may be less exact",
            source,
            " and ".join(levels),
            others[0].level,
        )


def warn_of_degradation(source: Path | str, degradation: str) -> None:
    """Warn where the run that weights come from was trained with another blur than they are measured with."""
    folder = find_weights(source).parent
    if not (folder / CONFIG).exists():
        return
    trained = read_config(folder).get("settings", {}).get("degradation", degradation)
    if trained != degradation:
        logger.warning("%s was trained with --degradation %s and meets %s", source, trained, degradation)


def load_weights(model: keras.Model, path: Path | str) -> None:
    """Set a network's weights.

    Args:
        model: as `superres.networks.build_network` makes it.
        path: a name, run folder or file, as for `find_weights`.

    Raises:
        WeightsError: there is no such file, it is damaged, or of another network.
        DownloadError: published weights cannot be had.
    """
    file = find_weights(path)
    try:
        if is_published(file):
            load_published(model, file)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns before it raises, which says the same
                model.load_weights(file)
    except WeightsError:
        raise
    except Exception as error:  # Keras and h5py raise many kinds; all mean the same here
        reason = _reason(error)
        raise WeightsError(
            f"{file} does not hold weights of {model.name} ({reason}); give weights of the same network and GSD."
        ) from error
    _require_numbers(model, file)


def _reason(error: Exception) -> str:
    """One line of what Keras or h5py say; of shapes that differ, the shapes."""
    shapes = re.search(r"variable\.shape=(\([^)]*\)), Received: value\.shape=(\([^)]*\))", str(error))
    if shapes:
        return f"an array {shapes[2]} where the network has {shapes[1]}"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _require_numbers(model: keras.Model, file: Path) -> None:
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise WeightsError(f"{file} holds values that are not finite; give weights of a run that ended well.")


def start_from(model: keras.Model, name: str, gsd: int, path: Path | str, upsample: str = "bilinear") -> None:
    """Set the weights that training starts from; a network with attention takes those of the network without, too.

    Args:
        model: the network `name`, as `build_network` makes it.
        path: as for `load_weights`.

    Raises:
        WeightsError, DownloadError: as `load_weights`.
    """
    try:
        load_weights(model, path)
    except WeightsError:
        if not name.endswith(ATTENTION):
            raise
        base = build_network(name.removesuffix(ATTENTION), gsd, upsample=upsample)
        load_weights(base, path)
        for layer in base.layers:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def is_published(file: Path) -> bool:
    """Is this a Keras 2 HDF5 file, as the published weights are?"""
    with h5py.File(file, "r") as handle:
        return "model_weights" in handle or "layer_names" in handle.attrs


def load_published(model: keras.Model, file: Path) -> None:
    """Set the weights of `dsen2` or `vdsen2` from a published file.

    Raises:
        WeightsError: number or shapes of the convolutions differ.
    """
    published = published_convolutions(file)
    ours = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    if len(published) != len(ours):
        raise WeightsError(
            f"{file} has {len(published)} convolutions, {model.name} has {len(ours)}; give weights of the same network."
        )
    kernel, bias = published[0]
    order = PUBLISHED_10M_TO_OURS + list(range(4, kernel.shape[2]))
    published[0] = (kernel[:, :, order], bias)
    for layer, (kernel, _) in zip(ours, published, strict=True):
        if kernel.shape != layer.kernel.shape:
            raise WeightsError(
                f"{file} has a kernel {kernel.shape} where {model.name} has {tuple(layer.kernel.shape)}; "
                f"give weights for the same GSD."
            )
    for layer, arrays in zip(ours, published, strict=True):
        layer.set_weights(list(arrays))


def published_convolutions(file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each convolution of a Keras 2 file, in the order of the numbers in the layers' names."""
    with h5py.File(file, "r") as handle:
        layers = handle.get("model_weights", handle)
        found = {}
        for name in layers:
            weights = [layers[name][weight][...] for weight in layers[name].attrs["weight_names"]]
            if len(weights) == 2:
                number = re.search(r"_(\d+)$", name)  # the first layer is just `conv2d`
                found[int(number.group(1)) if number else 0] = (weights[0], weights[1])
    return [found[number] for number in sorted(found)]


if __name__ == "__main__":
    sys.exit(main())
