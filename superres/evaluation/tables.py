"""Tables of metrics: `metrics.csv`, and Markdown tables."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.fusion import OVERALL
from common.patches.settings import PatchSettings
from common.runs.tables import markdown_table, read_rows, write_rows

TABLE_METRICS = {"rmse": "RMSE", "sre": "SRE (dB)", "ergas": "ERGAS", "sam": "SAM (deg)"}
ALL_METRICS = {
    metric: DESCRIPTIONS[metric].heading
    for metric in ("rmse", "sre", "ergas", "sam", "uiq", "psnr", "ssim", "q2n", "shift")
}
OPENSR_METRICS = {
    f"opensr_{metric}": DESCRIPTIONS[f"opensr_{metric}"].heading
    for metric in ("reflectance", "spectral", "spatial", "improvement", "omission", "hallucination")
}
FULL_SCALE_METRICS = {
    metric: DESCRIPTIONS[metric].heading
    for metric in ("consistency", "sharpness", "correlation", "d_lambda", "d_lambda_khan", "d_s", "qnr", "hqnr")
}
FOUR_DECIMALS = ("uiq", "ssim", "q2n", "d_lambda", "d_lambda_khan", "d_s", "qnr", "hqnr")
THREE_DECIMALS = ("sharpness", "correlation", *OPENSR_METRICS)
DECIMALS = dict.fromkeys(FOUR_DECIMALS, 4) | dict.fromkeys(THREE_DECIMALS, 3)  # 2 for other metrics


class MetricRow(NamedTuple):
    """One line of `metrics.csv`.

    Attributes:
        scene: name of the scene.
        method: name of the method.
        band: such as `B05`, or `all` for the overall value.
        metric: a key of ALL_METRICS, OPENSR_METRICS or FULL_SCALE_METRICS.
        value: in the unit of the metric.
    """

    scene: str
    method: str
    band: str
    metric: str
    value: float


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`, a column for each field of MetricRow.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    write_rows(path, rows, MetricRow._fields)


def read_metrics(path: str | os.PathLike[str]) -> list[MetricRow]:
    """Read a file that `write_metrics` wrote.

    Raises:
        RunFolderError: as `common.runs.tables.read_rows`.
    """
    return read_rows(path, MetricRow)


def mean_over_scenes(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """Return the mean of each metric over all scenes, by method and band; no row for one scene, or where a scene lacks it."""
    scenes = {row.scene for row in rows}
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        values.setdefault((row.method, row.band, row.metric), []).append(row.value)
    if len(scenes) < 2:
        return []
    name = f"mean of {len(scenes)} scenes"
    return [
        MetricRow(name, *key, float(np.mean(scene_values)))
        for key, scene_values in values.items()
        if len(scene_values) == len(scenes)
    ]


def scene_labels(scenes: Iterable[str]) -> dict[str, str]:
    """Return a label for each scene: a short one such as `T33UUB 2017-05-27`, or the whole name if two would be equal."""
    labels = {scene: short_name(scene) for scene in dict.fromkeys(scenes)}
    counts = Counter(labels.values())
    return {scene: label if counts[label] == 1 else scene for scene, label in labels.items()}


def short_name(scene: str) -> str:
    """Return tile, position of the patch, and date from the name of a product or BigEarthNet patch.

    Any other name is returned unchanged.
    """
    date = re.search(r"_(\d{4})(\d{2})(\d{2})T\d{5,6}", scene)  # patches may lack a leading zero of the time
    tile, position = re.search(r"_(T\d{2}[A-Z]{3})(?:_|$)", scene), re.search(r"_(\d{1,2}_\d{1,2})$", scene)
    if not date or not (tile or position):
        return scene
    return " ".join([*(match[1] for match in (tile, position) if match), "-".join(date.groups())])


def markdown_metric_table(rows: Sequence[MetricRow], metrics: Mapping[str, str] = TABLE_METRICS) -> str:
    """Return the overall values as a Markdown table with a line for each scene and method, and a column for each metric.

    Args:
        rows: of `metrics.csv`.
        metrics: metric -> title of its column.
    """
    overall = {(row.scene, row.method, row.metric): row.value for row in rows if row.band == OVERALL}
    lines = {
        line: [_cell(overall.get((*line, metric)), metric) for metric in metrics] for line in _scenes_and_methods(rows)
    }
    return _table(metrics.values(), lines)


def markdown_band_table(rows: Sequence[MetricRow], metric: str) -> str:
    """Return one metric as a Markdown table with a line for each scene and method, and a column for each band."""
    values = {(row.scene, row.method, row.band): row.value for row in rows if row.metric == metric}
    bands = list(dict.fromkeys(row.band for row in rows if row.metric == metric))
    lines = {line: [_cell(values.get((*line, band)), metric) for band in bands] for line in _scenes_and_methods(rows)}
    return _table(bands, lines)


def _rows_with_means(rows: Sequence[MetricRow], metrics: Mapping[str, str]) -> list[MetricRow]:
    """Return the rows of some metrics, followed by their means over scenes."""
    chosen = [row for row in rows if row.metric in metrics]
    return [*chosen, *mean_over_scenes(chosen)]


def _scenes_and_methods(rows: Sequence[MetricRow]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.scene, row.method) for row in rows))


def _cell(value: float | None, metric: str) -> str:
    return "" if value is None else f"{value:.{DECIMALS.get(metric, 2)}f}"


def _table(columns: Iterable[str], lines: Mapping[tuple[str, str], Sequence[str]]) -> str:
    labels = scene_labels(scene for scene, _ in lines)
    return markdown_table(
        ["Scene", "Method", *columns],
        [[labels[scene], method, *cells] for (scene, method), cells in lines.items()],
        text_columns=2,
    )


def markdown_report(rows: Sequence[MetricRow], settings: PatchSettings) -> str:
    """Return all tables of an evaluation with their headings, as Markdown.

    Args:
        rows: metrics at reduced scale, and at full scale if it was measured.
        settings: GSD and degradation.
    """
    gsd, factor = settings.gsd, settings.scale_factor
    reduced = _rows_with_means(rows, ALL_METRICS)
    opensr = _rows_with_means(rows, OPENSR_METRICS)
    full = _rows_with_means(rows, FULL_SCALE_METRICS)
    parts = [
        f"## Reduced scale: {gsd * factor} m to {gsd} m, against the native bands",
        f"Degraded as `--degradation {settings.degradation}` does.",
        markdown_metric_table(reduced, ALL_METRICS),
        "RMSE (DN) by band, lower is better:",
        markdown_band_table(reduced, "rmse"),
        "SRE (dB) by band, higher is better:",
        markdown_band_table(reduced, "sre"),
    ]
    if opensr:
        parts += [
            "As opensr-test: agreement with the input (reflectance, spectral, spatial), and shares of what was changed:",
            markdown_metric_table(opensr, OPENSR_METRICS),
        ]
    if full:
        parts += [
            f"## Full scale: {gsd} m to 10 m, without truth",
            markdown_metric_table(full, FULL_SCALE_METRICS),
            "Consistency (DN) by band, lower is better:",
            markdown_band_table(full, "consistency"),
            "Sharpness by band, higher is sharper:",
            markdown_band_table(full, "sharpness"),
        ]
    return "\n\n".join(parts)
