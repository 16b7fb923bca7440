"""The better direction of each metric is the one in which a better estimate moves it."""

import numpy as np
import pytest

from common.metrics.descriptions import CLASS_METRICS, DESCRIPTIONS, IMAGE_METRICS, Description
from common.metrics.fusion import fusion_metrics
from common.metrics.multilabel import classification_metrics

BANDS = ("B05", "B06")


def test_a_heading_has_unit_and_arrow() -> None:
    assert Description("RMSE", "DN", True).heading == "RMSE (DN) ↓"
    assert Description("UIQ", "", False).heading == "UIQ ↑"
    assert Description("Share", "%", None).heading == "Share (%)"
    assert Description("Sharpness", "", False, of_truth=0.9).heading == "Sharpness (truth about 0.9) ↑"


def test_a_direction_in_words() -> None:
    directions = ("lower is better", "higher is better", "truth about 0.9", "")
    metrics = (DESCRIPTIONS[name] for name in ("rmse", "uiq", "sharpness", "square_share"))
    assert tuple(metric.direction for metric in metrics) == directions


@pytest.mark.parametrize("seed", range(2))
def test_less_noise_moves_each_metric_of_images_in_the_better_direction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(500, 3000, (64, 64, 2)).astype(np.float32)
    shifted = np.roll(truth, 3, axis=1)  # the noisy estimate is shifted, too
    good, bad = (image + rng.normal(0, size, truth.shape) for image, size in ((truth, 10), (shifted, 300)))
    values = [
        {row.metric: row.value for row in fusion_metrics(truth, image, BANDS, 2) if row.band == "all"}
        for image in (good, bad)
    ]
    assert values[0].keys() <= IMAGE_METRICS.keys()
    for metric, better in values[0].items():
        assert (better < values[1][metric]) == DESCRIPTIONS[metric].lower_is_better, metric


def test_more_right_classes_move_each_metric_of_classes_in_the_better_direction() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((200, 4)) < 0.4).astype(np.uint8)
    good, bad = (np.clip(labels + rng.normal(0, size, labels.shape), 0, 1) for size in (0.2, 0.9))
    thresholds, names = np.full(4, 0.5), list("abcd")
    rows = [classification_metrics(labels, probabilities, thresholds, names) for probabilities in (good, bad)]
    assert {row.metric for row in rows[0]} - {"support"} == CLASS_METRICS.keys()
    for better, worse in zip(*rows, strict=True):
        if better.metric != "support":
            assert (better.value < worse.value) == DESCRIPTIONS[better.metric].lower_is_better, better.metric
