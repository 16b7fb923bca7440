"""The report of a comparison of classifiers: scores, classes, costs, verdicts. Records only, for any form of a page."""

from collections.abc import Sequence

import numpy as np

from bigearthnet.evaluation.support import describe_support
from bigearthnet.studies.catalogue import BY_SUPPORT, JUDGED, SHOWN
from bigearthnet.studies.options import ComparisonOptions
from bigearthnet.studies.scores import MeasuredRuns
from common.metrics.descriptions import DESCRIPTIONS
from common.report.records import Column, Picture, Report, Section, Table
from common.runs.config import option_name
from common.studies import report as shared
from common.studies.scores import Score, labels_of
from common.studies.verdict import Verdict

TITLE = "Land-cover classes of patches"
PUBLISHED = (
    "Published for comparison (reBEN, arXiv:2407.03653): ResNet50, Sentinel-1 and -2, 19 classes, trained and tested on the whole "
    "archive: AP macro 0.703, F1 macro 0.644; two runs of one recipe differ by 0.013. `--recipe reben` has its settings."
)
CONVERTED = (
    "Trained on the 43 classes, scored on the 19, each as probable as the most probable of its classes of the 43:"
)
THRESHOLDS = "F1 is with the threshold of each class that the training chose on validation patches."


def comparison_report(
    options: ComparisonOptions,
    measured: MeasuredRuns,
    scores: Sequence[Score],
    verdicts: Sequence[Verdict],
    figures: Sequence[Picture],
    files: Sequence[str],
) -> Report:
    """Return the report of a comparison.

    Args:
        options: of the comparison.
        measured: of its runs.
        scores: of `run_scores`.
        verdicts: none for a comparison with one seed.
        figures: of the verdicts.
        files: the prepared files.
    """
    texts = [describe_support(measured.support), THRESHOLDS, PUBLISHED]
    if measured.converted:
        texts.append(f"{CONVERTED} {', '.join(measured.converted)}.")
    more = [*texts, class_table(scores, "ap"), class_table(scores, "f1"), cost_table(measured)]
    part = shared.Measured("", scores, verdicts, figures, more)
    test_patches = len(next(iter(measured.decisions.values())).labels)
    own = {f"`{option_name(name)}`": value for name, value in options.shared_settings().items()}
    settings = {"Prepared files": ", ".join(files), "Test patches": test_patches, **own}
    if options.question:
        return shared.study_report(options.with_study(), [part], TITLE, settings, "patch")
    table = shared.score_records(scores, (*JUDGED, *SHOWN, *BY_SUPPORT), "patch")
    one_seed = "With one seed, or one variant, no difference is judged: `--seeds 0 1 2` gives a spread."
    return Report(
        title=f"{TITLE}: comparison",
        question="How good is each variant?",
        sections=[Section("Scores", [table, *more])],
        answers=[one_seed],
        settings={"Seeds": ", ".join(map(str, options.base.seeds)), **settings},
    )


def class_table(scores: Sequence[Score], metric: str) -> Table:
    """Return the table of a metric by class: a row for each class that has a score, a column for each label."""
    classes = list(dict.fromkeys(score.unit for score in scores if score.metric == metric))
    labels = labels_of(scores)
    values: dict[tuple[str, str], list[float]] = {}
    for score in scores:
        if score.metric == metric:
            values.setdefault((score.unit, score.label), []).append(score.value)
    rows = [[name, *(shared.spread(np.array(values.get((name, label), []))) for label in labels)] for name in classes]
    title = DESCRIPTIONS[metric].title
    return Table(
        f"{title} of each class that a test patch holds, ± standard deviation over seeds.",
        [Column("Class"), *(Column(label, 3) for label in labels)],
        rows,
    )


def cost_table(measured: MeasuredRuns) -> Table:
    """Return the table of parameters, work and speed of each network."""
    return Table(
        "Work: multiplications for a patch, in millions. Patches/s: when labelling patches on this machine.",
        [
            Column("Variant"),
            Column("Parameters", 0, "lower"),
            Column("Work a patch", 0, "lower"),
            Column("Patches/s", 0, "higher"),
        ],
        [
            [label, cost.parameters, cost.work_per_patch / 1e6, cost.patches_per_second]
            for label, cost in measured.costs.items()
        ],
    )
