"""Figures of an evaluation: pictures, error maps, spectra and errors against reflectance of each scene; metrics of all.

"DN" on the figures means reflectance * 10000.
"""

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures.style import INK, clean_axes, legend_above, save_png, use_log_scale
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.scenes.scene import Scene
from superres.evaluation.error_statistics import ErrorStatistics
from superres.evaluation.output import BAND_BARS, BARS, FULL_SCALE_BARS, METRICS, SCENE_FIGURES
from superres.evaluation.pixel_groups import BRIGHT_PERCENTILE, CLASSES, VEGETATION_NDVI, WATER_NDWI
from superres.evaluation.reduced_scale import SceneResult
from superres.evaluation.tables import FULL_SCALE_METRICS, MetricRow, short_name
from superres.figures.metrics import FULL_SCALE_PANELS, plot_band_metrics, plot_metrics
from superres.figures.pictures import plot_comparison
from superres.figures.style import (
    CELL_INCHES,
    ERROR_PERCENTILE,
    MARKERS,
    band_label,
    error_colours,
    method_colours,
    wrapped,
)

FEWEST_PIXELS = 10  # a class with fewer pixels is not shown
MAPS_A_ROW = 4
LEAST_INCHES = 7  # least width of a figure with a legend and a caption
CAPTION_CHARACTERS_PER_INCH = 14


def draw_scene(result: SceneResult, scene: Scene, settings: PatchSettings, stem: Path) -> None:
    """Draw the figures of one scene.

    Args:
        result: of `superres.evaluation.reduced_scale.measure_scene`.
        scene: the measured scene.
        settings: GSD and degradation.
        stem: path of the figures without their endings; they are `<stem>-pictures.png` and so on.

    Raises:
        OutputError: a PNG cannot be written.
    """
    pictures, errors, spectra, reflectance = (Path(f"{stem}-{figure}.png") for figure in SCENE_FIGURES)
    bands = BANDS_BY_GSD[settings.gsd]
    plot_comparison(
        result.truth,
        result.estimates,
        pictures,
        bands,
        low_res=result.coarse,
        end_titles=(f"input, {settings.gsd * settings.scale_factor} m", f"truth, {settings.gsd} m"),
    )
    plot_error_maps(result.statistics, errors, settings.gsd, stem.name)
    plot_spectra(result.statistics, spectra, bands, scene)
    plot_error_by_reflectance(result.statistics, reflectance, bands, stem.name)


def draw_metrics(folder: Path, rows: Sequence[MetricRow]) -> None:
    """Draw the metrics of an evaluation: overall, by band, and at full scale if `rows` has such metrics.

    Raises:
        OutputError: a PNG cannot be written.
    """
    plot_metrics(folder / METRICS, folder / BARS)
    plot_band_metrics(folder / METRICS, folder / BAND_BARS)
    if any(row.metric in FULL_SCALE_METRICS for row in rows):
        plot_metrics(folder / METRICS, folder / FULL_SCALE_BARS, FULL_SCALE_PANELS)


def plot_error_maps(statistics: ErrorStatistics, output_png: str | os.PathLike[str], gsd: int, scene: str) -> None:
    """Draw a map of the whole scene for each method: the mean |error| of all bands, all with the same colours.

    Args:
        statistics: of the scene, with at least one method.
        output_png: file to write.
        gsd: of the truth, in metres.
        scene: name of the scene.
    """
    maps = statistics.error_maps
    highest = max(np.nanpercentile(np.stack(list(maps.values())), ERROR_PERCENTILE), 1.0)
    rows, cols = next(iter(maps.values())).shape
    across = min(len(maps), MAPS_A_ROW)
    down = -(-len(maps) // across)
    size = (CELL_INCHES * across + 1, (CELL_INCHES * rows / cols + 0.4) * down + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (method, errors) in zip(axes.flat, maps.items(), strict=False):
        image = ax.imshow(errors, cmap=error_colours(), vmin=0, vmax=highest, interpolation="nearest")
        ax.set_title(f"{wrapped(method)}\nmean {np.nanmean(errors):.1f} DN", fontsize=10, color=INK)
    bar = figure.colorbar(image, ax=axes, extend="max", label="|error| (DN), lower is better", shrink=0.9)
    bar.outline.set_visible(False)
    title = f"{short_name(scene)}: |error|, mean of all bands, {gsd * statistics.step} m per pixel"
    if any(np.isnan(errors).any() for errors in maps.values()):
        title += "; grey: no data"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    save_png(figure, output_png)


def plot_spectra(
    statistics: ErrorStatistics, output_png: str | os.PathLike[str], bands: Sequence[str], scene: Scene
) -> None:
    """Draw the mean spectrum of each class of pixels: truth and estimates above, bias of the estimates below.

    Args:
        statistics: of the scene.
        output_png: file to write.
        bands: names of the bands, in the order of the statistics.
        scene: gives its name and the wavelengths of the bands.
    """
    shown = [index for index, count in enumerate(statistics.class_counts) if count >= FEWEST_PIXELS]
    by_wavelength = np.argsort([list(BANDS).index(band) for band in bands])
    names = [band_label(scene, bands[index], "{}\n{:.0f}") for index in by_wavelength]
    figure = Figure(figsize=(max(2.7 * len(shown) + 1, LEAST_INCHES), 5.6), layout="constrained")
    axes = figure.subplots(2, len(shown), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 2))
    total = statistics.class_counts.sum()
    for column, class_index in enumerate(shown):
        truth = statistics.class_truth[class_index, by_wavelength]
        means = {method: values[class_index, by_wavelength] for method, values in statistics.class_means.items()}
        title = f"{CLASSES[class_index]}, {100 * statistics.class_counts[class_index] / total:.1f} % of pixels"
        axes[0, column].set_title(title, loc="left", fontsize=10, color=INK)
        axes[0, column].plot(names, truth / 10000, color="black", linewidth=1, marker="_", markersize=18, label="truth")
        _draw_spectra(axes[:, column], names, truth, means)
    axes[0, 0].set_ylabel("Mean reflectance")
    axes[1, 0].set_ylabel("Bias (DN)\n0 is perfect")
    axes[0, 0].set_ylim(bottom=min(0, axes[0, 0].get_ylim()[0]))
    _caption(
        figure,
        f"Bands in the order of their wavelengths (nm). Classes: bright if visible light is above its {BRIGHT_PERCENTILE}th "
        f"percentile; otherwise water if NDWI is above {WATER_NDWI}; otherwise vegetation if NDVI is above "
        f"{VEGETATION_NDVI}; otherwise other. Bias: mean of estimate - truth.",
    )
    legend_above(
        figure, *axes[0, 0].get_legend_handles_labels(), f"{short_name(scene.name)}: spectra by class of pixel"
    )
    save_png(figure, output_png)


def plot_error_by_reflectance(
    statistics: ErrorStatistics, output_png: str | os.PathLike[str], bands: Sequence[str], scene: str
) -> None:
    """Draw RMSE and bias against the reflectance of the truth, in a column for each band.

    Each marker stands for a tenth of the band's pixels. The darkest and the brightest 1 % have separate markers.

    Args:
        statistics: of the scene.
        output_png: file to write.
        bands: names of the bands, in the order of the statistics.
        scene: name of the scene.
    """
    figure = Figure(figsize=(max(2.4 * len(bands) + 1.2, LEAST_INCHES), 5.4), layout="constrained")
    axes = figure.subplots(2, len(bands), squeeze=False, sharex="col", sharey="row", height_ratios=(3, 2))
    methods = list(statistics.rmse)
    for band_index, band in enumerate(bands):
        reflectance = statistics.reflectance[:, band_index] / 10000
        for ax, values in zip(axes[:, band_index], (statistics.rmse, statistics.bias), strict=True):
            clean_axes(ax, grid="both")
            for method, colour, marker in zip(methods, method_colours(methods), MARKERS * 9, strict=False):
                ax.plot(
                    reflectance,
                    values[method][:, band_index],
                    color=colour,
                    marker=marker,
                    markersize=4,
                    linewidth=1.2,
                    label=method,
                )
        axes[0, band_index].set_title(band, loc="left", fontsize=10, color=INK)
        axes[1, band_index].axhline(0, color="black", linewidth=0.8)
    if any((values > 0).any() for values in statistics.rmse.values()):
        use_log_scale(axes[0, 0], "{x:g}")
    axes[0, 0].set_ylabel("RMSE (DN), lower is better")
    axes[1, 0].set_ylabel("Bias (DN)\n0 is perfect")
    _caption(
        figure,
        "Reflectance of the truth. Each marker stands for a tenth of the band's pixels; the darkest and the brightest 1 % "
        "have separate markers. Bias: mean of estimate - truth.",
    )
    legend_above(figure, *axes[0, 0].get_legend_handles_labels(), f"{short_name(scene)}: error against reflectance")
    save_png(figure, output_png)


def _draw_spectra(axes: Sequence[Axes], names: Sequence[str], truth: np.ndarray, means: dict[str, np.ndarray]) -> None:
    """Draw the spectra of the estimates in the upper of two axes, and their bias in the lower."""
    for ax in axes:
        clean_axes(ax, grid="y")
    axes[1].axhline(0, color="black", linewidth=0.8)
    for (method, mean), colour, marker in zip(means.items(), method_colours(list(means)), MARKERS * 9, strict=False):
        style = {"color": colour, "marker": marker, "markersize": 4}
        axes[0].plot(names, mean / 10000, linestyle="none", label=method, **style)
        axes[1].plot(names, mean - truth, linewidth=1.2, **style)


def _caption(figure: Figure, text: str) -> None:
    """Write a caption at the lower edge, broken into lines."""
    width = int(CAPTION_CHARACTERS_PER_INCH * figure.get_figwidth())
    figure.supxlabel("\n".join(textwrap.wrap(text, width)), fontsize=8, color=INK)
