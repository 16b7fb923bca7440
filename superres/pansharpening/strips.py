"""Strips of rows of a scene in memory, so that sharpening it needs memory for a strip. NumPy only, no I/O.

A pixel depends on pixels within the reach of the methods only, so strips with this margin give the result of the whole scene.
Windows are on the grid of `input_10m`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from common.patches.settings import PatchSettings
from common.pixels.degrade import blur_reach
from common.pixels.sentinel2 import input_gsds
from common.pixels.windows import Window, grid, strip_height
from common.runs.signals import require_going_on
from superres.pansharpening.catalogue import Images, Sharpen
from superres.pansharpening.moments import LAGS
from superres.prediction.interpolation import SPLINE_REACH
from superres.prediction.strip import cut

STRIP_PIXELS = 2**22  # of the grid of `input_10m` in one strip, without its margins


class ImageStrip(NamedTuple):
    """Some consecutive rows of a scene, with margins above and below them.

    Attributes:
        images: by input name, margins included.
        valid: (rows / s, cols / s) bool, the coarse pixels that count, margins included.
        inner: the strip without its margins, counted from the upper-left corner of `images`.
    """

    images: Images
    valid: np.ndarray
    inner: Window


def sharpening_reach(settings: PatchSettings) -> int:
    """Return the pixels, to each side, that a sharpened pixel depends on, for each method: whole coarse pixels."""
    return SPLINE_REACH * settings.scale_factor + _degraded_reach(settings)


def statistics_reach(settings: PatchSettings) -> int:
    """Return the pixels, to each side, that the statistics of a strip depend on: whole coarse pixels."""
    return LAGS * settings.scale_factor + _degraded_reach(settings)


def _degraded_reach(settings: PatchSettings) -> int:
    """Return the pixels that a degraded pixel depends on beyond its own place, rounded up to whole coarse pixels."""
    factor = settings.scale_factor
    return -(-blur_reach(max(settings.sigmas(settings.gsd))) // factor) * factor + factor


def cut_strips(images: Images, valid: np.ndarray, settings: PatchSettings, reach: int) -> Iterator[ImageStrip]:
    """Yield the strips of a scene from top to bottom; their arrays are views.

    Args:
        images: by input name, the whole scene.
        valid: (rows / s, cols / s) bool, the coarse pixels that count.
        settings: gives the GSD.
        reach: pixels in the margins.
    """
    factor = settings.scale_factor
    rows, cols = images["input_10m"].shape[:2]
    margin = -(-reach // factor) * factor
    for window in grid(rows, cols, strip_height(cols, STRIP_PIXELS, factor), cols):
        require_going_on()
        outer = window.grown(margin, rows, cols)
        parts = {f"input_{gsd}m": cut(images[f"input_{gsd}m"], gsd, outer) for gsd in input_gsds(settings.gsd)}
        yield ImageStrip(parts, cut(valid, settings.gsd, outer), window.relative_to(outer))


def sharpen_by_strips(images: Images, sharpen: Sharpen, settings: PatchSettings) -> np.ndarray:
    """Return a sharpened scene, (rows, cols, bands) float32; equal to `sharpen` of the whole scene.

    Args:
        images: by input name, the whole scene, or a part of it.
        sharpen: a method that has been fitted to the scene.
        settings: GSD and degradation.
    """
    coarse = images[f"input_{settings.gsd}m"]
    all_valid = np.broadcast_to(True, coarse.shape[:2])
    result = np.empty((*images["input_10m"].shape[:2], coarse.shape[2]), np.float32)
    top = 0
    for strip in cut_strips(images, all_valid, settings, sharpening_reach(settings)):
        result[top : top + strip.inner.height] = sharpen(strip.images)[strip.inner.slices]
        top += strip.inner.height
    return result
