"""The report of `superres/evaluate.py`: metrics of all methods, pictures to lay over each other, and all figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from common.metrics.fusion import OVERALL
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.upsampling import BICUBIC
from common.report.records import Picture, Report, Section, Slider, Table
from superres.evaluation.output import BAND_BARS, BARS, FULL_SCALE_BARS
from superres.evaluation.plan import EvaluationPlan
from superres.evaluation.reliability.table import ReliabilityRow
from superres.evaluation.tables import (
    COSTS,
    FULL_SCALE,
    FULL_SCALE_METRICS,
    REDUCED_SCALE,
    MetricRow,
    band_table,
    mean_over_scenes,
    metric_tables,
    scene_labels,
    short_name,
)
from superres.figures.crops import Crop
from superres.figures.pictures import describe_colours
from superres.reports.reliability import reliability_section

# Figure of SCENE_FIGURES -> caption, and text for people who cannot see it.
FIGURE_TEXTS = {
    "pictures": (
        "Input, methods and truth; below them the errors.",
        "Pictures of the middle of the scene by each method",
    ),
    "errors": ("Where the errors are.", "Maps of the errors of each method in the whole scene"),
    "spectra": ("Spectra of classes of pixels.", "Mean spectra of each class of pixels, and their bias, by method"),
    "reflectance": ("Errors against reflectance.", "RMSE and bias of each band against reflectance, by method"),
}

COST_TEXT = (
    "Processor time of all threads for a million pixels of the result, all bands. Memory: the most that the process held while it "
    "sharpened, beyond what it held before: the result and all on the way to it, without inputs, weights and libraries. Both include "
    "the statistics of the scene, for methods that need them. Measured once, beside any other work of the machine."
)


def evaluation_report(
    plan: EvaluationPlan,
    rows: Sequence[MetricRow],
    crops: Sequence[Crop],
    reliability: Sequence[ReliabilityRow] = (),
) -> Report:
    """Return the report of an evaluation whose tables and figures are in its folder.

    Args:
        plan: of the evaluation.
        rows: metrics and costs of all scenes and methods.
        crops: pictures of all scenes.
        reliability: test of the calibration, with --uncertainty.
    """
    gsd, factor = plan.settings.gsd, plan.settings.scale_factor
    labels = scene_labels(scene.name for scene in plan.scenes)
    sections = [
        Section("Pictures", list(sliders(crops, BANDS_BY_GSD[gsd]))),
        Section(f"Reduced scale: {gsd * factor} m to {gsd} m", reduced_scale_parts(plan.folder, rows)),
    ]
    if any(row.metric in FULL_SCALE_METRICS for row in rows):
        sections.append(Section(f"Full scale: {gsd} m to 10 m", full_scale_parts(plan.folder, rows), "without truth"))
    sections.append(Section("Time and memory", [COST_TEXT, *metric_tables(COSTS, rows)]))
    if reliability:
        sections.append(reliability_section(plan.folder, reliability))
    sections += [Section(label, list(scene_figures(plan.folder, name))) for name, label in labels.items()]
    return Report(
        title=f"Super-resolution of the {gsd} m bands",
        question=f"Which method sharpens the {gsd} m bands to 10 m with the smallest errors? Measured at reduced scale, where the "
        "truth is known.",
        answers=list(lowest_errors(rows)),
        sections=sections,
        settings={
            "Scenes": ", ".join(labels.values()),
            "Bands": ", ".join(BANDS_BY_GSD[gsd]),
            "Degradation": f"`--degradation {plan.settings.degradation}`",
            "Precision": plan.precision,
            "Engine": plan.engine,
        },
        provenance={
            **{
                f"Network {name}": f"`{trained.source}`, SHA-256 `{trained.sha256}`"
                for name, trained in plan.trained_networks.items()
            },
            "Products": ", ".join(labels),
        },
    )


def lowest_errors(rows: Sequence[MetricRow]) -> Iterator[str]:
    """Yield a sentence: the method with the lowest RMSE of each scene, or of their mean, beside bicubic interpolation."""
    errors = [row for row in rows if (row.band, row.metric) == (OVERALL, "rmse")]
    errors = mean_over_scenes(errors) or errors
    for scene in dict.fromkeys(row.scene for row in errors):
        of_scene = {row.method: f"{row.value:.1f}" for row in errors if row.scene == scene}
        lowest = min(of_scene.values(), key=float)
        best = " and ".join(method for method, error in of_scene.items() if error == lowest)
        yield f"Lowest RMSE, {short_name(scene)}: {best}, {lowest} DN; {BICUBIC}: {of_scene[BICUBIC]} DN."


def sliders(crops: Sequence[Crop], bands: Sequence[str]) -> Iterator[Slider]:
    """Yield a slider for each scene."""
    labels = scene_labels(crop.scene for crop in crops)
    for scene, label in labels.items():
        pictures = [
            Picture(crop.png, crop.name, f"{label}, middle: {crop.name}") for crop in crops if crop.scene == scene
        ]
        yield Slider(
            f"Middle of {label} at reduced scale, {describe_colours(bands)}. Move the line, also with the arrow keys.",
            pictures,
        )


def reduced_scale_parts(folder: Path, rows: Sequence[MetricRow]) -> list[str | Table | Picture]:
    """Return tables and figures of the metrics against the native bands."""
    return [
        "All bands are degraded by the scale factor and sharpened, and compared with the native bands.",
        *metric_tables(REDUCED_SCALE, rows),
        Picture(
            folder / BARS, "RMSE, SRE, ERGAS and SAM of all bands.", "Bars of the main metrics by scene and method"
        ),
        band_table("RMSE (DN) by band", rows, "rmse", "lower"),
        band_table("SRE (dB) by band", rows, "sre", "higher"),
        Picture(folder / BAND_BARS, "RMSE, SRE and UIQ by band.", "Bars of metrics by band and method"),
    ]


def full_scale_parts(folder: Path, rows: Sequence[MetricRow]) -> list[str | Table | Picture]:
    """Return tables and the figure of the metrics at full scale."""
    return [
        "The native bands are sharpened to 10 m. These metrics need no truth; the best value is not always that of the best picture.",
        *metric_tables(FULL_SCALE, rows),
        band_table("Consistency (DN) by band", rows, "consistency", "lower"),
        band_table("Sharpness by band; that of the truth is about 0.9", rows, "sharpness"),
        Picture(
            folder / FULL_SCALE_BARS, "Metrics at full scale.", "Bars of metrics at full scale by scene and method"
        ),
    ]


def scene_figures(folder: Path, scene: str) -> Iterator[Picture]:
    """Yield the figures of a scene."""
    for figure, (caption, alt) in FIGURE_TEXTS.items():
        yield Picture(folder / f"{scene}-{figure}.png", caption, f"{alt}, {short_name(scene)}")
