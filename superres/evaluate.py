"""Measure super-resolution at reduced scale, where the truth is known (Wald's protocol), beside interpolation.

Everything is degraded by the scale factor, sharpened back, and compared with the native bands. All numbers are in
reflectance * 10000, which is DN without the product's offset.
"""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from skimage.transform import resize

from common.files import whole_file
from common.metrics import fusion_metrics
from common.patches import PatchSettings, reduce_scene
from common.radiometry import band_offsets, dn_to_scaled_reflectance
from common.scene import Scene
from common.sentinel2 import BANDS_BY_GSD
from superres.config import DN_DIVISOR
from superres.inference import predict_scene
from superres.networks import margin_px

logger = logging.getLogger(__name__)

INTERPOLATIONS = {"bilinear": 1, "bicubic": 3}  # order of the spline
TABLE_METRICS = {"rmse": "RMSE", "sre": "SRE (dB)", "ergas": "ERGAS", "sam": "SAM (deg)"}


class MetricRow(NamedTuple):
    """One line of `metrics.csv`."""

    scene: str
    method: str
    band: str
    metric: str
    value: float


class SceneResult(NamedTuple):
    """What came out for one scene: images in reflectance * 10000, (rows, cols, bands) float32.

    `coarse` is what was sharpened; `estimates` are by method.
    """

    truth: np.ndarray
    coarse: np.ndarray
    estimates: dict[str, np.ndarray]
    rows: list[MetricRow]


def evaluate_scene(scene: Scene, model: keras.Model, network: str, settings: PatchSettings) -> SceneResult:
    """Sharpen a degraded scene by interpolation and by a network, and measure both.

    Args:
        scene: with its truth, the native bands of `settings.gsd`.
        model: the network, its weights loaded.
        network: its name, which becomes the method's.
        settings: GSD and degradation; the rest is not used.
    """
    reduced = reduce_scene(scene, settings)
    bands = BANDS_BY_GSD[settings.gsd]
    truth = scaled_reflectance(scene, reduced.target, settings.gsd)
    inputs = {f"input_{gsd}m": scaled_reflectance(scene, reduced.inputs[f"input_{gsd}m"], gsd)
              for gsd in BANDS_BY_GSD if f"input_{gsd}m" in reduced.inputs}
    coarse = inputs[f"input_{settings.gsd}m"]
    estimates = {method: interpolate(coarse, truth.shape, order) for method, order in INTERPOLATIONS.items()}
    scaled = {name: image / np.float32(DN_DIVISOR) for name, image in inputs.items()}
    estimates[network] = predict_scene(model, scaled, margin_px(network, settings.gsd)) * np.float32(DN_DIVISOR)
    mask = None if reduced.valid.all() else reduced.valid  # pixels that nodata enters are left out
    rows = [MetricRow(scene.name, method, *metric) for method, estimate in estimates.items()
            for metric in fusion_metrics(truth, estimate, bands, settings.scale_factor, mask)]
    return SceneResult(truth, coarse, estimates, rows)


def scaled_reflectance(scene: Scene, dn: np.ndarray, gsd: int) -> np.ndarray:
    """DN of the bands of one GSD -> reflectance * 10000, float32."""
    return dn_to_scaled_reflectance(dn, scene.quantification, band_offsets(scene, BANDS_BY_GSD[gsd]))


def interpolate(coarse: np.ndarray, shape: tuple[int, ...], order: int) -> np.ndarray:
    """Enlarge (rows, cols, bands) to shape by a spline of the given order (1 bilinear, 3 bicubic), float32."""
    result = np.empty(shape, np.float32)
    for band in range(shape[2]):
        result[..., band] = resize(coarse[..., band], shape[:2], order=order, mode="reflect", anti_aliasing=False,
                                   preserve_range=True)
    return result


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`: scene, method, band (`all` for the overall value), metric, value."""
    with whole_file(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MetricRow._fields)
        writer.writerows(rows)


def markdown_table(rows: Sequence[MetricRow]) -> str:
    """The overall values as a Markdown table: a line a scene and method."""
    overall = {(row.scene, row.method, row.metric): row.value for row in rows if row.band == "all"}
    pairs = list(dict.fromkeys((row.scene, row.method) for row in rows))
    lines = ["| Scene | Method | " + " | ".join(TABLE_METRICS.values()) + " |", "|---|---|" + "---:|" * len(TABLE_METRICS)]
    for scene, method in pairs:
        values = " | ".join(f"{overall[scene, method, metric]:.2f}" for metric in TABLE_METRICS)
        lines.append(f"| {scene} | {method} | {values} |")
    return "\n".join(lines)
