"""Pictures of a scene side by side: input, estimates and truth, and below them the errors."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures.style import INK, save_png
from common.metrics.image_errors import rmse
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.upsampling import BICUBIC
from superres.evaluation.reduced_scale import SceneResult
from superres.figures.style import (
    CELL_INCHES,
    ERROR_PERCENTILE,
    FALSE_COLOURS,
    NO_DATA_GREY,
    STRETCH_PERCENTILES,
    error_colours,
    wrapped,
)

PICTURES_A_ROW = 6  # at most; with more, they are too small on a page


def plot_test_scene(result: SceneResult, method: str, settings: PatchSettings, output_png: Path) -> None:
    """Draw the middle of a test scene: input, bicubic interpolation, one method, truth, and the errors of both.

    Raises:
        OutputError: the PNG cannot be written.
    """
    estimates = {name: result.estimates[name] for name in (BICUBIC, method)}
    titles = (f"input, {settings.gsd * settings.scale_factor} m", f"truth, {settings.gsd} m")
    plot_comparison(result.truth, estimates, output_png, BANDS_BY_GSD[settings.gsd], result.coarse, titles)


def plot_comparison(
    truth: np.ndarray,
    estimates: Mapping[str, np.ndarray],
    output_png: str | os.PathLike[str],
    bands: Sequence[str],
    low_res: np.ndarray | None = None,
    end_titles: tuple[str, str] = ("input", "truth"),
) -> None:
    """Draw images beside the truth, all with the same stretch, and their errors below, all with the same colours.

    Args:
        truth: (rows, cols, bands), DN; one or two hundred pixels wide, so that single pixels are visible. Pixels that are
            NaN are shown in grey and do not count.
        estimates: method -> image of the shape of truth.
        output_png: file to write.
        bands: names of the bands; three of them are shown as red, green, blue, or one in grey.
        low_res: the input, (rows / s, cols / s, bands); None leaves it out.
        end_titles: titles of the input and of the truth.

    Raises:
        OutputError: the PNG cannot be written.
    """
    pictures = {end_titles[0]: low_res, **estimates, end_titles[1]: truth}
    pictures = {title: image for title, image in pictures.items() if image is not None}
    rows, cols = truth.shape[:2]
    down = -(-len(pictures) // PICTURES_A_ROW)
    across = -(-len(pictures) // down)
    size = (CELL_INCHES * across, 2 * down * (CELL_INCHES * rows / cols + 0.3) + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(2 * down, across)
    above, below = (axes[start::2].ravel()[: len(pictures)] for start in (0, 1))
    for ax, title in zip(above, pictures, strict=True):
        ax.set_title(wrapped(title), fontsize=11, color=INK)
    _draw_pictures(above, list(pictures.values()), bands)
    _draw_errors(below[-len(estimates) - 1 :], truth, list(estimates.values()))
    for ax in axes.flat:
        ax.set_axis_off()
    caption = f"{cols} x {rows} px. Above: {describe_colours(bands)}. Below: |error|, mean of {len(bands)} bands, darker is better."
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=9, color=INK)
    save_png(figure, output_png)


def shown_bands(bands: Sequence[str]) -> tuple[str, ...]:
    """Return the bands to show as red, green and blue, or the band to show in grey."""
    return next((triple for triple in FALSE_COLOURS if set(triple) <= set(bands)), (bands[0],))


def describe_colours(bands: Sequence[str]) -> str:
    """Return how `shown_bands` are shown, such as `B12, B8A, B05 as red, green, blue`."""
    shown = shown_bands(bands)
    return f"{', '.join(shown)} as red, green, blue" if len(shown) == 3 else f"{shown[0]} in grey"


def stretch(images: Sequence[np.ndarray], bands: Sequence[str]) -> list[np.ndarray]:
    """Return images to show, all with the stretch of the last one, the truth.

    Args:
        images: (rows, cols, bands), DN, of any GSD; NaN becomes grey.
        bands: their bands.

    Returns:
        (rows, cols, 3) of colours, or (rows, cols) of grey, 0 to 1.
    """
    channels = [list(bands).index(band) for band in shown_bands(bands)]
    truth = images[-1][..., channels]
    valid = truth[np.isfinite(truth).all(axis=2)]
    low, high = np.percentile(valid, STRETCH_PERCENTILES, axis=0) if len(valid) else (0, 1)
    stretched = [((i[..., channels] - low) / np.maximum(np.subtract(high, low), 1)).clip(0, 1) for i in images]
    stretched = [np.where(np.isnan(image), NO_DATA_GREY, image) for image in stretched]
    return [image if len(channels) == 3 else image[..., 0] for image in stretched]


def _draw_pictures(axes: Sequence[Axes], pictures: Sequence[np.ndarray], bands: Sequence[str]) -> None:
    """Draw images of any GSD at the same size, all with the stretch of the last one, the truth."""
    rows, cols = pictures[-1].shape[:2]
    for ax, image in zip(axes, stretch(pictures, bands), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=(0, cols, rows, 0))


def _draw_errors(axes: Sequence[Axes], truth: np.ndarray, images: Sequence[np.ndarray]) -> None:
    """Draw an error map for each image, and their common colour bar in the last axes."""
    errors = [np.abs(image.astype(np.float64) - truth).mean(axis=-1) for image in images]
    counts = np.isfinite(errors[0])
    highest = max(np.percentile([error[counts] for error in errors], ERROR_PERCENTILE), 1.0) if counts.any() else 1.0
    for ax, image, error in zip(axes, images, errors, strict=False):
        error_map = ax.imshow(error, cmap=error_colours(), vmin=0, vmax=highest, interpolation="nearest")
        ax.set_title(
            f"RMSE {rmse(truth[counts][None], image[counts][None]):.1f} DN" if counts.any() else "no data",
            fontsize=10,
            color=INK,
        )
    bar_axes = axes[-1].inset_axes((0.0, 0.03, 0.07, 0.94))
    bar = axes[-1].figure.colorbar(error_map, cax=bar_axes, extend="max", label="|error| (DN)")
    bar.outline.set_visible(False)
