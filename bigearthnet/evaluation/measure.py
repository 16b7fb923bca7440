"""Measure classifiers on patches of a prepared file: after training, and in `bigearthnet/evaluate.py`."""

import logging
from collections.abc import Mapping
from pathlib import Path

import keras

import common.distributed as hvd
from bigearthnet.evaluation.plan import EvaluationPlan
from bigearthnet.evaluation.scores import score
from bigearthnet.evaluation.tables import MetricRow, metric_rows, write_metrics
from bigearthnet.prediction.prepared_patches import Predictions, predict_prepared
from bigearthnet.prediction.thresholds import write_thresholds
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import TrainingData
from common.metrics.thresholds import choose_thresholds
from common.runs.folder import METRICS, THRESHOLDS

logger = logging.getLogger(__name__)


def measure_run(
    model: keras.Model, config: BigEarthNetConfig, data: TrainingData, folder: Path, show_progress: bool = False
) -> list[MetricRow]:
    """Choose thresholds on the validation patches, and measure on the test patches. Every rank must call it.

    Rank 0 writes `thresholds.csv` and, if there are test patches, `metrics.csv` into the run folder.

    Returns:
        The rows of `metrics.csv` on rank 0; none on the other ranks, or if there are no test patches.
    """

    def predict(patches: ClassificationPatches, split: str) -> Predictions:
        return predict_prepared(model, patches, config.batch_size, f"predicting {split} patches", show_progress)

    validated = predict(data.val, "validation")
    tested = predict(data.test, "test") if len(data.test) else None
    if hvd.rank() != 0:
        return []
    class_names = data.file.class_names
    thresholds = choose_thresholds(validated.labels, validated.probabilities, class_names)
    write_thresholds(folder / THRESHOLDS, thresholds)
    if tested is None:
        return []
    scores = score(tested, [threshold.threshold for threshold in thresholds], class_names)
    rows = metric_rows("test", f"{config.model}-{config.bands}", scores)
    write_metrics(folder / METRICS, rows)
    return rows


def predict_methods(
    plan: EvaluationPlan, models: Mapping[str, keras.Model], batch_size: int, show_progress: bool = False
) -> dict[str, Predictions]:
    """Return method -> predictions of the patches of the plan, on all ranks. Every rank must call it."""
    file = BigEarthNetFile(plan.data)  # each rank opens the file itself
    predictions = {}
    for method, trained in plan.classifiers.items():
        patches = trained.patches(file, plan.rows)
        task = f"predicting {plan.split} patches with {method}"
        predictions[method] = predict_prepared(models[method], patches, batch_size, task, show_progress)
        logger.info("%s: %d %s patches predicted", method, len(patches), plan.split)
    return predictions


def score_methods(plan: EvaluationPlan, predictions: Mapping[str, Predictions]) -> list[MetricRow]:
    """Return the rows of `metrics.csv`, method by method."""
    rows = []
    for method, trained in plan.classifiers.items():
        scores = score(predictions[method], trained.thresholds, trained.class_names)
        rows += metric_rows(plan.split, method, scores)
    return rows
