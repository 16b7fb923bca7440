"""The report of a comparison without a study: errors and costs of all networks, and no verdicts."""

from collections.abc import Sequence
from pathlib import Path

from common.metrics.descriptions import DESCRIPTIONS
from common.report.records import Column, Picture, Report, Section, Table
from common.studies.report import spread
from superres.evaluation.comparison import LOWER_IS_BETTER, ComparedNetwork, by_label, column
from superres.evaluation.tables import DECIMALS
from superres.studies.options import ComparisonOptions

NO_VERDICTS = "A comparison without `--study` describes, and gives no verdicts: it has no question and no reference."
ONE_SEED = "Each network has one seed, so the table has no spread: another seed may change the order of close networks."
COSTS = {
    "parameters": Column("Parameters", 0, "lower"),
    "work_per_pixel": Column("Work a pixel", 0, "lower"),
    "pixels_per_second": Column("Pixels/s", 0, "higher"),
}
COST_UNITS = "Work: multiplications for one 10 m pixel. Pixels/s: 10 m pixels of the result, the fastest of all seeds."


def comparison_report(options: ComparisonOptions, networks: Sequence[ComparedNetwork], figure: Path) -> Report:
    """Return the report.

    Args:
        options: without a study.
        networks: the lines of `comparison.csv`.
        figure: path of `comparison.png`.
    """
    config = options.config
    remarks = [NO_VERDICTS, *([ONE_SEED] if len(options.base.seeds) == 1 else [])]
    picture = Picture(figure, "Errors against work.", "Metrics of each network against its multiplications per pixel")
    return Report(
        title=f"Comparison of networks for the {config.gsd} m bands",
        question="Which of these networks has the smallest errors, and at what cost?",
        sections=[Section("Errors and costs", [network_records(networks), picture, *remarks])],
        settings={
            "Bands": f"{config.gsd} m",
            "Seeds": ", ".join(map(str, options.base.seeds)),
            "Scenes to train on": f"`{config.tiles}`",
            "Test scenes": f"{networks[0].scenes}, `{config.test_tiles}`",
            "Degradation": config.degradation,
            "Precision": config.precision,
        },
    )


def network_records(networks: Sequence[ComparedNetwork]) -> Table:
    """Return the table: a row for each label, means over seeds and their standard deviation, and costs."""
    metrics = [Column.of_metric(DESCRIPTIONS[metric], DECIMALS.get(metric, 2)) for metric in LOWER_IS_BETTER]
    rows = [
        [
            label,
            len(lines) if lines[0].seed is not None else None,
            *(spread(column(lines, metric)) for metric in LOWER_IS_BETTER),
            *costs_of(lines),
        ]
        for label, lines in by_label(networks).items()
    ]
    caption = f"Means over test scenes and seeds, ± standard deviation over seeds. {COST_UNITS}"
    return Table(caption, [Column("Network"), Column("Seeds", 0), *metrics, *COSTS.values()], rows)


def costs_of(lines: Sequence[ComparedNetwork]) -> list[float | None]:
    """Return the cells of COSTS for the lines of a label, whose seeds have one network; None for a method without a network."""
    speeds = [line.pixels_per_second for line in lines if line.pixels_per_second is not None]
    return [lines[0].parameters, lines[0].work_per_pixel, max(speeds, default=None)]
