"""The report of a study: question, setting, rule, tables of scores, verdicts and figures. Both applications fill it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.metrics.descriptions import DESCRIPTIONS
from common.report.markdown import write_markdown
from common.report.page import write_report
from common.report.records import REPORT, Column, Picture, Report, Section, Spread, Table
from common.studies.options import StudyOptions
from common.studies.scores import Score, labels_of, seed_means
from common.studies.verdict import NOT_SEEN, Verdict, plural, rule, sentence

QUICK = "This is the quick form: a few steps on a few small patches. Its numbers mean nothing. They only show that the study runs."


@dataclass(frozen=True)
class Measured:
    """What was measured in one way, for example with one degradation of the test scenes.

    Attributes:
        name: of the way, such as `tested with mtf`; empty if there is only one.
        scores: of all labels.
        verdicts: that follow from them.
        figures: that show them.
        more: further parts of the section, such as the costs of the networks.
    """

    name: str
    scores: Sequence[Score]
    verdicts: Sequence[Verdict]
    figures: Sequence[Picture] = ()
    more: Sequence[Table | Picture | str] = ()


def study_report(
    options: StudyOptions,
    measured: Sequence[Measured],
    title: str,
    settings: Mapping[str, object],
    unit: str = "scene",
) -> Report:
    """Return the report of a study. Its tables have all verdicts, its answers those of `part_answers`.

    Args:
        options: with the study.
        measured: what was measured, a section each.
        title: of the application, such as `Super-resolution of the 20 m bands`.
        settings: shared settings of the runs, name -> value.
        unit: name of one test unit.
    """
    study = options.study
    shared = {"Compared with": study.reference, "Seeds": ", ".join(map(str, options.seeds)), **settings}
    answers = [answer for part in measured for answer in part_answers(part, study.metrics[0], unit)]
    sections = [measured_section(part, [*study.metrics, *study.shown], unit) for part in measured]
    how = [rule(unit), *([study.remarks] if study.remarks else [])]
    return Report(
        title=f"{title}: {study.name}",
        question=study.question,
        sections=[*sections, Section("How the answers follow from the numbers", how)],
        answers=answers,
        warning=QUICK if options.quick else "",
        settings=shared,
    )


def part_answers(part: Measured, main_metric: str, unit: str) -> list[str]:
    """Return the verdicts in words: all of the main metric, and of the others the differences that were seen."""
    start = f"{part.name[:1].upper()}{part.name[1:]}: " if part.name else ""
    return [
        start + sentence(verdict, unit)
        for verdict in part.verdicts
        if verdict.metric == main_metric or verdict.answer != NOT_SEEN
    ]


def measured_section(part: Measured, metrics: Sequence[str], unit: str) -> Section:
    """Return the section of what was measured in one way: table of scores, figures, table of verdicts."""
    title = f"Scores, {part.name}" if part.name else "Scores"
    return Section(
        title, [score_records(part.scores, metrics, unit), *part.figures, verdict_records(part.verdicts), *part.more]
    )


def score_records(scores: Sequence[Score], metrics: Sequence[str], unit: str) -> Table:
    """Return the table of scores: a row for each label, mean over units and seeds, standard deviation over seeds."""
    labels = labels_of(scores)
    measured = [metric for metric in metrics if any(score.metric == metric for score in scores)]
    values = {(label, metric): seed_means(scores, label, metric) for label in labels for metric in measured}
    columns = [
        Column.of_metric(DESCRIPTIONS[metric], decimals([values[label, metric] for label in labels]))
        for metric in measured
    ]
    rows = [
        [label, seeds_of(scores, label), *(spread(values[label, metric]) for metric in measured)] for label in labels
    ]
    units = {score.unit for score in scores if score.metric in measured}
    means = f"{plural(unit)} and seeds" if len(units) > 1 else "seeds"
    caption = f"Means over {means}, ± standard deviation over seeds."
    return Table(caption, [Column("Variant"), Column("Seeds", 0), *columns], rows)


def verdict_records(verdicts: Sequence[Verdict]) -> Table:
    """Return the table of verdicts: difference to the reference, its interval, and what would not have been seen."""
    columns = [Column(title) for title in ("Variant", "Metric", "Answer", "Difference", "Interval")]
    columns += [Column(title) for title in ("Spread over seeds", "Found in 19 of 20")]
    rows = [
        [
            verdict.label,
            DESCRIPTIONS[verdict.metric].title,
            verdict.answer,
            f"{verdict.difference:+.3g}",
            f"{verdict.low:+.3g} to {verdict.high:+.3g}",
            f"{verdict.spread:.3g}",
            f"{verdict.detectable:.3g}",
        ]
        for verdict in verdicts
    ]
    return Table(f"Differences to {verdicts[0].reference if verdicts else 'the reference'}.", columns, rows)


def seeds_of(scores: Sequence[Score], label: str) -> int | None:
    """Return the number of seeds of a label; None for a method without training."""
    return len({score.seed for score in scores if score.label == label} - {None}) or None


def spread(values: np.ndarray) -> Spread | None:
    """Return mean and standard deviation (n - 1) of values of seeds; None if there are none."""
    if not len(values):
        return None
    return Spread(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None)


def decimals(columns: Sequence[np.ndarray]) -> int:
    """Return how many digits after the point a column shows: 4 for values below 2, as of indices, 2, or 0 from 1000 on."""
    largest = max((float(np.abs(values).max()) for values in columns if len(values)), default=0.0)
    return 4 if largest < 2 else 2 if largest < 1000 else 0


def write_study(folder: Path, name: str, report: Report) -> str:
    """Write a report as `report.html` and as Markdown, both with their provenance; return the Markdown. Call on rank 0.

    Args:
        folder: of the comparison.
        name: of the Markdown file.
        report: what both say.

    Raises:
        OutputError: a file cannot be written.
    """
    text = write_markdown(folder / name, report)
    write_report(folder / REPORT, report)
    return text
