"""All figures of an evaluation, drawn from its predictions."""

from pathlib import Path

import numpy as np

from bigearthnet.evaluation.measure import score_methods
from bigearthnet.evaluation.output import METRICS, OUTPUT_FILES
from bigearthnet.evaluation.plan import EvaluationPlan
from bigearthnet.evaluation.tables import write_metrics
from bigearthnet.figures.evaluation import draw_evaluation
from bigearthnet.prediction.prepared_patches import Predictions
from bigearthnet.prediction.trained import TrainedClassifier
from bigearthnet.prepared.file import BigEarthNetFile
from tests.support.made_patches import CLASSES, write_made

FIGURES = {"f1.png", "ap.png", "precision_recall.png", "cooccurrence.png"}


def test_figures_and_their_names(tmp_path: Path) -> None:
    """A classifier without mistakes has no picture of them; a method's name becomes part of a file's name."""
    file = BigEarthNetFile(write_made(tmp_path / "made.h5", ["test"] * 4))
    trained = TrainedClassifier(
        tmp_path, "small", "s2", "bilinear", "float32", False, 0.0, CLASSES, {}, np.full(9, 0.5)
    )
    plan = EvaluationPlan(file.path, "test", np.arange(4), {"small-s2 right": trained, "small-s2 wrong": trained})
    predictions = {
        f"small-s2 {name}": Predictions(plan.rows, file.labels, np.abs(file.labels - error).astype(np.float32))
        for name, error in (("right", 0.1), ("wrong", 0.8))
    }
    output = tmp_path / "out"
    output.mkdir()
    write_metrics(output / METRICS, score_methods(plan, predictions))
    draw_evaluation(output, plan, predictions)
    drawn = {path.name for path in output.glob("*.png")}
    assert drawn == FIGURES | {"mistakes-small-s2-wrong.png"}
    assert all(any(Path(name).match(pattern) for pattern in OUTPUT_FILES) for name in drawn)
