"""Made scenes for pansharpening: arrays by input name, whose coarse bands are degraded from a known truth."""

import numpy as np
from scipy.ndimage import gaussian_filter

from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from superres.pansharpening.catalogue import Fit, Images
from superres.pansharpening.guides import upsample
from superres.pansharpening.local_regression import blur_beside_10m
from superres.pansharpening.moments import Moments
from superres.pansharpening.statistics import SceneStatistics

SIZE = {20: 64, 60: 144}  # rows and columns of the grid of `input_10m`


def made_scene(
    settings: PatchSettings, own: float = 0.2, seed: int = 0, size: int | None = None
) -> tuple[Images, np.ndarray]:
    """Return images and truth: bands that share two patterns, each with a pattern of its own.

    Args:
        settings: GSD and degradation.
        own: strength of what a coarse band shares with no other; with 0, the fine bands predict it exactly.
        seed: of the patterns.
        size: rows and columns of the grid of `input_10m`; None takes SIZE.

    Returns:
        Images by input name, and the truth of the coarse bands, (rows, cols, bands) float32.
    """
    rng, size = np.random.default_rng(seed), size or SIZE[settings.gsd]
    shared = [_pattern(rng, size, smooth) for smooth in (0.7, 3)]

    def bands(gsd: int, strength: float) -> np.ndarray:
        mixed = [
            2000
            + 300 * (rng.uniform(0.5, 1) * shared[0] + rng.uniform(-1, 1) * shared[1])
            + 300 * strength * _pattern(rng, size, 1.5)
            for _ in BANDS_BY_GSD[gsd]
        ]
        return np.stack(mixed, axis=2).astype(np.float32)

    truth = bands(settings.gsd, own)
    images = {f"input_{settings.gsd}m": degrade(truth, settings.scale_factor, settings.sigmas(settings.gsd))}
    for gsd in input_gsds(settings.gsd)[:-1]:
        fine = bands(gsd, 0.1)
        images[f"input_{gsd}m"] = degrade(fine, 2, blur_beside_10m(settings)) if gsd == 20 else fine
    return images, truth


def constant_scene(settings: PatchSettings) -> Images:
    """Return images whose bands are constant, each with a value of its own."""
    size = SIZE[settings.gsd]
    return {
        f"input_{gsd}m": np.broadcast_to(
            np.float32(1000 * gsd + 100 * np.arange(len(BANDS_BY_GSD[gsd]))),
            (size * 10 // gsd, size * 10 // gsd, len(BANDS_BY_GSD[gsd])),
        ).astype(np.float32)
        for gsd in input_gsds(settings.gsd)
    }


def moments_of(images: Images, settings: PatchSettings, valid: np.ndarray | None = None) -> list[Moments]:
    """Return the moments for each coarse band, of all coarse pixels or of the valid ones."""
    rows, cols = images["input_10m"].shape[:2]
    statistics = SceneStatistics(settings)
    all_valid = np.ones(images[f"input_{settings.gsd}m"].shape[:2], bool)
    statistics.add(images, all_valid if valid is None else valid, Window(0, 0, rows, cols))
    return statistics.moments()


def change_of_noise(fit: Fit, band: int) -> float:
    """Return by how much a method changes a 20 m band of noise beside upsampling it: RMS, in standard deviations of the noise."""
    settings = PatchSettings(20, 1)
    images, truth = made_scene(settings)
    images["input_20m"][..., band] = np.random.default_rng(1).normal(2000, 300, images["input_20m"].shape[:2])
    estimate = fit(moments_of(images, settings), settings)(images)[..., band]
    noise = upsample(images["input_20m"], truth.shape)[..., band]
    return rms(estimate - noise) / float(noise.std())


def rms(difference: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.square(difference, dtype=np.float64).mean()))


def _pattern(rng: np.random.Generator, size: int, smooth: float) -> np.ndarray:
    """Return smooth noise of mean 0 and deviation 1, (size, size)."""
    noise = gaussian_filter(rng.normal(size=(size, size)), smooth, mode="wrap")
    return (noise - noise.mean()) / noise.std()
