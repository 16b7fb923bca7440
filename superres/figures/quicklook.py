"""A PNG of the bands before and after sharpening. It shows the middle of the region, so that single pixels are visible."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures.style import INK, save_png
from common.pixels.sentinel2 import BANDS_BY_GSD, NODATA_DN, SATURATED_DN
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.rasters.geotiff import read_geotiff
from common.scenes.scene import Scene
from superres.figures.style import FALSE_COLOURS, STRETCH_PERCENTILES

SHOWN_PX = 180  # most rows and columns that are shown
CELL_INCHES = 4.5  # width of a picture


class Picture(NamedTuple):
    """Some bands of one GSD before and after sharpening.

    Attributes:
        gsd: native GSD in metres.
        bands: three bands to show as red, green and blue, or one to show in grey.
        before, after: (rows, cols, bands) uint16 DN.
        before_window, after_window: windows of the 10 m grid that the images cover.
    """

    gsd: int
    bands: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    before_window: Window
    after_window: Window


def write_quicklook(path: Path, geotiff: Path, scene: Scene, region: Window, bands: Sequence[str]) -> None:
    """Draw a row of two pictures for each sharpened GSD, before and after sharpening, with the same stretch.

    Args:
        path: PNG to write.
        geotiff: the result.
        scene: the scene that was sharpened.
        region: the part of the scene's 10 m grid that the result covers.
        bands: bands of the result.

    Raises:
        ProductError: a band of the scene is damaged.
        OutputError: the PNG cannot be written.
    """
    middle = region.middle(SHOWN_PX, 1)
    pictures = []
    for gsd, shown in shown_bands(bands).items():
        factor = gsd // 10
        whole_pixels = middle.snapped(factor)
        before = read_bands(scene, shown, whole_pixels.coarsened(factor))
        after = read_geotiff(geotiff, middle.relative_to(region), shown)
        pictures.append(Picture(gsd, shown, before, after, whole_pixels, middle))
    save_png(draw_pictures(scene.name, pictures), path)


def shown_bands(bands: Sequence[str]) -> dict[int, tuple[str, ...]]:
    """Return sharpened GSD -> three of the bands to show in colours; the last band, to show in grey, if these are not there."""
    sharpened = {gsd: [band for band in BANDS_BY_GSD[gsd] if band in bands] for gsd in (20, 60)}
    return {
        gsd: next((colours for colours in FALSE_COLOURS if set(colours) <= set(own)), tuple(own[-1:]))
        for gsd, own in sharpened.items()
        if own
    }


def draw_pictures(title: str, pictures: Sequence[Picture]) -> Figure:
    """Return the figure: bands before sharpening on the left, after it on the right."""
    window = pictures[0].after_window
    size = 2 * CELL_INCHES, len(pictures) * (CELL_INCHES * window.height / window.width + 0.3) + 0.5
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(pictures), 2, squeeze=False)
    for (left, right), picture in zip(axes, pictures, strict=True):
        low, high = stretch(picture.after)
        colours = " ".join(picture.bands)
        _draw_picture(left, picture.before, picture.before_window, low, high, f"{colours}: {picture.gsd} m, before")
        _draw_picture(right, picture.after, picture.after_window, low, high, f"{colours}: 10 m, sharpened")
        for ax in (left, right):
            ax.set_xlim(window.col, window.col + window.width)
            ax.set_ylim(window.row + window.height, window.row)
    figure.supxlabel(
        f"{title}\nThe middle {window.width} x {window.height} px of 10 m, from column {window.col} and row {window.row}",
        x=0.01,
        ha="left",
        fontsize=8,
        color=INK,
    )
    return figure


def stretch(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each band the DN to show black and the DN to show white, from pixels with data: each (bands,) float64."""
    limits = []
    for band in range(image.shape[2]):
        plane = image[..., band]
        valid = plane[(plane != NODATA_DN) & (plane != SATURATED_DN)]
        limits.append(np.percentile(valid, STRETCH_PERCENTILES) if valid.size else (0, 1))
    low, high = np.array(limits, dtype=np.float64).T
    return low, np.maximum(high, low + 1)


def _draw_picture(ax: Axes, image: np.ndarray, window: Window, low: np.ndarray, high: np.ndarray, title: str) -> None:
    stretched = ((image - low) / (high - low)).clip(0, 1)
    extent = (window.col, window.col + window.width, window.row + window.height, window.row)
    ax.imshow(
        stretched if stretched.shape[2] == 3 else stretched[..., 0],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=extent,
    )
    ax.set_title(title, fontsize=10, color=INK)
    ax.set_axis_off()
