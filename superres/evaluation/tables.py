"""Tables of metrics: `metrics.csv`, and Markdown for people."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.metrics.fusion import OVERALL
from common.patches.settings import PatchSettings
from common.runs.tables import markdown_table, read_rows, write_rows

TABLE_METRICS = {"rmse": "RMSE", "sre": "SRE (dB)", "ergas": "ERGAS", "sam": "SAM (deg)"}
ALL_METRICS = {
    "rmse": "RMSE (DN) ↓",
    "sre": "SRE (dB) ↑",
    "ergas": "ERGAS ↓",
    "sam": "SAM (deg) ↓",
    "uiq": "UIQ ↑",
    "psnr": "PSNR (dB) ↑",
    "ssim": "SSIM ↑",
}
FULL_SCALE_METRICS = {
    "consistency": "Consistency (DN) ↓",
    "sharpness": "Sharpness (truth about 0.9) ↑",
    "correlation": "Correlation of detail (truth about 0.85) ↑",
}
DECIMALS = {"uiq": 4, "ssim": 4, "sharpness": 3, "correlation": 3}  # of others, 2


class MetricRow(NamedTuple):
    """One line of `metrics.csv`."""

    scene: str
    method: str
    band: str
    metric: str
    value: float


def write_metrics(path: Path, rows: Sequence[MetricRow]) -> None:
    """Write `metrics.csv`: scene, method, band (`all` for the overall value), metric, value."""
    write_rows(path, rows, MetricRow._fields)


def read_metrics(path: str | os.PathLike[str]) -> list[MetricRow]:
    """What `write_metrics` wrote."""
    return read_rows(path, MetricRow)


def mean_over_scenes(rows: Sequence[MetricRow]) -> list[MetricRow]:
    """The mean of each metric over all scenes, by method and band; nothing where there is one scene only."""
    scenes = {row.scene for row in rows}
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        values.setdefault((row.method, row.band, row.metric), []).append(row.value)
    if len(scenes) < 2:
        return []
    name = f"mean of {len(scenes)} scenes"
    return [MetricRow(name, *key, float(np.mean(found))) for key, found in values.items()]


def scene_labels(scenes: Iterable[str]) -> dict[str, str]:
    """Short labels of scenes, such as `T33UUB 2017-05-27`, where they tell all scenes apart."""
    labels = {scene: short_name(scene) for scene in dict.fromkeys(scenes)}
    counts = Counter(labels.values())
    return {scene: label if counts[label] == 1 else scene for scene, label in labels.items()}


def short_name(scene: str) -> str:
    """Tile, place in it, and date of the name of a product or BigEarthNet patch; any other name as it is."""
    date = re.search(r"_(\d{4})(\d{2})(\d{2})T\d{5,6}", scene)  # patches may lack a leading zero of the time
    places = re.search(r"_(T\d{2}[A-Z]{3})(?:_|$)", scene), re.search(r"_(\d{1,2}_\d{1,2})$", scene)
    if not date or not any(places):
        return scene
    return " ".join([*(place[1] for place in places if place), "-".join(date.groups())])


def markdown_metric_table(rows: Sequence[MetricRow], metrics: Mapping[str, str] = TABLE_METRICS) -> str:
    """The overall values as a Markdown table: a line a scene and method, a column a metric."""
    overall = {(row.scene, row.method, row.metric): row.value for row in rows if row.band == OVERALL}
    return _table(
        metrics.values(),
        {pair: [_cell(overall.get((*pair, metric)), metric) for metric in metrics] for pair in _pairs(rows)},
    )


def markdown_band_table(rows: Sequence[MetricRow], metric: str) -> str:
    """One metric as a Markdown table: a line a scene and method, a column a band."""
    values = {(row.scene, row.method, row.band): row.value for row in rows if row.metric == metric}
    bands = list(dict.fromkeys(row.band for row in rows if row.metric == metric))
    return _table(bands, {pair: [_cell(values.get((*pair, band)), metric) for band in bands] for pair in _pairs(rows)})


def _pairs(rows: Sequence[MetricRow]) -> list[tuple[str, str]]:
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


def describe(rows: Sequence[MetricRow], settings: PatchSettings) -> str:
    """All tables as Markdown."""
    gsd, factor = settings.gsd, settings.scale_factor
    reduced = [row for row in rows if row.metric in ALL_METRICS]
    full = [row for row in rows if row.metric in FULL_SCALE_METRICS]
    reduced, full = ([*part, *mean_over_scenes(part)] for part in (reduced, full))
    parts = [
        f"## Reduced scale: {gsd * factor} m to {gsd} m, against the native bands",
        f"Degraded as `--degradation {settings.degradation}` does.",
        markdown_metric_table(reduced, ALL_METRICS),
        "RMSE (DN) by band, lower is better:",
        markdown_band_table(reduced, "rmse"),
        "SRE (dB) by band, higher is better:",
        markdown_band_table(reduced, "sre"),
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
