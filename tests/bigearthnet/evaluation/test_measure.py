"""Measuring: thresholds from validation patches, scores of test patches, method by method."""

from pathlib import Path

import numpy as np
import pytest

from bigearthnet.evaluation.measure import measure_run, predict_methods, score_methods
from bigearthnet.evaluation.options import EvaluationOptions
from bigearthnet.evaluation.plan import prepare_evaluation
from bigearthnet.evaluation.scores import score
from bigearthnet.evaluation.tables import read_metrics
from bigearthnet.prediction.prepared_patches import predict_prepared
from bigearthnet.prediction.thresholds import read_thresholds
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import open_data
from common.metrics.thresholds import choose_thresholds
from common.runs.folder import METRICS, THRESHOLDS
from tests.support.made_patches import CLASSES, split_names, write_made
from tests.support.made_runs import write_classifier

pytestmark = pytest.mark.usefixtures("tiny", "line_after_each_piece")


def test_thresholds_come_from_validation_patches_and_scores_from_test_patches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = write_made(tmp_path / "made.h5", split_names(1, 5, 4))
    config = BigEarthNetConfig(data=str(data), model="small", bands="rgb", batch_size=2)
    model, patches = write_classifier(tmp_path / "run", "rgb").build(), open_data(config)
    rows = measure_run(model, config, patches, tmp_path)
    assert "predicting validation patches: 5 of 5 patches, " in caplog.text
    assert "predicting test patches: 4 of 4 patches, " in caplog.text
    validated, tested = (predict_prepared(model, part, 2, "predicting") for part in (patches.val, patches.test))
    thresholds = choose_thresholds(validated.labels, validated.probabilities, CLASSES)
    assert read_thresholds(tmp_path / THRESHOLDS) == thresholds
    expected = score(tested, [threshold.threshold for threshold in thresholds], CLASSES)
    assert [row[2:] for row in rows] == [tuple(metric) for metric in expected]
    assert {(row.split, row.method) for row in rows} == {("test", "small-rgb")}
    assert read_metrics(tmp_path / METRICS) == rows


def test_without_test_patches_there_are_only_thresholds(tmp_path: Path) -> None:
    data = write_made(tmp_path / "made.h5", split_names(1, 2, 0))
    config = BigEarthNetConfig(data=str(data), model="small", bands="rgb")
    model = write_classifier(tmp_path / "run", "rgb").build()
    assert measure_run(model, config, open_data(config), tmp_path) == []
    assert (tmp_path / THRESHOLDS).exists()
    assert not (tmp_path / METRICS).exists()


def test_each_method_has_its_own_predictions_and_thresholds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = write_made(tmp_path / "made.h5", split_names(1, 1, 4))
    folders = (tmp_path / "10m", tmp_path / "rgb")
    for seed, folder in enumerate(folders):
        write_classifier(folder, folder.name, seed=seed)
    plan = prepare_evaluation(EvaluationOptions(data, folders, tmp_path / "out"))
    models = {method: trained.build() for method, trained in plan.classifiers.items()}
    predictions = predict_methods(plan, models, batch_size=3)
    assert list(predictions) == ["small-10m", "small-rgb"]
    assert all(f"predicting test patches with {method}: 3 of 4 patches, " in caplog.text for method in predictions)
    assert np.abs(predictions["small-10m"].probabilities - predictions["small-rgb"].probabilities).max() > 0.01
    rows = score_methods(plan, predictions)
    for method, trained in plan.classifiers.items():
        expected = score(predictions[method], trained.thresholds, CLASSES)
        assert [row[2:] for row in rows if row.method == method] == [tuple(metric) for metric in expected]
    assert {row.split for row in rows} == {"test"}
