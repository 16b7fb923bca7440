"""Measure methods at full scale, where there is no truth: consistency with the input, strength and likeness of detail.

    consistency   RMS of the degraded estimate minus the coarse band, in DN (reflectance * 10000). Degraded as in training.
                  0 is perfect, lower is better. It shows shifts of colour, and no detail that degrading removes.
    sharpness     (e / c) / (f / d), where e is the strength of detail of the estimate, c of the coarse band, f of its
                  partner at 10 m, and d of the degraded partner. Strength is the standard deviation of the image after a
                  3 x 3 Laplacian. Higher is sharper: the truth at reduced scale has about 0.9, bilinear interpolation
                  0.3. Noise also counts as detail, so read sharpness together with consistency.
    correlation   correlation of the detail of the estimate with the detail of its partner, -1 to 1. High if detail comes
                  from the 10 m bands, too high if it is a mere copy: the truth at reduced scale has about 0.85.

    d_lambda, d_lambda_khan, d_s, qnr, hqnr   distortions and QNR, see `common/metrics/without_truth.py`. The guide of a band is
                  its partner. Guides and estimates are degraded with the MTF of each band, as Khan et al. 2009 ask.

The partner of a band is the 10 m band whose detail, degraded, has the highest correlation with that of the coarse band, as the
selected band of Selva et al. 2015 (doi:10.1109/JSTARS.2015.2440092).
Consistency is a property of Wald's protocol (Wald et al. 1997). Correlation is that of Zhou et al. 1998
(doi:10.1080/014311698215973), with a partner for each band because Sentinel-2 has no panchromatic band. Sharpness is ours.
"""

import logging
import time
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter

from common.errors import ProductError
from common.metrics.blocks import BlockMean, whole_blocks
from common.metrics.fusion import OVERALL
from common.metrics.image_pairs import quotient, row_strips
from common.metrics.without_truth import FusedQuality, block_uiq
from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade, mtf_matched_sigmas, repeat_pixels
from common.pixels.sentinel2 import BANDS_10M, BANDS_BY_GSD
from common.runs.progress import progress
from common.scenes.scene import Scene
from superres.evaluation.full_scale_strips import BLOCK_PX, read_strips, scene_shape
from superres.evaluation.methods import Method, SceneMethod, fit_methods
from superres.evaluation.tables import MetricRow
from superres.pansharpening.strips import ImageStrip, statistics_reach

logger = logging.getLogger(__name__)

LAPLACIAN_PX = 3
LEAST_VARIANCE = 1e-6  # DN^2; an image that varies less has no detail


def measure_full_scale(
    scene: Scene, methods: Sequence[Method | SceneMethod], settings: PatchSettings
) -> list[MetricRow]:
    """Sharpen a scene to 10 m by each method, and measure the estimates without truth.

    Args:
        scene: with the bands of `settings.input_gsds`.
        methods: interpolation must not clip, so that strips give the result of the whole scene.
        settings: GSD, and the degradation for consistency.

    Returns:
        The rows of `metrics.csv` of this scene.

    Raises:
        ProductError: the scene is damaged, or has no valid pixel.
    """
    started = time.monotonic()
    methods = fit_methods(methods, scene.name, settings, read_strips(scene, settings, statistics_reach(settings)))
    coarse_detail, coarse_quality = MomentSums(), BlockMean(block_uiq, BLOCK_PX[settings.gsd])
    sums = {method.name: FullScaleSums(settings) for method in methods}
    reach = max(method.reach for method in methods) + LAPLACIAN_PX
    with progress(scene_shape(scene, settings)[0], "rows", f"{scene.name}, full scale", show_bar=False) as advance:
        for strip in read_strips(scene, settings, reach):
            coarse_detail.add(*coarse_and_degraded_detail(strip, settings))
            coarse_quality.add(*coarse_and_degraded_guides(strip, settings))
            for method in methods:
                sums[method.name].add(strip, method.sharpen(strip.images))
            advance(strip.inner.height)
    if not all(method_sums.pixels for method_sums in sums.values()):
        raise ProductError(f"{scene.name} has no pixel without nodata to measure at; take it out of the list.")
    logger.info("%s, full scale: %s (%.0f s)", scene.name, ", ".join(sums), time.monotonic() - started)
    rows = []
    for name, method_sums in sums.items():
        rows += full_scale_rows(scene.name, name, method_sums.metrics(coarse_detail), settings.gsd)
        quality = method_sums.quality.metrics(coarse_quality, partners(coarse_detail))
        rows += [MetricRow(scene.name, name, OVERALL, metric, value) for metric, value in quality.items()]
    return rows


def full_scale_rows(scene_name: str, method_name: str, metrics: dict[str, np.ndarray], gsd: int) -> list[MetricRow]:
    """Return the rows of one scene and method: overall values first, then each band.

    Args:
        scene_name, method_name: of the rows.
        metrics: metric -> value of each band, (bands,). The overall consistency is the RMS over bands, the others are
            means over bands.
        gsd: native GSD of the bands.
    """
    overall = {metric: values.mean() for metric, values in metrics.items()}
    overall["consistency"] = np.sqrt(np.square(metrics["consistency"]).mean())
    rows = [MetricRow(scene_name, method_name, OVERALL, metric, float(value)) for metric, value in overall.items()]
    for index, band in enumerate(BANDS_BY_GSD[gsd]):
        rows += [
            MetricRow(scene_name, method_name, band, metric, float(values[index])) for metric, values in metrics.items()
        ]
    return rows


class FullScaleSums:
    """Sums over the strips of a scene, from which the metrics of one method follow.

    Args:
        settings: GSD and degradation.
    """

    def __init__(self, settings: PatchSettings):
        self.settings = settings
        self.squares: np.ndarray | float = 0.0
        self.pixels = 0
        self.detail = MomentSums()
        self.quality = FusedQuality(BLOCK_PX[settings.gsd], settings.scale_factor)

    def add(self, strip: ImageStrip, estimate: np.ndarray) -> None:
        """Add a strip; `estimate` covers it with its margins, (rows, cols, bands) float32, reflectance * 10000."""
        gsd, factor = self.settings.gsd, self.settings.scale_factor
        inner, coarse_inner = strip.inner.slices, strip.inner.coarsened(factor).slices
        coarse_valid = strip.valid[coarse_inner]
        coarse, guides = strip.images[f"input_{gsd}m"], strip.images["input_10m"]
        residual = degrade(estimate, factor, self.settings.sigmas(gsd)) - coarse
        self.squares = self.squares + np.square(residual[coarse_inner][coarse_valid], dtype=np.float64).sum(axis=0)
        self.pixels += np.count_nonzero(coarse_valid)
        valid = repeat_pixels(coarse_valid, factor)
        self.detail.add(detail(estimate)[inner][valid], detail(guides)[inner][valid])
        degraded = degrade(estimate, factor, mtf_matched_sigmas(BANDS_BY_GSD[gsd], factor))
        counted = whole_blocks(coarse_valid, BLOCK_PX[gsd])
        self.quality.add(estimate[inner], guides[inner], coarse[coarse_inner], degraded[coarse_inner], counted)

    def metrics(self, coarse_detail: "MomentSums") -> dict[str, np.ndarray]:
        """Return metric -> value of each band, (bands,) float64.

        Args:
            coarse_detail: of `coarse_and_degraded_detail`, over the same strips.
        """
        partner = partners(coarse_detail)
        (estimate, fine), (coarse, degraded) = self.detail.deviations(), coarse_detail.deviations()
        return {
            "consistency": np.sqrt(self.squares / self.pixels),
            "sharpness": quotient(quotient(estimate, coarse, 0.0), quotient(fine, degraded, 0.0)[partner], 0.0),
            "correlation": self.detail.correlation()[np.arange(len(partner)), partner],
        }


def coarse_and_degraded_detail(strip: ImageStrip, settings: PatchSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the detail of the coarse bands, and of the 10 m bands degraded to their grid: each (pixels, bands)."""
    factor = settings.scale_factor
    inner = strip.inner.coarsened(factor).slices
    valid = strip.valid[inner]
    degraded = degrade(strip.images["input_10m"], factor, settings.sigmas(10))
    return detail(strip.images[f"input_{settings.gsd}m"])[inner][valid], detail(degraded)[inner][valid]


def coarse_and_degraded_guides(strip: ImageStrip, settings: PatchSettings) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the coarse bands and the 10 m bands degraded to their grid, (rows, cols, bands), and the blocks that count."""
    inner = strip.inner.coarsened(settings.scale_factor).slices
    guides = degrade(
        strip.images["input_10m"], settings.scale_factor, mtf_matched_sigmas(BANDS_10M, settings.scale_factor)
    )
    images = [strip.images[f"input_{settings.gsd}m"][inner], guides[inner]]
    return images, whole_blocks(strip.valid[inner], BLOCK_PX[settings.gsd])


def partners(coarse_detail: "MomentSums") -> np.ndarray:
    """Return the index of the partner of each coarse band, (bands,)."""
    return coarse_detail.correlation().argmax(axis=1)


def detail(image: np.ndarray) -> np.ndarray:
    """Apply a 3 x 3 Laplacian, 8 in the middle and -1 around it, divided by 9, to (rows, cols, bands)."""
    smooth = uniform_filter(image, (LAPLACIAN_PX, LAPLACIAN_PX, 1), mode="reflect")
    return np.subtract(image, smooth, out=smooth)


class MomentSums:
    """Standard deviations and correlations of some variables x and some variables y, from pixels that come in parts."""

    def __init__(self) -> None:
        self.x_variables = 0
        self.sums: np.ndarray | float = 0.0

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Add pixels: (pixels, x variables) and (pixels, y variables)."""
        self.x_variables = x.shape[1]
        for part in row_strips(len(x), 1):
            columns = np.concatenate([x[part], y[part], np.ones((len(x[part]), 1))], axis=1, dtype=np.float64)
            self.sums = self.sums + columns.T @ columns

    def covariance(self) -> np.ndarray:
        """Return the covariance of all variables, x first: (variables, variables) float64."""
        means = self.sums[:-1, -1] / self.sums[-1, -1]
        return self.sums[:-1, :-1] / self.sums[-1, -1] - np.outer(means, means)

    def deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the standard deviations of x and of y; 0 for a variable that is constant."""
        variance = np.diag(self.covariance())
        deviations = np.sqrt(np.where(variance > LEAST_VARIANCE, variance, 0.0))
        return deviations[: self.x_variables], deviations[self.x_variables :]

    def correlation(self) -> np.ndarray:
        """Return the correlation of each x with each y, (x variables, y variables); 0 if one of them is constant."""
        scale = np.outer(*self.deviations())
        return quotient(self.covariance()[: self.x_variables, self.x_variables :], scale, 0.0)
