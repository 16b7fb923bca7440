"""Several trained networks as one: members that differ in their weights only, such as runs of several seeds.

Their mean is the estimate, and their spread tells where it may be wrong. An Ensemble stands wherever a TrainedNetwork does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import SettingError
from common.pixels.sentinel2 import Gsd, in_metres
from superres.networks.catalogue import DEFAULT_UPSAMPLING
from superres.networks.published import PUBLISHED
from superres.networks.trained import GSDS, TrainedNetwork, check_sources, read_trained

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Ensemble:
    """Trained networks of one kind, GSD and level.

    Attributes:
        members: at least two.
    """

    members: tuple[TrainedNetwork, ...]

    @property
    def source(self) -> str:
        """The sources of all members, as the user gave them."""
        return ", ".join(member.source for member in self.members)

    @property
    def weights_name(self) -> str:
        """The sources without their folders."""
        return ", ".join(member.weights_name for member in self.members)

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of weights."""
        return tuple(member.file for member in self.members)

    @property
    def digests(self) -> tuple[str, ...]:
        """The checksums of the files."""
        return tuple(member.sha256 for member in self.members)

    @property
    def sha256(self) -> str:
        """The checksums of the files in alphabetical order, as one text."""
        return ", ".join(sorted(self.digests))

    @property
    def network_name(self) -> str:
        """Name of the network of all members."""
        return self.members[0].network_name

    @property
    def upsample(self) -> str:
        """Upsampling of all members."""
        return self.members[0].upsample

    @property
    def gsd(self) -> Gsd:
        """Native GSD in metres of the bands that all members sharpen; JOINT for joint networks."""
        return self.members[0].gsd

    @property
    def gsds(self) -> tuple[int, ...]:
        """The GSDs of the bands that all members sharpen, one by one."""
        return self.members[0].gsds

    @property
    def levels(self) -> tuple[str, ...]:
        """Levels of the products of the training."""
        return next((member.levels for member in self.members if member.levels), ())

    @property
    def degradation(self) -> str | None:
        """Degradation of the training patches; None if unknown."""
        return self.members[0].degradation

    @property
    def margin(self) -> int:
        """Pixels at 10 m to cut off each side of a predicted window."""
        return self.members[0].margin

    def build(self, precision: str = "float32", with_spread: bool = False) -> "keras.Model":
        """Build one Keras model of all members.

        Args:
            precision: of the convolutions.
            with_spread: append to the bands of the mean the standard deviation of the members, band by band.

        Raises:
            WeightsError: the weights are damaged or of another network.
        """
        import keras

        models = [member.build(precision) for member in self.members]
        for number, model in enumerate(models):
            model.name = f"member{number}"  # Keras wants different names inside one model
        inputs = models[0].input
        outputs = keras.ops.stack([model(inputs) for model in models])
        mean = keras.ops.mean(outputs, axis=0)
        if with_spread:
            mean = keras.ops.concatenate([mean, keras.ops.std(outputs, axis=0)], axis=-1)
        return keras.Model(inputs, mean, name=f"mean_of_{len(models)}")


def build_for_errors(trained: TrainedNetwork | Ensemble, precision: str) -> "keras.Model":
    """Build the Keras model whose result tells expected errors: an Ensemble appends its spread. Raises as `build`."""
    return trained.build(precision, with_spread=True) if isinstance(trained, Ensemble) else trained.build(precision)


def join_members(members: Sequence[TrainedNetwork]) -> TrainedNetwork | Ensemble:
    """Return one network as it is, and several as an Ensemble.

    Raises:
        SettingError: they are of different networks, GSDs or levels, or two have the same weights.
    """
    first = members[0]
    for number, other in enumerate(members):
        if same := next((earlier for earlier in members[:number] if earlier.sha256 == other.sha256), None):
            raise SettingError(f"{same.source} and {other.source} have the same weights; give one of them.")
        kinds = [(member.network_name, member.gsd, member.upsample) for member in (first, other)]
        if kinds[0] != kinds[1] or (first.levels and other.levels and first.levels != other.levels):
            described = " and ".join(f"{member.source} ({describe(member)})" for member in (first, other))
            raise SettingError(
                f"members of different networks or levels: {described}; give members that differ in their weights only, "
                f"such as runs of several seeds, or give one of them."
            )
    return first if len(members) == 1 else Ensemble(tuple(members))


def describe(trained: TrainedNetwork) -> str:
    """Return network, GSD, upsampling and levels of a trained network, for a message."""
    levels = f", {' and '.join(trained.levels)}" if trained.levels else ""
    return f"{trained.network_name}, {in_metres(trained.gsds)}, {trained.upsample}{levels}"


def choose_networks(
    sources: Sequence[str], gsds: Sequence[int] | None, network_name: str, upsample: str = DEFAULT_UPSAMPLING
) -> dict[int, TrainedNetwork | Ensemble]:
    """Return the trained network for each GSD; several sources of one GSD are the members of an Ensemble.

    A joint network stands for both of its GSDs, or for the one that is requested.

    Args:
        sources: run folders, files, or names of published weights.
        gsds: the requested GSDs; None requests the GSDs of the weights.
        network_name: network of plain files of weights.
        upsample: upsampling of plain files of weights.

    Returns:
        GSD -> trained network, in the order of GSDS.

    Raises:
        SettingError: a GSD has no weights, there are weights for a GSD that is not requested, or members do not fit together.
        WeightsError, RunFolderError, DownloadError: as `read_trained`.
    """
    check_sources(sources)
    by_gsd: dict[int, list[TrainedNetwork]] = {}
    for source in dict.fromkeys(sources):
        trained = read_trained(source, network_name, upsample)
        wanted = [gsd for gsd in trained.gsds if not gsds or gsd in gsds]
        if not wanted:
            raise SettingError(
                f"{source} is for {in_metres(trained.gsds)}, and --gsd asks for {in_metres(gsds)}; give weights for "
                f"{in_metres(gsds)}, or leave --gsd out."
            )
        for gsd in wanted:
            by_gsd.setdefault(gsd, []).append(trained)
    missing = [gsd for gsd in gsds or () if gsd not in by_gsd]
    if missing or not by_gsd:
        raise SettingError(
            f"there are no weights for {in_metres(missing or GSDS)}; give them with --weights "
            f"({', '.join(PUBLISHED)}, or a file) or --run-dir."
        )
    return {gsd: join_members(by_gsd[gsd]) for gsd in GSDS if gsd in by_gsd}
