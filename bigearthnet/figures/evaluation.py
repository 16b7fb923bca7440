"""All figures of `bigearthnet/evaluate.py`."""

from collections.abc import Mapping
from pathlib import Path

from bigearthnet.evaluation.mistakes import find_mistakes
from bigearthnet.evaluation.output import AP_BARS, COOCCURRENCE, CURVES, F1_BARS, METRICS, mistakes_file
from bigearthnet.evaluation.plan import EvaluationPlan
from bigearthnet.figures.class_scores import plot_class_scores
from bigearthnet.figures.cooccurrence import plot_cooccurrence
from bigearthnet.figures.mistakes import plot_mistakes
from bigearthnet.figures.precision_recall import plot_precision_recall
from bigearthnet.prediction.prepared_patches import Predictions
from bigearthnet.prepared.file import BigEarthNetFile


def draw_evaluation(folder: Path, plan: EvaluationPlan, predictions: Mapping[str, Predictions]) -> None:
    """Draw all figures of an evaluation.

    Args:
        folder: where they go; it holds `metrics.csv`.
        plan: of the evaluation.
        predictions: method -> predictions of the patches of the plan.
    """
    file = BigEarthNetFile(plan.data)
    plot_class_scores(folder / METRICS, folder / F1_BARS)
    plot_class_scores(folder / METRICS, folder / AP_BARS, "ap")
    labels = file.labels[plan.rows]
    if labels.any():
        probabilities = {method: predicted.probabilities for method, predicted in predictions.items()}
        plot_precision_recall(labels, probabilities, folder / CURVES)
        plot_cooccurrence(labels, file.class_names, folder / COOCCURRENCE)
    for method, predicted in predictions.items():
        mistakes = find_mistakes(file, predicted, plan.classifiers[method].thresholds)
        if mistakes:
            plot_mistakes(mistakes, folder / mistakes_file(method))
