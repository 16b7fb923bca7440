"""Scores of the runs of a comparison on the test patches, and the verdicts that follow. Every rank predicts a share."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

import common.distributed as hvd
from bigearthnet.archive.labels import convert_label
from bigearthnet.evaluation.cost import Cost, measure_cost
from bigearthnet.evaluation.options import BATCH_SIZE
from bigearthnet.evaluation.resampling import Decisions, all_patches, resampled_averages
from bigearthnet.evaluation.support import Support, class_support
from bigearthnet.prediction.prepared_patches import predict_prepared
from bigearthnet.prediction.trained import read_trained
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.studies.options import ComparisonOptions
from common.studies.intervals import interval_with_resamples
from common.studies.scores import Score
from common.studies.variants import Variant
from common.studies.verdict import Verdict, judge

logger = logging.getLogger(__name__)

TEST_PATCHES = "test patches"  # unit of scores of all test patches together
Run = tuple[str, int]  # label and seed


class MeasuredRuns(NamedTuple):
    """What was measured of the runs of a comparison.

    Attributes:
        decisions: run -> labels and predictions of the test patches.
        costs: label -> cost.
        support: of the classes.
        converted: labels of runs of the 43 classes that were scored on the 19.
    """

    decisions: Mapping[Run, Decisions]
    costs: Mapping[str, Cost]
    support: Support
    converted: tuple[str, ...] = ()


def measure_variants(options: ComparisonOptions, variants: Sequence[Variant]) -> MeasuredRuns:
    """Predict the test patches with all runs, and measure the cost of each network. Every rank must call it.

    Raises:
        RunFolderError: a run is damaged, or was trained on other classes, another order of them, or other bands.
        PatchFileError: a prepared file is damaged.
    """
    decisions, costs, converted = {}, {}, {}
    files = [BigEarthNetFile(path) for path in dict.fromkeys(options.config(variant).data for variant in variants)]
    scored = min(files, key=lambda file: len(file.class_names))  # of the 19 classes, if another has the 43
    for variant in variants:
        trained = read_trained(variant.folder(options.folder))
        file = BigEarthNetFile(options.config(variant).data)
        patches = trained.patches(file, np.flatnonzero(file.splits == "test"))
        model = trained.build()
        task = f"predicting test patches with {variant.folder_name}"
        predicted = predict_prepared(model, patches, BATCH_SIZE, task, options.show_progress)
        own = Decisions(
            predicted.labels.astype(bool), predicted.probabilities >= trained.thresholds, predicted.probabilities
        )
        if trained.class_names != scored.class_names:
            own, converted[variant.label] = to_19_classes(own, trained.class_names, scored.class_names), True
        decisions[variant.label, variant.seed] = own
        if hvd.rank() == 0 and variant.label not in costs:
            costs[variant.label] = measure_cost(model)
        keras.backend.clear_session()
        logger.info("%s: %d test patches predicted", variant.folder_name, len(patches))
    labels = {split: scored.labels[scored.splits == split] for split in ("train", "test")}
    support = class_support(scored.class_names, labels["train"], labels["test"])
    return MeasuredRuns(decisions, costs, support, tuple(converted))


def to_19_classes(decisions: Decisions, class_names: Sequence[str], wanted: Sequence[str]) -> Decisions:
    """Return decisions on the 43 classes as those on the 19: each is as probable as the most probable of its classes.

    Args:
        decisions: on the 43 classes.
        class_names: their names.
        wanted: names of the 19 classes.
    """
    columns = [[i for i, name in enumerate(class_names) if convert_label(name, 19) == one] for one in wanted]
    return Decisions(*(np.stack([part[:, own].max(axis=1) for own in columns], axis=1) for part in decisions))


def run_scores(measured: MeasuredRuns) -> list[Score]:
    """Return the averages of each run, and F1 and AP by class; scores that no class or patch gives are left out."""
    scores = []
    for (label, seed), decisions in measured.decisions.items():
        own = all_patches(decisions, measured.support)
        scores += [Score(label, seed, TEST_PATCHES, metric, float(value[0])) for metric, value in own.averages.items()]
        for metric, by_class in (("f1", own.f1[0]), ("ap", own.ap[0])):
            scores += [
                Score(label, seed, name, metric, float(value))
                for name, value in zip(measured.support.class_names, by_class, strict=True)
            ]
    return [score for score in scores if np.isfinite(score.value)]


def judge_runs(
    measured: MeasuredRuns, scores: Sequence[Score], reference: str, metrics: Sequence[str]
) -> list[Verdict]:
    """Compare each label with the reference: paired by seed, and by resamples of the test patches.

    Args:
        measured: of runs with two seeds or more.
        scores: of `run_scores`. A metric that they lack, such as one of a group without classes, is left out.
        reference: a label.
        metrics: the metrics, the main one first.

    Raises:
        ValueError: there is only one seed.
    """
    values = {(score.label, score.seed, score.metric): score.value for score in scores if score.unit == TEST_PATCHES}
    resampled = {run: resampled_averages(decisions, measured.support) for run, decisions in measured.decisions.items()}
    seeds = list(dict.fromkeys(seed for _, seed in measured.decisions))
    others = [label for label in dict.fromkeys(label for label, _ in measured.decisions) if label != reference]
    patches = len(next(iter(measured.decisions.values())).labels)
    verdicts = []
    for metric in metrics:
        if (reference, seeds[0], metric) not in values:
            continue
        for label in others:
            differences = np.array([values[label, seed, metric] - values[reference, seed, metric] for seed in seeds])
            drawn = np.stack([resampled[label, seed][metric] - resampled[reference, seed][metric] for seed in seeds])
            # A resample may hold no patch of the classes of a metric.
            drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
            interval = interval_with_resamples(differences, drawn, patches, len(others))
            verdicts.append(judge(label, reference, metric, interval))
    return verdicts
