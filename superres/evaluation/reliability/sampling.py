"""Scores and errors of the pixels of a scene at reduced scale, for a calibration."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from common.networks.engines import TENSORFLOW
from common.pixels.sentinel2 import BANDS_BY_GSD
from superres.evaluation.methods import Images, Method, load_method, network_method
from superres.evaluation.reduced_scale import DegradedImages
from superres.networks.ensemble import Ensemble, build_for_errors
from superres.networks.trained import TrainedNetwork
from superres.prediction.interpolation import INTERPOLATIONS, interpolate
from superres.uncertainty.score import error_score

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
        name: of the method.
        trained: the network.
        precision: of the convolutions.
        engine: computes the network.

    Attributes:
        method: to be measured.
        sample: of the last scene that was measured.
    """

    def __init__(self, name: str, trained: TrainedNetwork | Ensemble, precision: str, engine: str = TENSORFLOW):
        self._gsd = trained.gsd
        self._network = network_method(name, build_for_errors(trained, precision), trained.margin, engine)
        self._spread: np.ndarray | None = None
        self.method = Method(name, self._sharpen, trained.margin)
        self.sample: ErrorSample | None = None

    def observe(self, method_name: str, degraded: DegradedImages, estimate: np.ndarray) -> None:
        """Sample an estimate, if it is of this method. Arguments as `measure_scene` gives them."""
        if method_name == self.method.name:
            self.sample = sample_errors(degraded, estimate, self._spread, f"input_{self._gsd}m")
            self._spread = None

    def _sharpen(self, images: Images) -> np.ndarray:
        both = self._network.sharpen(images)
        bands = len(BANDS_BY_GSD[self._gsd])
        self._spread = both[..., bands:] if both.shape[2] > bands else None
        return both[..., :bands]


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
    degraded: DegradedImages, estimate: np.ndarray, spread: np.ndarray | None, coarse_input: str
) -> ErrorSample:
    """Return the scores and errors of up to MOST_PIXELS valid pixels.

    Args:
        degraded: the scene at reduced scale.
        estimate: (rows, cols, bands) float32, reflectance * 10000.
        spread: of the members, shape of estimate, or None.
        coarse_input: name of the input whose bands were sharpened, such as `input_20m`.
    """
    valid = np.flatnonzero(degraded.valid)
    chosen = valid[:: max(1, -(-len(valid) // MOST_PIXELS))]
    bands = estimate.shape[2]
    scores, errors = np.empty((2, len(chosen), bands), np.float32)
    for band in range(bands):  # one by one, because each needs several arrays of its size
        one = (slice(None), slice(None), slice(band, band + 1))
        coarse = degraded.inputs[coarse_input][one]
        upsampled = interpolate(coarse, estimate[one].shape, INTERPOLATIONS["bilinear"], clip=False)
        score = error_score(estimate[one], upsampled, None if spread is None else spread[one])
        scores[:, band] = score.ravel()[chosen]
        errors[:, band] = np.abs(estimate[one] - degraded.truth[one]).ravel()[chosen]
    return ErrorSample(scores, errors)
