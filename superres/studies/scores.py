"""Scores of a study from the tables of its evaluations, and the verdicts that follow from them."""

from collections.abc import Sequence
from pathlib import Path

from common.metrics.fusion import OVERALL
from common.runs.tables import read_rows
from common.studies.scores import Score
from common.studies.verdict import Verdict, judge_scores
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.output import METRICS, REFLECTANCE
from superres.evaluation.plan import find_networks
from superres.evaluation.tables import read_metrics
from superres.networks.sources import WeightsOptions
from superres.prediction.interpolation import INTERPOLATIONS
from superres.studies.brightness import Labels, brightness_scores
from superres.studies.options import ComparisonOptions

EVALUATION = "evaluation"  # folder of the evaluation, in the folder of the comparison


def evaluation_folder(options: ComparisonOptions, degradation: str) -> Path:
    """Return the folder of the evaluation with a degradation; its name has the degradation if there are several."""
    name = EVALUATION if len(options.tests) == 1 else f"{EVALUATION}-{degradation}"
    return options.base.folder / name


def method_labels(options: ComparisonOptions) -> dict[str, tuple[str, int | None]]:
    """Return method in the tables of the evaluations -> label and seed: interpolation and pansharpening first.

    Raises:
        WeightsError, RunFolderError: as `find_networks`.
    """
    labels: dict[str, tuple[str, int | None]] = {name: (name, None) for name in (*INTERPOLATIONS, *options.methods)}
    networks, _ = find_networks(WeightsOptions(options.sources), options.config.gsd)
    return labels | {
        name: options.labels.get(trained.source, (trained.source, None)) for name, trained in networks.items()
    }


def read_study_scores(folder: Path, labels: Labels, by_brightness: bool = False) -> list[Score]:
    """Return the scores over all bands of each method and scene of an evaluation.

    Args:
        folder: of the evaluation.
        labels: the methods that count.
        by_brightness: also return errors of the brightest pixels.

    Raises:
        RunFolderError: a table is missing or damaged.
        ProductError: as `brightness_scores`.
    """
    scores = [
        Score(*labels[row.method], row.scene, row.metric, row.value)
        for row in read_metrics(folder / METRICS)
        if row.band == OVERALL and row.method in labels
    ]
    if by_brightness:
        scores += brightness_scores(read_rows(folder / REFLECTANCE, ReflectanceRow), labels)
    return sorted(scores, key=lambda score: list(labels.values()).index((score.label, score.seed)))


def study_verdicts(options: ComparisonOptions, scores: Sequence[Score]) -> list[Verdict]:
    """Return the verdicts of a study: its variants, its opponents and the methods of --methods against its reference.

    Metrics that no scene has are left out, as those at full scale of scenes smaller than a block.

    Raises:
        SettingError: as `common.studies.scores.paired_differences`.
    """
    study = options.study
    judged = {*options.varied, *study.opponents, *options.methods}
    chosen = [score for score in scores if score.label in judged]
    metrics = [metric for metric in study.metrics if any(score.metric == metric for score in chosen)]
    return judge_scores(chosen, study.reference, metrics)
