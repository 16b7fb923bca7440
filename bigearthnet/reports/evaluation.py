"""The report of `bigearthnet/evaluate.py`: scores of all methods, over all classes and by class, and all figures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bigearthnet.evaluation.output import AP_BARS, COOCCURRENCE, CURVES, F1_BARS, mistakes_file
from bigearthnet.evaluation.plan import EvaluationPlan
from bigearthnet.evaluation.tables import (
    DECIMALS,
    MORE_METRICS,
    MetricRow,
    class_table,
    classes_by_support,
    metric_table,
)
from common.metrics.multilabel import OVERALL
from common.report.records import Picture, Report, Section, Table

# Figure -> caption, and text for people who cannot see it.
FIGURES = {
    F1_BARS: ("F1 by class, the most frequent class at the top.", "Bars of F1 by class and method"),
    AP_BARS: ("Average precision by class.", "Bars of average precision by class and method"),
    CURVES: ("Precision against recall, all classes together.", "Precision-recall curves by method"),
    COOCCURRENCE: ("Which classes occur together.", "Map of how often two classes are in one patch"),
}


def evaluation_report(plan: EvaluationPlan, rows: Sequence[MetricRow], folder: Path) -> Report:
    """Return the report of an evaluation.

    Args:
        plan: of the evaluation.
        rows: scores of all methods.
        folder: with the figures; those that are not there are left out.
    """
    support = classes_by_support(rows)
    return Report(
        title=f"Classification of {len(plan.rows)} {plan.split} patch{'es' if len(plan.rows) > 1 else ''}",
        question=f"Which of {len(support)} land-cover classes does a patch hold, and how well does each network tell?",
        answers=[*highest_scores(rows), *missing_classes(support)],
        sections=[
            Section("All classes", overall_parts(rows)),
            Section("By class", list(class_parts(rows, folder))),
            Section("Largest mistakes", list(mistake_pictures(plan, folder))),
        ],
        settings={
            "Prepared file": f"`{plan.data}`",
            "Patches": f"{len(plan.rows)}, split {plan.split}",
            "Classes": len(support),
            "Decision": "a class is predicted from its threshold on, chosen on validation patches",
        },
        provenance={
            f"Network {method}": f"`{trained.folder}`, bands {trained.bands}, {trained.precision}"
            for method, trained in plan.classifiers.items()
        },
    )


def highest_scores(rows: Sequence[MetricRow]) -> Iterator[str]:
    """Yield a sentence with the networks of the highest macro F1, if there is more than one network."""
    scores = {
        row.method: f"{row.value:.{DECIMALS}f}" for row in rows if (row.name, row.metric) == (OVERALL, "f1_macro")
    }
    if len(scores) > 1:
        highest = max(scores.values(), key=float)
        best = " and ".join(method for method, score in scores.items() if score == highest)
        yield f"Highest F1 macro: {best}, {highest}. Each network was trained once: a small difference may be chance."


def missing_classes(support: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence about classes that no patch holds."""
    missing = sum(count == 0 for count in support.values())
    if missing:
        yield (
            f"{missing} of {len(support)} classes are in no patch: nothing is known about them. Macro averages count such a class "
            f"as 0, and averages of tested classes leave it out."
        )


def overall_parts(rows: Sequence[MetricRow]) -> list[str | Table]:
    """Return the tables of the scores over all classes."""
    return [
        "Micro: from the counts of all classes together. Macro: mean over classes. Sample: mean over patches.",
        metric_table("Main scores", rows),
        metric_table("Precision, recall and more averages", rows, MORE_METRICS),
    ]


def class_parts(rows: Sequence[MetricRow], folder: Path) -> Iterator[Table | Picture]:
    """Yield a table of the classes for each method, and the figures of the classes."""
    for method in dict.fromkeys(row.method for row in rows):
        yield class_table(f"{method}: classes, the most frequent first", rows, method)
    for name, (caption, alt) in FIGURES.items():
        if (folder / name).exists():
            yield Picture(folder / name, caption, alt)


def mistake_pictures(plan: EvaluationPlan, folder: Path) -> Iterator[Picture | str]:
    """Yield the pictures of the patches that each method gets most wrong."""
    pictures = {method: folder / mistakes_file(method) for method in plan.classifiers}
    for method, path in pictures.items():
        if path.exists():
            alt = f"Patches with classes that {method} found, missed and wrongly predicted"
            yield Picture(path, f"{method}: the patches that it gets most wrong.", alt)
    if not any(path.exists() for path in pictures.values()):
        yield "No network makes a mistake."
