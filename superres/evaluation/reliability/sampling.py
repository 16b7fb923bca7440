"""Scores and errors of the pixels of a scene at reduced scale, for a calibration."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from common.errors import WeightsError
from common.networks.engines import TENSORFLOW
from common.pixels.sentinel2 import Gsd, bands_within, in_metres, sharpened_bands
from superres.evaluation.methods import Images, Method, load_method, network_method
from superres.evaluation.reduced_scale import DegradedImages
from superres.networks.ensemble import Ensemble, build_for_errors
from superres.networks.trained import TrainedNetwork
from superres.prediction.sharpening import estimate_score

MOST_PIXELS = 2**18  # of a scene, evenly spread, so that many scenes fit into memory


class ErrorSample(NamedTuple):
    """Some pixels of a scene, from top to bottom.

    Attributes:
        scores: (pixels, bands) float32.
        errors: |estimate - truth| of the same pixels, in reflectance * 10000.
    """

    scores: np.ndarray
    errors: np.ndarray


class ErrorSampler:
    """A network, or the mean of several, as a method whose errors are sampled.

    Args:
        network: gives all bands of the network and then, of several members, their spread.
        network_gsd: native GSD of the bands of the network; JOINT for both.
        gsd: native GSD of the bands that are sampled.

    Attributes:
        method: to be measured.
        sample: of the last scene that was measured.
    """

    def __init__(self, network: Method, network_gsd: Gsd, gsd: int):
        self._network, self._gsd = network, gsd
        self._bands, self._all_bands = bands_within(network_gsd, gsd), len(sharpened_bands(network_gsd))
        self._spread: np.ndarray | None = None
        self.method = Method(network.name, self._sharpen, network.reach)
        self.sample: ErrorSample | None = None

    def observe(self, method_name: str, degraded: DegradedImages, estimate: np.ndarray) -> None:
        """Sample an estimate, if it is of this method. Arguments as `measure_scene` gives them."""
        if method_name == self.method.name:
            self.sample = self.sample_of(degraded, estimate)
            self._spread = None

    def sample_of(self, degraded: DegradedImages, estimate: np.ndarray, most: int = MOST_PIXELS) -> ErrorSample:
        """Sample the last estimate of the method. Arguments as in `sample_errors`."""
        return sample_errors(degraded, estimate, self._spread, self._gsd, most)

    def _sharpen(self, images: Images) -> np.ndarray:
        both = self._network.sharpen(images)
        estimate, spread = np.split(both, [self._all_bands], axis=2)
        self._spread = spread[..., self._bands] if spread.shape[2] else None
        return estimate[..., self._bands]


def build_sampler(
    name: str, trained: TrainedNetwork | Ensemble, gsd: int, precision: str, engine: str = TENSORFLOW
) -> ErrorSampler:
    """Return the sampler of a network, or of the mean of several.

    Args:
        name: of the method.
        trained: the network.
        gsd: native GSD of the bands that are sampled.
        precision: of the convolutions.
        engine: computes the network.
    """
    network = network_method(name, build_for_errors(trained, precision), trained.margin, engine)
    return ErrorSampler(network, trained.gsd, gsd)


def network_methods(
    trained_networks: Mapping[str, TrainedNetwork],
    precision: str,
    sampler: ErrorSampler | None,
    gsd: int,
    engine: str = TENSORFLOW,
) -> list[Method]:
    """Return networks as methods for the bands of a GSD; with a sampler, its method is the last one.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    sampled = sampler.method.name if sampler else None
    methods = [
        load_method(name, trained, precision, gsd, engine)
        for name, trained in trained_networks.items()
        if name != sampled
    ]
    return [*methods, sampler.method] if sampler else methods


def sample_errors(
    degraded: DegradedImages, estimate: np.ndarray, spread: np.ndarray | None, gsd: int, most: int = MOST_PIXELS
) -> ErrorSample:
    """Return the scores and errors of valid pixels, evenly spread.

    Args:
        degraded: the scene at reduced scale.
        estimate: (rows, cols, bands) float32, reflectance * 10000.
        spread: of the members, shape of estimate, or None.
        gsd: native GSD of the bands.
        most: number of pixels at most.

    Raises:
        WeightsError: an estimate is not finite.
    """
    valid = np.flatnonzero(degraded.valid)
    count = min(most, len(valid))
    chosen = valid[np.arange(count) * len(valid) // max(count, 1)]
    bands = estimate.shape[2]
    scores, errors = np.empty((2, count, bands), np.float32)
    for band in range(bands):  # one by one, because each needs several arrays of its size
        one = (slice(None), slice(None), slice(band, band + 1))
        coarse = degraded.inputs[f"input_{gsd}m"][one]
        score = estimate_score(estimate[one], coarse, None if spread is None else spread[one])
        scores[:, band] = score.ravel()[chosen]
        errors[:, band] = np.abs(estimate[one] - degraded.truth[one]).ravel()[chosen]
    if not np.isfinite(errors).all():
        raise WeightsError(
            f"the network for {in_metres((gsd,))} gives values that are not finite at reduced scale; use --precision float32, "
            f"or other weights."
        )
    return ErrorSample(scores, errors)
