"""The model card of a run folder, `MODEL.md`: what a network was trained on, how, how good it is, and how to use it.

After Mitchell et al. 2019, Model Cards for Model Reporting, arXiv:1810.03993. Each application writes the parts of its
cards in its room `cards`; this module has what they share. A part says so where something was not measured.
"""

import dataclasses
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from common.files.atomic import write_text
from common.runs.config import RunConfig, option_name
from common.runs.folder import CARD, read_config
from common.runs.provenance import describe_variables
from common.runs.tables import markdown_table


def write_model_card(folder: Path, title: str, parts: Mapping[str, str]) -> None:
    """Write the model card of a run folder, whole or not at all. Call on rank 0.

    Args:
        folder: the run folder, with its `config.json`.
        title: heading of the card.
        parts: heading -> Markdown, in their order; the last part, about the run, is added.

    Raises:
        RunFolderError: `config.json` is missing or damaged.
        OutputError: the card cannot be written.
    """
    parts = {**parts, "How it was made": describe_run(read_config(folder))}
    texts = [f"# {title}", *(f"## {heading}\n\n{text}" for heading, text in parts.items())]
    write_text(folder / CARD, "\n\n".join(texts) + "\n")


def describe_run(record: Mapping) -> str:
    """Return command, code revision, versions and ranks of a run as Markdown.

    Args:
        record: of `config.json`.
    """
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        f"- Command: `{shlex.join(record['command'])}`",
        f"- Started {record['created_utc']}, code revision {record['code_revision']}, ranks: {record['ranks']}, seed: "
        f"{record['settings']['seed']}",
        f"- Versions: {versions}",
    ]
    hardware, variables = record.get("hardware"), record.get("environment")  # missing in runs of older versions
    if hardware:
        lines.append(f"- Hardware: {hardware['processor']}, {hardware['cores_per_rank']} cores a rank")
    if variables:
        lines.append(f"- Environment variables that change numbers: {describe_variables(variables)}")
    if record["earlier"]:
        lines.append(f"- Continued with `--resume`; earlier parts in `config.json`: {len(record['earlier'])}")
    return "\n".join(lines)


def describe_settings(folder: Path, config_class: type[RunConfig], left_out: Sequence[str] = ()) -> str:
    """Return the settings of a run that differ from their defaults as a Markdown table, and a sentence about the others.

    Args:
        folder: the run folder, whose `config.json` has the settings as they were used.
        config_class: gives the defaults.
        left_out: names of settings that another part of the card tells.
    """
    settings = read_config(folder)["settings"]
    lines = [
        [f"`{option_name(field.name)}`", str(settings[field.name])]
        for field in dataclasses.fields(config_class)
        if field.name not in left_out and settings[field.name] != field.default
    ]
    others = "`config.json` lists all settings; those that are not named here have their defaults."
    return f"{markdown_table(['Setting', 'Value'], lines, text_columns=2)}\n\n{others}" if lines else others


def saved_epoch(history: Sequence[dict], should_save: Callable[[list[dict]], bool]) -> dict:
    """Return the row of `history.csv` of the epoch whose weights the run folder holds.

    Args:
        history: at least one row.
        should_save: the rule of the training, see `common/training/saving.py`.
    """
    saved = [row for count, row in enumerate(history, start=1) if should_save(list(history[:count]))]
    return saved[-1]


def describe_period(times: Iterable[str]) -> str:
    """Return the first and last day of some times, and the calendar months in which they lie.

    Args:
        times: ISO 8601, UTC; empty ones are unknown.
    """
    days = sorted(time[:10] for time in times if time)
    if not days:
        return "unknown"
    months = sorted({day[5:7] for day in days})
    span = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return f"{span}; months of the year: {', '.join(months)}"
