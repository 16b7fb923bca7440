"""The model card of a run of classification: settings, prepared patches, scores -> `MODEL.md` in the run folder."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.evaluation.tables import MAIN_METRICS, MetricRow
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import TrainingData
from bigearthnet.training.validation import rule_of_best
from common.files.limits import parse_json
from common.metrics.descriptions import DESCRIPTIONS
from common.metrics.multilabel import OVERALL
from common.runs.folder import HISTORY, METRICS, THRESHOLDS
from common.runs.model_card import describe_period, describe_settings, saved_epoch, write_model_card
from common.runs.tables import markdown_table
from common.training.history import read_history

_DATE = re.compile(r"_MSIL2A_(\d{4})(\d{2})(\d{2})T")
RARE = 100  # training patches of a class; with fewer, its scores mean little


def write_card(
    folder: Path,
    config: BigEarthNetConfig,
    data: TrainingData,
    model: keras.Model,
    rows: Sequence[MetricRow] = (),
) -> None:
    """Write the model card of a finished run. Call on rank 0.

    Args:
        folder: the run folder.
        config: the settings.
        data: the patches.
        model: the network.
        rows: of `metrics.csv`; none if the prepared file has no test patches.

    Raises:
        RunFolderError: a file of the run folder is damaged.
        OutputError: the card cannot be written.
    """
    classes = len(data.file.class_names)
    bands = [band for group in BAND_SETS[config.bands].values() for band in group]
    write_model_card(
        folder,
        f"{config.model} for {classes} land-cover classes, bands {config.bands}",
        {
            "What it does": f"A network of {model.count_params():,} parameters that gives the probability of each of "
            f"{classes} CORINE land-cover classes in a square of 1.2 km. Input: {', '.join(bands)}.",
            "How to use it": describe_use(folder),
            "How good it is": describe_quality(folder, config, data, rows),
            "What it was trained on": describe_patches(data),
            "What it is not for": describe_limits(data),
            "Settings": describe_settings(folder, BigEarthNetConfig, left_out=("data",)),
        },
    )


def describe_use(folder: Path) -> str:
    """Return the commands that apply and measure the network."""
    return (
        f"```\npython bigearthnet/predict.py PRODUCT.SAFE --run-dir {folder} --output map\n"
        f"python bigearthnet/evaluate.py --data data.h5 --run-dir {folder} --output results\n```\n\n"
        f"A class counts as present from its probability in `{THRESHOLDS}` on."
    )


def describe_quality(folder: Path, config: BigEarthNetConfig, data: TrainingData, rows: Sequence[MetricRow]) -> str:
    """Return the scores on validation and on test patches; the second say so if they were not measured."""
    history = read_history(folder / HISTORY, config.epochs)
    saved = saved_epoch(history, rule_of_best(config.best_by))
    scores = ", ".join(
        f"{name.removeprefix('val_').replace('_', ' ')} {saved[name]:.3f}"
        for name in saved
        if name.startswith(("val_f1", "val_ap"))
    )
    validation = (
        f"The weights are those of epoch {saved['epoch']} of {len(history)}. On {len(data.val)} validation patches: "
        f"{scores}; F1 with a threshold of 0.5. Weights and thresholds were chosen on these patches."
    )
    overall = {row.metric: row.value for row in rows if row.name == OVERALL}
    titles = {metric: DESCRIPTIONS[metric].heading.removesuffix(" ↑") for metric in MAIN_METRICS}
    lines = [[title, f"{overall[metric]:.3f}"] for metric, title in titles.items() if metric in overall]
    if not lines:
        return f"{validation}\n\nTest patches: not measured, because the prepared file has none."
    table = markdown_table(["Score", "Value"], lines)
    return f"{validation}\n\nOn {len(data.test)} test patches, with the chosen thresholds (`{METRICS}` has each class):\n\n{table}"


def describe_patches(data: TrainingData) -> str:
    """Return number, dates and classes of the patches as Markdown."""
    file = data.file
    lines = [
        f"- Prepared file: `{file.path}`, SHA-256 of its content {file.attributes['checksum']}",
        f"- Patches: {len(data.train)} to train on, {len(data.val)} to validate, {len(data.test)} to test",
        f"- Sensed: {describe_period(patch_days(file.names[data.train.rows]))}",
        f"- Level: L2A, DN = reflectance * 10000{', and Sentinel-1 GRD in decibels' if file.has_s1 else ''}",
        f"- Left out: {describe_left_out(str(file.attributes.get('left_out', '{}')))}",
    ]
    if superres := str(file.attributes.get("superres", "")):
        lines.append(f"- Brought to 10 m beforehand: {superres}")
    counts = file.labels[data.train.rows].sum(axis=0)
    order = np.argsort(-counts, kind="stable")
    table = markdown_table(["Class", "Training patches"], [[file.class_names[i], str(counts[i])] for i in order])
    return "\n".join(lines) + f"\n\n{table}"


def patch_days(names: Iterable[str]) -> list[str]:
    """Return the day of each patch, such as `2017-06-13`, from its name; patches of other names are left out."""
    return ["-".join(match.groups()) for name in names if (match := _DATE.search(name))]


def describe_left_out(record: str) -> str:
    """Return the patches that were left out of a prepared file, from its attribute: JSON of reason -> patches."""
    try:
        reasons = {reason: count for reason, count in parse_json(record).items() if count}
    except (ValueError, AttributeError):
        return "unknown, because the record in the file is damaged"
    return ", ".join(f"{count} ({reason})" for reason, count in reasons.items()) or "none"


def describe_limits(data: TrainingData) -> str:
    """Return the limits that follow from BigEarthNet, and the classes with few patches."""
    counts = data.file.labels[data.train.rows].sum(axis=0)
    rare = [name for name, count in zip(data.file.class_names, counts, strict=True) if count < RARE]
    lines = [
        "- It labels squares of 1.2 km, not pixels.",
        "- It knows surface reflectance (L2A) of ten European countries in 2017 and 2018 only, without snow and clouds "
        "unless `--keep-snow-cloud` kept them.",
        "- Labels are those of CORINE Land Cover 2018; they have errors of their own, and may be older than the image.",
    ]
    if rare:
        lines.append(f"- Classes with fewer than {RARE} training patches, whose scores mean little: {'; '.join(rare)}.")
    return "\n".join(lines)
