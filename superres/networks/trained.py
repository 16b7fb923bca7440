"""Trained networks as commands take them: a run folder, a file of weights, or the name of published ones.

A run folder knows its network and its GSD, published weights know theirs; of a bare file, the shapes tell the GSD.
"""

import hashlib
import logging
import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from common.errors import RunFolderError, SettingError, WeightsError
from common.runs.folder import CONFIG, WEIGHTS, read_config
from common.scenes.scene import Scene
from superres.networks import ATTENTION, GAN, NETWORKS, UPSAMPLINGS, build_network, margin_px, predicting_network
from superres.networks.published import PUBLISHED, PUBLISHED_NETWORK, fetch_published, is_published, load_published

logger = logging.getLogger(__name__)

GSDS = (20, 60)
KERNEL_AXES = 4  # rows, columns, bands in, bands out


@dataclass(frozen=True)
class TrainedNetwork:
    """Weights and the network that they are for.

    Attributes:
        source: as given: run folder, file, or name of published weights.
        file: that holds the weights.
        network: its name, as `superres.networks.find_network` knows it.
        gsd: native GSD in metres of the bands that it sharpens.
        sha256: of the file.
        upsample: how the network's coarse inputs are enlarged, one of `superres.networks.UPSAMPLINGS`.
        title: what it is called in tables: `gan` for a generator that was trained as one, else as the network.
    """

    source: str
    file: Path
    network: str
    gsd: int
    sha256: str
    upsample: str = "bilinear"
    title: str | None = None

    @property
    def margin(self) -> int:
        """Pixels at 10 m to cut off each side of a predicted window."""
        return margin_px(self.network, self.gsd, self.upsample)

    def build(self, precision: str) -> keras.Model:
        """The network with its weights."""
        model = build_network(self.network, self.gsd, precision, self.upsample)
        load_weights(model, self.file)
        return model


def choose_networks(
    sources: Sequence[str], gsds: Sequence[int] | None, network: str, upsample: str = "bilinear"
) -> dict[int, TrainedNetwork]:
    """The network for each GSD.

    Args:
        sources: run folders, files, or names of published weights; one for each GSD.
        gsds: what is asked for; None means what the weights are for.
        network, upsample: that bare files of weights are for.

    Returns:
        GSD -> network, in the order of GSDS.

    Raises:
        SettingError: no weights for a GSD, two for one, or some for a GSD that is not asked for.
        WeightsError, RunFolderError: as `describe_weights`.
    """
    found: dict[int, TrainedNetwork] = {}
    for source in dict.fromkeys(sources):
        trained = describe_weights(source, network, upsample)
        if gsds and trained.gsd not in gsds:
            raise SettingError(
                f"{source} is for {trained.gsd} m, and --gsd asks for {_metres(gsds)}; give weights for "
                f"that, or leave --gsd out."
            )
        if trained.gsd in found:
            raise SettingError(
                f"{found[trained.gsd].source} and {source} are both for {trained.gsd} m; give one of them."
            )
        found[trained.gsd] = trained
    missing = [gsd for gsd in gsds or () if gsd not in found]
    if missing or not found:
        raise SettingError(
            f"there are no weights for {_metres(missing or GSDS)}; give them with --weights "
            f"({', '.join(PUBLISHED)}, or a file) or --run-dir."
        )
    return {gsd: found[gsd] for gsd in GSDS if gsd in found}


def describe_weights(source: str, network: str = PUBLISHED_NETWORK, upsample: str = "bilinear") -> TrainedNetwork:
    """Find out what weights are for; network and upsampling are those of bare files, run folders know theirs.

    Raises:
        WeightsError: there are none, or they are of no network that this version knows.
        RunFolderError: a folder is none of a run of super-resolution.
        SettingError: no such network, or not with such inputs.
        DownloadError: published weights cannot be had.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    title = None
    if source in PUBLISHED:
        name, gsd, upsample = PUBLISHED_NETWORK, PUBLISHED[source].gsd, "bilinear"
    elif path.is_dir() or (path.exists() and (folder / CONFIG).exists()):
        title, name, gsd, upsample = run_network(folder)
    else:
        name, gsd = network, guess_gsd(find_weights(source), network, upsample)
    file = find_weights(source)
    load_weights(build_network(name, gsd, upsample=upsample), file)  # better to fail now than on all ranks
    return TrainedNetwork(
        source, file, name, gsd, hashlib.sha256(file.read_bytes()).hexdigest(), upsample, title or name
    )


def run_network(folder: Path) -> tuple[str, str, int, str]:
    """Setting `model`, network, GSD and upsampling of a run folder.

    Raises:
        RunFolderError: it is none of a run of super-resolution.
    """
    config = read_config(folder)
    settings = config.get("settings", {})
    base = settings.get("generator") if settings.get("model") == GAN else settings.get("model")
    upsample = settings.get("upsample", "bilinear")  # older runs do not say
    if (
        config.get("application") != "superres"
        or base not in list(NETWORKS)  # a list, since what is damaged may be of any type
        or settings.get("gsd") not in GSDS
        or upsample not in UPSAMPLINGS
    ):
        raise RunFolderError(
            f"{folder} holds no run of superres-train that this version knows; give one that it wrote."
        )
    network = predicting_network(settings["model"], base, settings.get("attention", False))
    return settings["model"], network, settings["gsd"], upsample


def guess_gsd(file: Path, network: str, upsample: str) -> int:
    """The GSD that a file of weights is for, by the kernel of the last layer: 20 m where that cannot be told."""
    found: set[tuple[int, ...]] = set()

    def look(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == KERNEL_AXES:
            found.add(item.shape)

    with suppress(OSError), h5py.File(file, "r") as handle:
        handle.visititems(look)
    last = {gsd: build_network(network, gsd, upsample=upsample).get_layer("last").kernel.shape for gsd in GSDS}
    return next((gsd for gsd in GSDS if tuple(last[gsd]) in found), GSDS[0])


def _metres(gsds: Sequence[int]) -> str:
    return " and ".join(f"{gsd} m" for gsd in gsds)


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
