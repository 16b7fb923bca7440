"""Measure methods at reduced scale, where the truth is known (Wald's protocol).

All bands of a scene are degraded by the scale factor, sharpened back, and compared with its native bands. All numbers
are in reflectance * 10000, which is DN without the product's offset.
"""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy.ndimage import minimum_filter

from common.errors import ProductError
from common.metrics.fusion import fusion_metrics
from common.patches.degraded_scene import degrade_scene
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from common.scenes.reflectance import scaled_reflectance
from common.scenes.scene import Scene
from superres.evaluation.error_statistics import ErrorStatistics
from superres.evaluation.methods import Images, Method, interpolation_methods, network_method
from superres.evaluation.tables import MetricRow
from superres.networks.catalogue import DEFAULT_UPSAMPLING, margin_px
from superres.networks.published import PUBLISHED_NETWORK

logger = logging.getLogger(__name__)

RINGING_PX = 6  # coarse pixels after which less than 1/1000 of a step is left
PICTURE_PX = 150  # no larger than single pixels can be seen


class SceneResult(NamedTuple):
    """What came out for one scene.

    Attributes:
        rows: of the table.
        truth: the middle of the scene, (rows, cols, bands) float32, reflectance * 10000; NaN where pixels do not count.
        coarse: what was sharpened, of the same ground.
        estimates: method -> estimate there, NaN likewise.
        statistics: of the errors in the whole scene.
    """

    rows: list[MetricRow]
    truth: np.ndarray
    coarse: np.ndarray
    estimates: dict[str, np.ndarray]
    statistics: ErrorStatistics


class DegradedImages(NamedTuple):
    """A scene at reduced scale: truth and inputs in reflectance * 10000, and (rows, cols) bool which pixels count."""

    truth: np.ndarray
    inputs: Images
    valid: np.ndarray


def evaluate_scene(
    scene: Scene,
    model: keras.Model,
    network: str,
    settings: PatchSettings,
    upsample: str = DEFAULT_UPSAMPLING,
    name: str | None = None,
) -> SceneResult:
    """Measure a network beside interpolation.

    Args:
        scene: with its truth, the native bands of `settings.gsd`.
        model: the network, its weights loaded.
        network: its name.
        settings: GSD and degradation; the rest is not used.
        upsample: that the network was built with.
        name: of the method; None: the network's.

    Raises:
        ProductError: as `measure_scene`.
    """
    margin = margin_px(network, settings.gsd, upsample)
    methods = [*interpolation_methods(settings.gsd), network_method(name or network, model, margin)]
    return measure_scene(scene, methods, settings)


def measure_scene(scene: Scene, methods: Sequence[Method], settings: PatchSettings) -> SceneResult:
    """Sharpen a degraded scene by each method, one after the other, and compare with the truth.

    Memory: truth, inputs and one estimate; 4 GB for the 20 m bands of a full tile.

    Raises:
        ProductError: the scene is damaged, too small, or has no valid pixel.
    """
    degraded = degraded_images(scene, settings)
    factor, bands = settings.scale_factor, BANDS_BY_GSD[settings.gsd]
    middle = Window(0, 0, *degraded.valid.shape).middle(PICTURE_PX, factor)
    if not degraded.valid.any():
        raise ProductError(f"{scene.name} has no pixel far from nodata to compare; take it out of the list.")
    mask = None if degraded.valid.all() else degraded.valid
    coarse = degraded.inputs[f"input_{settings.gsd}m"][middle.coarsened(factor).slices].copy()
    counts = degraded.valid[middle.slices][..., None]
    result = SceneResult(
        [],
        np.where(counts, degraded.truth[middle.slices], np.float32(np.nan)),
        coarse,
        {},
        ErrorStatistics(degraded.truth, degraded.inputs["input_10m"], degraded.valid),
    )
    for method in methods:
        started = time.monotonic()
        estimate = method.sharpen(degraded.inputs)
        try:
            found = fusion_metrics(degraded.truth, estimate, bands, factor, mask)
        except ValueError as error:
            raise ProductError(f"{scene.name} cannot be measured with {method.name}: {error}") from error
        result.rows.extend(MetricRow(scene.name, method.name, *metric) for metric in found)
        result.estimates[method.name] = np.where(counts, estimate[middle.slices], np.float32(np.nan))
        result.statistics.add(method.name, estimate)
        logger.info(
            "%s, reduced scale: %s, RMSE %.1f DN (%.0f s)",
            scene.name,
            method.name,
            found[0].value,
            time.monotonic() - started,
        )
    return result


def degraded_images(scene: Scene, settings: PatchSettings) -> DegradedImages:
    """Read and degrade a scene, and convert it.

    Pixels that nodata or saturated ones enter do not count, nor those near nodata: what a method makes of a hole is not what
    is measured. The distance is the same for all methods, so that a table compares the same pixels.
    """
    degraded = degrade_scene(scene, settings)
    inputs = {
        f"input_{gsd}m": scaled_reflectance(scene, degraded.inputs[f"input_{gsd}m"], gsd)
        for gsd in input_gsds(settings.gsd)
    }
    holds_data = (degraded.target != scene.nodata).all(axis=2)
    valid = degraded.valid & far_from_holes(holds_data, reach_of_holes(settings))
    return DegradedImages(scaled_reflectance(scene, degraded.target, settings.gsd), inputs, valid)


def reach_of_holes(settings: PatchSettings) -> int:
    """Pixels from nodata within which none counts: as far as DSen2 sees, and as a cubic spline rings."""
    return max(margin_px(PUBLISHED_NETWORK, settings.gsd), RINGING_PX * settings.scale_factor)


def far_from_holes(holds_data: np.ndarray, distance: int) -> np.ndarray:
    """Pixels with no False one within so many rows and columns: shape of holds_data, (rows, cols) bool."""
    if holds_data.all():
        return holds_data
    return minimum_filter(holds_data, 2 * distance + 1, mode="nearest")
