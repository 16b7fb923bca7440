"""Figures of products and patches, for notebooks: pictures side by side, histograms, positions of patches."""

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from common.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    clean_axes,
    legend_above,
    save_png,
)
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.scenes.scene import Scene
from superres.figures.style import STRETCH_PERCENTILES, band_label, wrapped

BAND_COLOURS = (BLUE, GREEN, VERMILION, PURPLE, ORANGE, SKY)
PICTURE_INCHES = 2.3  # width of a picture
HISTOGRAM_BINS = 60
SPLIT_COLOURS = {"training": BLUE, "validation": ORANGE}


def plot_pictures(
    pictures: Mapping[str, np.ndarray],
    output_png: str | os.PathLike[str],
    columns: int = 4,
    caption: str = "",
    one_stretch: bool = False,
) -> None:
    """Draw images of any GSD side by side, all at the same size.

    Args:
        pictures: title -> (rows, cols) in grey, or (rows, cols, 3) as red, green, blue; any unit.
        output_png: file to write.
        columns: pictures in a row.
        caption: a line below all pictures.
        one_stretch: if True, all pictures have the stretch of the last one. If False, each is stretched from its 2nd to
            its 98th percentile.

    Raises:
        OutputError: the PNG cannot be written.
    """
    rows = -(-len(pictures) // columns)
    columns = min(columns, len(pictures))
    size = (PICTURE_INCHES * columns, (PICTURE_INCHES + 0.25) * rows + (0.3 if caption else 0))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    last = list(pictures.values())[-1]
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, image) in zip(axes.flat, pictures.items(), strict=False):
        low, high = np.percentile(last if one_stretch else image, STRETCH_PERCENTILES, axis=(0, 1))
        stretched = ((image - low) / np.maximum(high - low, 1e-6)).clip(0, 1)
        ax.imshow(stretched, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(wrapped(title), fontsize=9, color=INK)
    if caption:
        figure.supxlabel(caption, x=0.01, ha="left", fontsize=8, color=INK)
    save_png(figure, output_png)


def plot_histograms(reflectance: Mapping[str, np.ndarray], scene: Scene, output_png: str | os.PathLike[str]) -> None:
    """Draw how often each reflectance occurs, with a panel for each GSD and a line for each band.

    Args:
        reflectance: band -> its pixels, 0 to about 1, any shape.
        scene: gives the wavelengths of the bands.
        output_png: file to write.
    """
    shown = {gsd: [band for band in bands if band in reflectance] for gsd, bands in BANDS_BY_GSD.items()}
    shown = {gsd: bands for gsd, bands in shown.items() if bands}
    figure = Figure(figsize=(4 * len(shown), 4), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False, sharex=True)[0]
    highest = max(float(np.percentile(pixels, 99.5)) for pixels in reflectance.values())
    lowest = min(0.0, *(float(np.percentile(pixels, 0.5)) for pixels in reflectance.values()))
    for ax, (gsd, bands) in zip(axes, shown.items(), strict=True):
        clean_axes(ax, grid="y")
        for band, colour in zip(bands, BAND_COLOURS, strict=False):
            counts, edges = np.histogram(reflectance[band], HISTOGRAM_BINS, (lowest, highest))
            ax.stairs(
                100 * counts / reflectance[band].size,
                edges,
                color=colour,
                linewidth=1.4,
                label=band_label(scene, band),
            )
        ax.set_title(f"{gsd} m bands", loc="left", fontsize=10, color=INK)
        ax.set_xlabel("Reflectance")
        ax.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    axes[0].set_ylabel("Pixels (%)")
    save_png(figure, output_png)


def plot_splits(
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]], patch_px: int, side: int, output_png: str | os.PathLike[str]
) -> None:
    """Draw the positions of the training and validation patches of a scene, with a panel for each split.

    Args:
        splits: title -> positions of upper-left corners (N, 2 or more), row and col first, and (N,) bool, True for
            patches that are held out for validation.
        patch_px: pixels on a side of a patch.
        side: pixels on a side of the square that is shown.
        output_png: file to write.
    """
    figure = Figure(figsize=(4.2 * len(splits), 4.6), layout="constrained")
    axes = figure.subplots(1, len(splits), squeeze=False)[0]
    for ax, (title, (positions, held_out)) in zip(axes, splits.items(), strict=True):
        for name, chosen in (("training", ~held_out), ("validation", held_out)):
            for row, col in positions[chosen, :2]:
                if max(row, col) < side:
                    ax.add_patch(Rectangle((col, row), patch_px, patch_px, facecolor=SPLIT_COLOURS[name], alpha=0.35))
        ax.set(xlim=(0, side), ylim=(side, 0), aspect="equal", xlabel="Column (px)")
        ax.set_title(title, loc="left", fontsize=10, color=INK)
    axes[0].set_ylabel("Row (px)")
    handles = [Rectangle((0, 0), 1, 1, facecolor=colour, alpha=0.5) for colour in SPLIT_COLOURS.values()]
    legend_above(figure, handles, list(SPLIT_COLOURS))
    save_png(figure, output_png)
