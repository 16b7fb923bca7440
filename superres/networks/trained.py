"""Trained networks as commands accept them: a run folder, a file of weights, or the name of published weights.

A run folder and published weights state their network and GSD. The GSD of a plain file follows from the shapes in it.
Keras is imported only to build a network, so that a wrong folder or name is told at once.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import RunFolderError
from common.files.hdf5 import open_hdf5
from common.pixels.sentinel2 import JOINT, Gsd, each_gsd
from common.runs.folder import CONFIG, is_run_folder, read_config
from common.scenes.scene import Scene
from superres.networks.catalogue import (
    DEFAULT_UPSAMPLING,
    GAN,
    NETWORKS,
    UPSAMPLINGS,
    find_network,
    trained_network_name,
)
from superres.networks.margin import margin_px
from superres.networks.published import PUBLISHED, PUBLISHED_NETWORK
from superres.networks.weights import find_weights, load_weights

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

GSDS = (20, 60)
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class TrainedNetwork:
    """A file of weights, the network that it belongs to, and the data that the network was trained on.

    Attributes:
        source: run folder, file, or name of published weights, as the user gave it.
        file: the file that holds the weights.
        network_name: name of the network, as for `superres.networks.catalogue.find_network`.
        gsd: native GSD in metres of the bands that the network sharpens; JOINT for a joint network.
        sha256: checksum of the file.
        upsample: upsampling of the network's coarse inputs, one of `superres.networks.catalogue.UPSAMPLINGS`.
        title: name in tables: `gan` for a generator trained with a discriminator, otherwise the network's name.
        levels: levels of the products of the training, `L1C` and `L2A`; empty if unknown.
        degradation: degradation of the training patches; None if unknown.
    """

    source: str
    file: Path
    network_name: str
    gsd: Gsd
    sha256: str = ""
    upsample: str = DEFAULT_UPSAMPLING
    title: str | None = None
    levels: tuple[str, ...] = ()
    degradation: str | None = None

    @property
    def weights_name(self) -> str:
        """The source without its folder."""
        return Path(self.source).name

    @property
    def files(self) -> tuple[Path, ...]:
        """The file of weights; several for an Ensemble."""
        return (self.file,)

    @property
    def digests(self) -> tuple[str, ...]:
        """The checksum of each of `files`."""
        return (self.sha256,)

    @property
    def gsds(self) -> tuple[int, ...]:
        """The GSDs of the bands that the network sharpens, one by one."""
        return each_gsd(self.gsd)

    @property
    def margin(self) -> int:
        """Pixels at 10 m to cut off each side of a predicted window."""
        return margin_px(self.network_name, self.gsd, self.upsample)

    def build(self, precision: str = "float32") -> "keras.Model":
        """Build the Keras model and load its weights.

        Raises:
            WeightsError: the weights are damaged or of another network.
        """
        from superres.networks.build import build_network

        model = build_network(self.network_name, self.gsd, precision, self.upsample)
        load_weights(model, self.file)
        return model

    def record(self) -> dict[str, Any]:
        """Return the entry of this network in `evaluation.json`."""
        return {
            "source": self.source,
            "file": str(self.file),
            "network": self.network_name,
            "gsd": self.gsd if len(self.gsds) == 1 else list(self.gsds),
            "sha256": self.sha256,
            "upsample": self.upsample,
            "title": self.title,
        }


def read_trained(
    source: str, network_name: str = PUBLISHED_NETWORK, upsample: str = DEFAULT_UPSAMPLING
) -> TrainedNetwork:
    """Return a trained network after a check that its weights load.

    Args:
        source: run folder, file, or name of published weights.
        network_name: network of a plain file; run folders and published weights state theirs.
        upsample: upsampling of a plain file; run folders and published weights state theirs.

    Raises:
        WeightsError: the weights do not exist or do not fit the network.
        RunFolderError: the folder holds no run of superres-train.
        SettingError: the network is unknown, or it does not accept the upsampling.
        DownloadError: published weights cannot be fetched.
    """
    if source in PUBLISHED:
        file = find_weights(source)
        gsd = PUBLISHED[source].gsd
        trained = TrainedNetwork(source, file, PUBLISHED_NETWORK, gsd, title=PUBLISHED_NETWORK)
    elif folder := _run_folder(source):
        trained = _read_run(source, folder)
    else:
        file = find_weights(source)
        gsd = guess_gsd(file, network_name, upsample)
        trained = TrainedNetwork(source, file, network_name, gsd, upsample=upsample, title=network_name)
    trained.build()  # raises WeightsError here, on one rank, instead of later on all ranks
    trained = replace(trained, sha256=_sha256(trained.file))  # not earlier: a wrong file may have any size
    if published_level := _published_level(trained.sha256):
        trained = replace(trained, levels=(published_level,))
    return trained


def check_sources(sources: Iterable[str]) -> None:
    """Check that the weights of several networks exist, before `read_trained` takes seconds for the first of them.

    Raises:
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
    """
    for source in sources:
        if folder := _run_folder(source):
            _read_run(source, folder)
        else:
            find_weights(source)


def _run_folder(source: str) -> Path | None:
    """Return the run folder that a source names, itself or by a file in it; None if it names something else."""
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    is_of_a_run = path.is_dir() or (path.exists() and is_run_folder(folder))
    return folder if is_of_a_run and source not in PUBLISHED else None


def _read_run(source: str, folder: Path) -> TrainedNetwork:
    """Return the trained network of a run folder.

    Raises:
        RunFolderError: the folder holds no run of superres-train.
        WeightsError: the folder holds no weights.
    """
    config = read_config(folder)
    settings = config.get("settings", {})
    gsd = JOINT if settings.get("gsd") == list(JOINT) else settings.get("gsd")
    base_name = settings.get("generator") if settings.get("model") == GAN else settings.get("model")
    upsample = settings.get("upsample", DEFAULT_UPSAMPLING)  # older runs lack this setting
    if (
        config.get("application") != "superres"
        or base_name not in list(NETWORKS)  # a list, because damaged settings can be of any type
        or gsd not in [*GSDS, JOINT]
        or upsample not in UPSAMPLINGS
    ):
        raise RunFolderError(
            f"{folder} holds no run of superres-train that this version can read; give a run folder of superres-train."
        )
    file = find_weights(source)
    return TrainedNetwork(
        source=source,
        file=file,
        network_name=trained_network_name(settings["model"], base_name, settings.get("attention", False)),
        gsd=gsd,
        upsample=upsample,
        title=settings["model"],
        levels=_levels(folder, config),
        degradation=settings.get("degradation"),
    )


def guess_gsd(file: Path, network_name: str, upsample: str) -> Gsd:
    """Return the GSD in metres that a file of weights is for; JOINT for a joint network.

    The shape of the last layer's kernel identifies the GSD. If no kernel in the file has such a shape, return 20.

    Raises:
        SettingError: the network is unknown, or it does not accept the upsampling.
    """
    from common.networks.weights import stored_shapes
    from superres.networks.build import build_network

    if find_network(network_name).joint:
        return JOINT
    shapes = set()
    with suppress(Exception), open_hdf5(file) as handle:  # the load says what is wrong with a file
        shapes = set(stored_shapes(handle))
    for gsd in GSDS:
        last_layer = build_network(network_name, gsd, upsample=upsample).get_layer("last")
        if tuple(last_layer.kernel.shape) in shapes:
            return gsd
    return GSDS[0]


def trained_levels(source: Path | str) -> tuple[str, ...]:
    """Return the levels of the products that weights were trained on, `L1C` and `L2A`; empty if unknown.

    The checksum identifies published weights under any file name. A run folder lists its levels in `config.json`.

    Raises:
        WeightsError: the weights do not exist.
        DownloadError: published weights cannot be fetched.
        RunFolderError: `config.json` is damaged.
    """
    file = find_weights(source)
    if published_level := _published_level(_sha256(file)):
        return (published_level,)
    return _levels(file.parent, read_config(file.parent)) if is_run_folder(file.parent) else ()


def _levels(folder: Path, config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the levels in `config.json`; none for older runs, which lack them."""
    levels = config.get("levels", [])
    if not isinstance(levels, list) or not all(level in ("L1C", "L2A") for level in levels):
        raise RunFolderError(f"{folder / CONFIG} has the levels {levels}; expected L1C and L2A: restore it.")
    return tuple(levels)


def warn_of_level(source: str, levels: Sequence[str], scenes: Iterable[Scene]) -> None:
    """Log a warning if a scene has another level than the training products of the weights."""
    others = [scene for scene in scenes if levels and scene.level not in levels]
    if others:
        logger.warning(
            "%s was trained on %s and the scenes are %s; reflectance at the top of the atmosphere differs from that of "
            "the surface, so the result may be less exact",
            source,
            " and ".join(levels),
            others[0].level,
        )


def warn_of_degradation(trained: TrainedNetwork, degradation: str) -> None:
    """Log a warning if a network is measured with another degradation than it was trained with."""
    if trained.degradation not in (None, degradation):
        logger.warning(
            "%s was trained with --degradation %s and is measured with --degradation %s; its errors may be larger",
            trained.source,
            trained.degradation,
            degradation,
        )


def _published_level(sha256: str) -> str | None:
    """Return the level of the published weights with this checksum, or None."""
    return next((published.level for published in PUBLISHED.values() if published.sha256 == sha256), None)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
