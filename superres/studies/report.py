"""What a study writes: `scores.csv`, `verdicts.csv`, figures, `study.md` and the report. Only rank 0 writes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.report.records import REPORT, Column, Picture, Report, Table
from common.runs.config import option_name
from common.runs.tables import write_rows
from common.studies import report as shared
from common.studies.options import FIGURE, SCORES, TEXT, VERDICTS
from common.studies.report import Measured
from common.studies.scores import Score
from common.studies.verdict import Verdict
from superres.evaluation.comparison import ComparedNetwork, by_label
from superres.studies.comparison_report import COST_UNITS, COSTS, costs_of
from superres.studies.options import ComparisonOptions
from superres.studies.scores import evaluation_folder, method_labels, read_study_scores, study_verdicts


def measure_study(options: ComparisonOptions) -> dict[str, Measured]:
    """Return degradation of the test scenes -> scores and verdicts, from the evaluations, and write their tables.

    Raises:
        S2Error: scores cannot be read or compared.
        OutputError: a table cannot be written.
    """
    labels = method_labels(options)
    measured = {}
    for test in options.tests:
        scores = read_study_scores(evaluation_folder(options, test), labels, options.study.by_brightness)
        name = f"tested with {test}" if len(options.tests) > 1 else ""
        measured[test] = Measured(name, scores, study_verdicts(options, scores))
    write_rows(options.base.folder / SCORES, with_test(measured, "scores"), ("test", *Score._fields))
    write_rows(options.base.folder / VERDICTS, with_test(measured, "verdicts"), ("test", *Verdict._fields))
    return measured


def with_test(measured: dict[str, Measured], name: str) -> list[tuple]:
    """Return the rows of all ways to measure, each with the degradation of the test scenes first."""
    return [(test, *row) for test, part in measured.items() for row in getattr(part, name)]


def write_study(options: ComparisonOptions, measured: dict[str, Measured], networks: Sequence[ComparedNetwork]) -> str:
    """Draw the figures, write `study.md` and the report; return the text.

    Args:
        options: with a study.
        measured: from `measure_study`.
        networks: the lines of `comparison.csv`.

    Raises:
        OutputError: a file cannot be written.
    """
    labels = labels_only(options) if options.study.by_brightness else {}
    parts = [replace(part, figures=draw_figures(options, test, part, labels)) for test, part in measured.items()]
    return shared.write_study(options.base.folder, TEXT, superres_report(options, parts, networks))


def superres_report(
    options: ComparisonOptions, parts: Sequence[Measured], networks: Sequence[ComparedNetwork]
) -> Report:
    """Return the report of a study."""
    config = options.config
    scenes = len({score.unit for score in parts[0].scores})
    settings = {
        "Bands": f"{config.gsd} m",
        "Scenes to train on": f"`{config.tiles}`",
        "Test scenes": f"{scenes}, `{config.test_tiles}`",
        "Degradation of the test scenes": ", ".join(options.tests),
        **{option_name(name): getattr(config, name) for name in shown_settings(options)},
    }
    costs = cost_records(networks)
    parts = [*parts[:-1], replace(parts[-1], more=[costs])] if costs_differ(networks) else parts
    return shared.study_report(options.base, parts, f"Super-resolution of the {config.gsd} m bands", settings)


def shown_settings(options: ComparisonOptions) -> list[str]:
    """Return the names of the shared settings to name: those that say how long and how runs were trained."""
    names = ["model", "upsample", "loss", "epochs", "batch_size", "learning_rate", "schedule", "patches_per_tile"]
    return [
        name
        for name in names
        if name not in options.study.own_names or (name == "model" and "model" in options.settings)
    ]


def cost_records(networks: Sequence[ComparedNetwork]) -> Table:
    """Return the table of costs of the networks: a row for each label."""
    rows = [[label, *costs_of(lines)] for label, lines in by_label(networks).items() if lines[0].parameters is not None]
    return Table(COST_UNITS, [Column("Network"), *COSTS.values()], rows)


def costs_differ(networks: Sequence[ComparedNetwork]) -> bool:
    """Return whether networks differ in their number of weights or in their work."""
    return len({(line.parameters, line.work_per_pixel) for line in networks if line.parameters is not None}) > 1


def draw_figures(options: ComparisonOptions, test: str, part: Measured, labels: Mapping[str, str]) -> list[Picture]:
    """Draw the intervals of the verdicts and, in a study by brightness, the errors by reflectance; return the pictures.

    Args:
        options: with a study.
        test: degradation of the test scenes.
        part: what was measured with it.
        labels: method in the tables -> label, the reference first; of a study by brightness.
    """
    from common.studies.figure import QUICK_NOTICE, draw_verdicts
    from superres.evaluation.output import REFLECTANCE
    from superres.figures.brightness import plot_errors_by_brightness

    suffix = f"-{test}" if len(options.tests) > 1 else ""
    pictures = []
    if part.verdicts:
        path = options.base.folder / FIGURE
        path = path.with_name(f"{path.stem}{suffix}{path.suffix}")
        pictures.append(draw_verdicts(part.verdicts, path, options.base.quick))
    if options.study.by_brightness:
        path = options.base.folder / f"brightness{suffix}.png"
        table = evaluation_folder(options, test) / REFLECTANCE
        plot_errors_by_brightness(table, labels, path, QUICK_NOTICE if options.base.quick else "")
        caption = "RMSE by reflectance of the truth, and its ratio to that of the reference. The outer groups hold 1 % of the pixels."
        pictures.append(Picture(path, caption, "Lines that rise towards bright pixels"))
    return pictures


def labels_only(options: ComparisonOptions) -> dict[str, str]:
    """Return method in the tables -> label, the reference first."""
    labels = {method: label for method, (label, _) in method_labels(options).items()}
    return dict(sorted(labels.items(), key=lambda item: item[1] != options.study.reference))


def output_paths(folder: Path) -> str:
    """Return the paths of the main files in words."""
    return f"{folder / TEXT}, {folder / REPORT}, {folder / SCORES} and {folder / VERDICTS}"
