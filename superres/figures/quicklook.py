"""A PNG of a sharpened GeoTIFF beside what it was made from: the middle of it, so that single pixels can be seen."""

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

SHOWN_PX = 180
CELL_INCHES = 4.5  # width of a picture


class Picture(NamedTuple):
    """Bands of one GSD before and after.

    Attributes:
        gsd: in metres.
        bands: shown as red, green and blue, or one in grey.
        before, after: (rows, cols, bands) uint16 DN.
        before_place, after_place: where they lie on the 10 m grid.
    """

    gsd: int
    bands: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    before_place: Window
    after_place: Window


def write_quicklook(path: Path, geotiff: Path, scene: Scene, region: Window, gsds: Sequence[int]) -> None:
    """Draw a row of pictures for each GSD: before and after with one stretch.

    Args:
        path: PNG to write.
        geotiff: the result.
        scene: that it was made from.
        region: of the scene's 10 m grid that the result shows.
        gsds: of the bands that were sharpened.
    """
    middle = region.middle(SHOWN_PX, 1)
    pictures = []
    for gsd in gsds:
        factor = gsd // 10
        bands = next((bands for bands in FALSE_COLOURS if set(bands) <= set(BANDS_BY_GSD[gsd])), BANDS_BY_GSD[gsd][-1:])
        around = middle.snapped(factor)
        before = read_bands(scene, bands, around.coarsened(factor))
        after = read_geotiff(geotiff, middle.relative_to(region), bands)
        pictures.append(Picture(gsd, bands, before, after, around, middle))
    save_png(draw(scene.name, pictures), path)


def draw(title: str, pictures: Sequence[Picture]) -> Figure:
    """The figure: before on the left, after on the right."""
    place = pictures[0].after_place
    size = 2 * CELL_INCHES, len(pictures) * (CELL_INCHES * place.height / place.width + 0.3) + 0.5
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(pictures), 2, squeeze=False)
    for (left, right), picture in zip(axes, pictures, strict=True):
        low, high = stretch(picture.after)
        colours = " ".join(picture.bands)
        _show(left, picture.before, picture.before_place, low, high, f"{colours}: {picture.gsd} m, as it was")
        _show(right, picture.after, picture.after_place, low, high, f"{colours}: 10 m, sharpened")
        for ax in (left, right):
            ax.set_xlim(place.col, place.col + place.width)
            ax.set_ylim(place.row + place.height, place.row)
    figure.supxlabel(
        f"{title}\n{place.width} x {place.height} px of 10 m from the middle, at column {place.col}, row {place.row}",
        x=0.01,
        ha="left",
        fontsize=8,
        color=INK,
    )
    return figure


def stretch(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each band, the DN to show black and white, from pixels with data."""
    limits = []
    for band in range(image.shape[2]):
        plane = image[..., band]
        valid = plane[(plane != NODATA_DN) & (plane != SATURATED_DN)]
        limits.append(np.percentile(valid, STRETCH_PERCENTILES) if valid.size else (0, 1))
    low, high = np.array(limits, dtype=np.float64).T
    return low, np.maximum(high, low + 1)


def _show(ax: Axes, image: np.ndarray, place: Window, low: np.ndarray, high: np.ndarray, title: str) -> None:
    shown = ((image - low) / (high - low)).clip(0, 1)
    extent = (place.col, place.col + place.width, place.row + place.height, place.row)
    ax.imshow(
        shown if shown.shape[2] == 3 else shown[..., 0],
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=extent,
    )
    ax.set_title(title, fontsize=10, color=INK)
    ax.set_axis_off()
