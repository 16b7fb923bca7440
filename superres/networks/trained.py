"""Trained networks as commands take them: a run folder, a file of weights, or the name of published weights.

A run folder knows its network and GSD, and published weights know theirs. The GSD of a bare file follows from its arrays.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras

from common.errors import RunFolderError, SettingError
from common.runs.folder import CONFIG, read_config
from common.scenes.scene import Scene
from superres.networks.build import build_network
from superres.networks.catalogue import (
    DEFAULT_UPSAMPLING,
    GAN,
    NETWORKS,
    UPSAMPLINGS,
    margin_px,
    predicting_network,
)
from superres.networks.published import PUBLISHED, PUBLISHED_NETWORK
from superres.networks.weights import find_weights, load_weights

logger = logging.getLogger(__name__)

GSDS = (20, 60)
KERNEL_AXES = 4  # rows, columns, bands in, bands out


@dataclass(frozen=True)
class TrainedNetwork:
    """Weights, the network that they are for, and the data that they were trained on.

    Attributes:
        source: as given: run folder, file, or name of published weights.
        file: the file that holds the weights.
        network_name: as `superres.networks.catalogue.find_network` knows it.
        gsd: native GSD in metres of the bands that it sharpens.
        sha256: checksum of the file.
        upsample: how the network's coarse inputs are upsampled, one of `superres.networks.catalogue.UPSAMPLINGS`.
        title: its name in tables: `gan` for a generator trained with a discriminator, otherwise the network's name.
        levels: levels of the products that it was trained on, `L1C` and `L2A`; empty if unknown.
        degradation: degradation of the patches that it was trained on; None if unknown.
    """

    source: str
    file: Path
    network_name: str
    gsd: int
    sha256: str
    upsample: str = DEFAULT_UPSAMPLING
    title: str | None = None
    levels: tuple[str, ...] = ()
    degradation: str | None = None

    @property
    def margin(self) -> int:
        """Pixels at 10 m to cut off each side of a predicted window."""
        return margin_px(self.network_name, self.gsd, self.upsample)

    def build(self, precision: str = "float32") -> keras.Model:
        """Build the network and load its weights.

        Raises:
            WeightsError: the weights are damaged or of another network.
        """
        model = build_network(self.network_name, self.gsd, precision, self.upsample)
        load_weights(model, self.file)
        return model

    def record(self) -> dict[str, Any]:
        """Return the entry of this network in `evaluation.json`."""
        return {
            "source": self.source,
            "file": str(self.file),
            "network": self.network_name,
            "gsd": self.gsd,
            "sha256": self.sha256,
            "upsample": self.upsample,
            "title": self.title,
        }


def choose_networks(
    sources: Sequence[str], gsds: Sequence[int] | None, network_name: str, upsample: str = DEFAULT_UPSAMPLING
) -> dict[int, TrainedNetwork]:
    """Return the trained network for each GSD.

    Args:
        sources: run folders, files, or names of published weights; one for each GSD.
        gsds: the GSDs asked for; None asks for those of the weights.
        network_name, upsample: of bare files of weights.

    Returns:
        GSD -> trained network, in the order of GSDS.

    Raises:
        SettingError: no weights for a GSD, two for one, or weights for a GSD that is not asked for.
        WeightsError, RunFolderError: as `describe_weights`.
    """
    by_gsd: dict[int, TrainedNetwork] = {}
    for source in dict.fromkeys(sources):
        trained = describe_weights(source, network_name, upsample)
        if gsds and trained.gsd not in gsds:
            raise SettingError(
                f"{source} is for {trained.gsd} m, and --gsd asks for {_metres(gsds)}; give weights for "
                f"that, or leave --gsd out."
            )
        if trained.gsd in by_gsd:
            raise SettingError(
                f"{by_gsd[trained.gsd].source} and {source} are both for {trained.gsd} m; give one of them."
            )
        by_gsd[trained.gsd] = trained
    missing = [gsd for gsd in gsds or () if gsd not in by_gsd]
    if missing or not by_gsd:
        raise SettingError(
            f"there are no weights for {_metres(missing or GSDS)}; give them with --weights "
            f"({', '.join(PUBLISHED)}, or a file) or --run-dir."
        )
    return {gsd: by_gsd[gsd] for gsd in GSDS if gsd in by_gsd}


def _metres(gsds: Sequence[int]) -> str:
    return " and ".join(f"{gsd} m" for gsd in gsds)


def describe_weights(
    source: str, network_name: str = PUBLISHED_NETWORK, upsample: str = DEFAULT_UPSAMPLING
) -> TrainedNetwork:
    """Return a trained network, checked: its weights load.

    Args:
        source: run folder, file, or name of published weights.
        network_name, upsample: of a bare file; run folders and published weights know theirs.

    Raises:
        WeightsError: there are no weights, or they are of no network that this version knows.
        RunFolderError: a folder holds no run of super-resolution.
        SettingError: no such network, or the upsampling does not go with it.
        DownloadError: published weights cannot be fetched.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    if source in PUBLISHED:
        file = find_weights(source)
        trained = TrainedNetwork(
            source, file, PUBLISHED_NETWORK, PUBLISHED[source].gsd, _sha256(file), title=PUBLISHED_NETWORK
        )
    elif path.is_dir() or (path.exists() and (folder / CONFIG).exists()):
        trained = _describe_run(source, folder)
    else:
        file = find_weights(source)
        gsd = guess_gsd(file, network_name, upsample)
        trained = TrainedNetwork(source, file, network_name, gsd, _sha256(file), upsample, network_name)
    trained = _with_published_level(trained)
    trained.build()  # fail here, on one rank, instead of later on all ranks
    return trained


def _describe_run(source: str, folder: Path) -> TrainedNetwork:
    """Return the trained network of a run folder.

    Raises:
        RunFolderError: the folder holds no run of super-resolution.
        WeightsError: it holds no weights.
    """
    config = read_config(folder)
    settings = config.get("settings", {})
    base = settings.get("generator") if settings.get("model") == GAN else settings.get("model")
    upsample = settings.get("upsample", DEFAULT_UPSAMPLING)  # older runs do not say
    if (
        config.get("application") != "superres"
        or base not in list(NETWORKS)  # a list: damaged settings may be of any type
        or settings.get("gsd") not in GSDS
        or upsample not in UPSAMPLINGS
    ):
        raise RunFolderError(
            f"{folder} holds no run of superres-train that this version knows; give one that it wrote."
        )
    file = find_weights(source)
    return TrainedNetwork(
        source,
        file,
        predicting_network(settings["model"], base, settings.get("attention", False)),
        settings["gsd"],
        _sha256(file),
        upsample,
        settings["model"],
        tuple(config.get("levels", ())),
        settings.get("degradation"),
    )


def guess_gsd(file: Path, network_name: str, upsample: str) -> int:
    """Return the GSD that a file of weights is for, by the kernel of the last layer; 20 m if the kernel does not tell."""
    shapes: set[tuple[int, ...]] = set()

    def collect(_name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == KERNEL_AXES:
            shapes.add(item.shape)

    with suppress(OSError), h5py.File(file, "r") as handle:
        handle.visititems(collect)
    for gsd in GSDS:
        last = build_network(network_name, gsd, upsample=upsample).get_layer("last")
        if tuple(last.kernel.shape) in shapes:
            return gsd
    return GSDS[0]


def trained_levels(source: Path | str) -> tuple[str, ...]:
    """Return the levels of the products that weights were trained on, `L1C` and `L2A`; empty if unknown.

    Published weights are known by their content, whatever their file is called; run folders say it in `config.json`.
    """
    file = find_weights(source)
    if published := _published_level(_sha256(file)):
        return (published,)
    return tuple(read_config(file.parent).get("levels", ())) if (file.parent / CONFIG).exists() else ()


def warn_of_level(source: str, levels: Sequence[str], scenes: Iterable[Scene]) -> None:
    """Warn if weights meet products of another level than they were trained on."""
    others = [scene for scene in scenes if levels and scene.level not in levels]
    if others:
        logger.warning(
            "%s was trained on %s and meets %s: the top of the atmosphere and the surface reflect differently, "
            "so the result may be less exact",
            source,
            " and ".join(levels),
            others[0].level,
        )


def warn_of_degradation(trained: TrainedNetwork, degradation: str) -> None:
    """Warn if a network is measured with another degradation than it was trained with."""
    if trained.degradation not in (None, degradation):
        logger.warning(
            "%s was trained with --degradation %s and meets %s", trained.source, trained.degradation, degradation
        )


def _with_published_level(trained: TrainedNetwork) -> TrainedNetwork:
    level = _published_level(trained.sha256)
    return replace(trained, levels=(level,)) if level else trained


def _published_level(sha256: str) -> str | None:
    """Return the level of the published weights with this checksum, or None."""
    return next((published.level for published in PUBLISHED.values() if published.sha256 == sha256), None)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
