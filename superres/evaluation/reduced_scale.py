"""Measure methods at reduced scale, where the truth is known (Wald's protocol).

All bands of a scene are degraded by the scale factor and sharpened, and the estimates are compared with the native bands.
All values are in reflectance * 10000, which is DN without the product's offset.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
from scipy.ndimage import minimum_filter

from common.errors import ProductError
from common.metrics.correctness import Correctness
from common.metrics.fusion import OVERALL, fusion_metrics
from common.metrics.image_errors import sam
from common.metrics.image_pairs import row_strips
from common.metrics.shift import shift_per_band
from common.patches.degraded_scene import degrade_scene
from common.patches.settings import PatchSettings
from common.pixels.degrade import blur_reach, degrade, degrade_mask
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, bands_within
from common.pixels.windows import Window
from common.scenes.reflectance import ScaledImage
from common.scenes.scene import Scene
from superres.evaluation.cost import cost_rows
from superres.evaluation.error_statistics import ErrorStatistics
from superres.evaluation.methods import (
    Method,
    SceneMethod,
    interpolation_methods,
    network_method,
    sharpen_all,
)
from superres.evaluation.tables import MetricRow
from superres.networks.catalogue import DEFAULT_UPSAMPLING
from superres.networks.margin import margin_px
from superres.networks.published import PUBLISHED_NETWORK
from superres.pansharpening.strips import ImageStrip, cut_strips, statistics_reach
from superres.prediction.interpolation import INTERPOLATIONS, interpolate

logger = logging.getLogger(__name__)

RINGING_PX = 6  # coarse pixels; farther from a step, bicubic interpolation rings by less than 1/1000 of the step
PICTURE_PX = 150  # side of the pictures; single pixels are visible in them


class DegradedImages(NamedTuple):
    """A scene at reduced scale.

    Attributes:
        truth: the native bands, (rows, cols, bands), reflectance * 10000: an array of float32, or stored as DN.
        inputs: the degraded bands, by input name; as the truth.
        valid: (rows, cols) bool, which pixels of the truth count.
        coarse_valid: (rows / s, cols / s) bool, which pixels of the degraded bands depend on such pixels only.
    """

    truth: np.ndarray | ScaledImage
    inputs: Mapping[str, np.ndarray | ScaledImage]
    valid: np.ndarray
    coarse_valid: np.ndarray


class SceneResult(NamedTuple):
    """The measurements of one scene, and the middle of its images.

    Attributes:
        rows: the rows of `metrics.csv` of this scene.
        truth: the middle of the truth, (rows, cols, bands) float32, reflectance * 10000; NaN where pixels do not count.
        coarse: the same ground before sharpening, (rows / s, cols / s, bands).
        estimates: method -> the same ground sharpened, shape of truth; NaN where pixels do not count.
        statistics: of the errors in the whole scene.
        costs: rows of `methods.csv` of this scene: of COST_METRICS.
    """

    rows: list[MetricRow]
    truth: np.ndarray
    coarse: np.ndarray
    estimates: dict[str, np.ndarray]
    statistics: ErrorStatistics
    costs: Sequence[MetricRow] = ()


def evaluate_scene(
    scene: Scene,
    model: keras.Model,
    network_name: str,
    settings: PatchSettings,
    upsample: str = DEFAULT_UPSAMPLING,
    method_name: str | None = None,
) -> SceneResult:
    """Measure a network and interpolation on a scene.

    Args:
        scene: with the native bands of `settings.gsd`.
        model: the network with its weights.
        network_name: name of the network.
        settings: GSD, degradation, and whether the network is a joint one.
        upsample: upsampling of the network.
        method_name: name of the network in the tables; None takes `network_name`.

    Raises:
        ProductError: as `measure_scene`.
    """
    network_gsd = JOINT if settings.joint else settings.gsd
    margin, bands = margin_px(network_name, network_gsd, upsample), bands_within(network_gsd, settings.gsd)
    network = network_method(method_name or network_name, model, margin, bands=bands)
    methods = [*interpolation_methods(settings.gsd), network]
    return measure_scene(scene, methods, settings)


def measure_scene(
    scene: Scene,
    methods: Sequence[Method | SceneMethod],
    settings: PatchSettings,
    observe: Callable[[str, DegradedImages, np.ndarray], object] | None = None,
) -> SceneResult:
    """Sharpen a degraded scene by each method, one after the other, and compare the estimates with the truth.

    The memory holds the DN of truth and inputs, and one estimate: the process needs 2.8 GiB for the 20 m bands of a full tile and
    DSen2, of which TensorFlow and other libraries take 0.7 GiB before the first scene.

    Args:
        scene: the scene.
        methods: to measure.
        settings: GSD and degradation.
        observe: is called with the name of each method, the degraded scene and the estimate; None: nothing is called.

    Raises:
        ProductError: the scene is damaged, too small, or has no valid pixel.
    """
    degraded = degraded_images(scene, settings)
    if not degraded.valid.any():
        raise ProductError(f"{scene.name} has no pixel far from nodata to compare; take it out of the list.")
    middle = Window(0, 0, *degraded.valid.shape).middle(PICTURE_PX, settings.scale_factor)
    truth = _middle_pixels(degraded.truth, degraded.valid, middle)
    coarse = degraded.inputs[f"input_{settings.gsd}m"][middle.coarsened(settings.scale_factor).slices].copy()
    statistics = ErrorStatistics(degraded.truth, degraded.inputs["input_10m"], degraded.valid)
    correctness = Correctness(
        degraded.truth,
        partial(bilinear_rows, degraded.inputs[f"input_{settings.gsd}m"], settings.scale_factor),
        degraded.valid,
    )
    rows, costs, estimates = [], [], {}
    started = time.monotonic()
    strips = statistics_strips(degraded, settings)
    for name, estimate, cost in sharpen_all(methods, degraded.inputs, scene.name, settings, strips):
        if observe:
            observe(name, degraded, estimate)
        method_rows = reduced_scale_rows(scene.name, name, degraded, estimate, settings)
        shares = {f"opensr_{name}": value for name, value in correctness.measure(estimate).items()}
        shares |= agreement_with_input(degraded, estimate, settings)
        rows += method_rows
        rows += [MetricRow(scene.name, name, OVERALL, metric, value) for metric, value in shares.items()]
        costs += cost_rows(scene.name, name, cost, degraded.valid.size)
        estimates[name] = _middle_pixels(estimate, degraded.valid, middle)
        statistics.add(name, degraded.truth, estimate)
        del estimate  # before the next one is made
        seconds, started = time.monotonic() - started, time.monotonic()
        logger.info("%s, reduced scale: %s, RMSE %.1f DN (%.0f s)", scene.name, name, method_rows[0].value, seconds)
    return SceneResult(rows, truth, coarse, estimates, statistics, costs)


def statistics_strips(degraded: DegradedImages, settings: PatchSettings) -> Iterator[ImageStrip]:
    """Yield the strips of the inputs for the statistics of a scene; no pixel depends on one that does not count."""
    return cut_strips(degraded.inputs, degraded.coarse_valid, settings, statistics_reach(settings))


def reduced_scale_rows(
    scene_name: str, method_name: str, degraded: DegradedImages, estimate: np.ndarray, settings: PatchSettings
) -> list[MetricRow]:
    """Return the metrics of an estimate, the overall RMSE first.

    Raises:
        ProductError: the scene is too small for a metric.
    """
    valid = None if degraded.valid.all() else degraded.valid
    try:
        metrics = fusion_metrics(degraded.truth, estimate, BANDS_BY_GSD[settings.gsd], settings.scale_factor, valid)
    except ValueError as error:
        raise ProductError(f"{scene_name} cannot be measured with {method_name}: {error}") from error
    return [MetricRow(scene_name, method_name, *metric) for metric in metrics]


def bilinear_rows(coarse: np.ndarray, scale_factor: int, rows: slice) -> np.ndarray:
    """Upsample an image (rows, cols, bands) bilinearly and return some rows of the result, float32."""
    first, last = max(rows.start // scale_factor - 1, 0), min(-(-rows.stop // scale_factor) + 1, len(coarse))
    shape = ((last - first) * scale_factor, coarse.shape[1] * scale_factor, coarse.shape[2])
    upsampled = interpolate(coarse[first:last], shape, INTERPOLATIONS["bilinear"])
    return upsampled[rows.start - first * scale_factor : rows.stop - first * scale_factor]


def agreement_with_input(degraded: DegradedImages, estimate: np.ndarray, settings: PatchSettings) -> dict[str, float]:
    """Return the consistency metrics of opensr-test, by name: how the degraded estimate differs from the input.

        opensr_reflectance   mean |degraded estimate - input| over pixels and bands, in DN (reflectance * 10000)
        opensr_spectral      mean spectral angle between them, in degrees
        opensr_spatial       mean over bands of the length of the shift between them, in pixels of the input

    0 is perfect. The estimate is degraded as the scene was; opensr-test 1.3.3 degrades by antialiased bilinear resampling, which
    even the truth does not pass without error. A metric without a valid pixel, or block, is left out.

    Reference:
        Aybar et al. 2024, doi:10.1109/LGRS.2024.3401394.
    """
    valid = degraded.coarse_valid
    if not valid.any():
        return {}
    coarse = degraded.inputs[f"input_{settings.gsd}m"]
    again = degrade(estimate, settings.scale_factor, settings.sigmas(settings.gsd))
    differences = sum(
        np.abs(again[rows] - coarse[rows])[valid[rows]].sum(dtype=np.float64) for rows in row_strips(*valid.shape)
    )
    metrics = {
        "opensr_reflectance": float(differences / (np.count_nonzero(valid) * coarse.shape[2])),
        "opensr_spectral": sam(coarse, again, valid),
    }
    shifts = shift_per_band(coarse, again, valid)
    return metrics if shifts is None else metrics | {"opensr_spatial": float(np.hypot(*shifts.T).mean())}


def _middle_pixels(image: np.ndarray, valid: np.ndarray, middle: Window) -> np.ndarray:
    """Return the middle of an image, (rows, cols, bands) float32; NaN where pixels do not count."""
    return np.where(valid[middle.slices][..., None], image[middle.slices], np.float32(np.nan))


def degraded_images(scene: Scene, settings: PatchSettings, window: Window | None = None) -> DegradedImages:
    """Read and degrade a scene, or a part of it. Arguments as in `degrade_scene`.

    A pixel does not count if it depends on nodata or saturated pixels, or if it is near nodata, because estimates there
    depend on how a method fills holes. The distance is the same for all methods, so that all are compared at the same
    pixels.

    Raises:
        ProductError: the scene is damaged or too small.
    """
    degraded = degrade_scene(scene, settings, window)
    inputs = {f"input_{gsd}m": ScaledImage(scene, degraded.inputs[f"input_{gsd}m"], gsd) for gsd in settings.input_gsds}
    truth = degraded.truth[settings.gsd]
    holds_data = (truth != scene.nodata).all(axis=2)
    valid = degraded.valid & far_from_holes(holds_data, distance_from_holes(settings))
    coarse_valid = degrade_mask(valid, settings.scale_factor, blur_reach(max(settings.sigmas(settings.gsd))))
    return DegradedImages(ScaledImage(scene, truth, settings.gsd), inputs, valid, coarse_valid)


def distance_from_holes(settings: PatchSettings) -> int:
    """Return the distance from nodata within which pixels do not count, in pixels of the truth.

    It covers the margin of DSen2 and the ringing of bicubic interpolation.
    """
    return max(margin_px(PUBLISHED_NETWORK, settings.gsd), RINGING_PX * settings.scale_factor)


def far_from_holes(holds_data: np.ndarray, distance: int) -> np.ndarray:
    """Mark the pixels that are farther than `distance` rows or columns from every pixel without data.

    Args:
        holds_data: (rows, cols) bool.
        distance: in pixels.

    Returns:
        Shape of holds_data, bool.
    """
    if holds_data.all():
        return holds_data
    return minimum_filter(holds_data, 2 * distance + 1, mode="nearest")
