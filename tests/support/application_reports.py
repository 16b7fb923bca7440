"""Reports as the commands write them, from made numbers: pages to open in a browser, without networks."""

from pathlib import Path

import numpy as np

from common.metrics.descriptions import COST_METRICS
from common.patches.settings import PatchSettings
from common.report.page import write_report
from common.report.records import Picture, Report
from common.scenes.tile_list import open_scene
from tests.support.metric_rows import ROWS
from tests.support.pictures import png_bytes


def superres_report(product: Path, folder: Path) -> Report:
    """Return a report of superres-evaluate of one scene; its figures in the folder are noise."""
    from superres.evaluation.output import SCENE_FIGURES
    from superres.evaluation.plan import EvaluationPlan
    from superres.evaluation.tables import FULL_SCALE_METRICS, REDUCED_SCALE_METRICS, MetricRow
    from superres.figures.crops import Crop
    from superres.reports.evaluation import evaluation_report

    scene = open_scene(product)
    names = ("metrics", "bands", "full_scale", *(f"{scene.name}-{figure}" for figure in SCENE_FIGURES))
    for seed, name in enumerate(names):
        (folder / f"{name}.png").write_bytes(png_bytes(200, 1800, seed))
    methods = ("bicubic", "a network with a name that goes on and on (runs/first)", "dsen2")
    rows = [
        MetricRow(scene.name, method, band, metric, 1 / (1 + index))
        for index, method in enumerate(methods)
        for metric in (*REDUCED_SCALE_METRICS, *FULL_SCALE_METRICS, *COST_METRICS)
        for band in ("all", "B05", "B06")
    ]
    crops = [Crop(scene.name, method, png_bytes(60, 60, seed)) for seed, method in enumerate(methods)]
    plan = EvaluationPlan((scene,), {}, PatchSettings(20, 1), "float32", (), True, folder)
    return evaluation_report(plan, rows, crops)


def classification_report(folder: Path) -> Report:
    """Return a report of bigearthnet-evaluate of two networks; its figures in the folder are noise."""
    from bigearthnet.evaluation.plan import EvaluationPlan
    from bigearthnet.prediction.trained import TrainedClassifier
    from bigearthnet.reports.evaluation import FIGURES, evaluation_report

    for name in (*FIGURES, "mistakes-one.png"):
        (folder / name).write_bytes(png_bytes(900, 700))
    trained = TrainedClassifier(folder, "small", "s2", "bilinear", "float32", False, 0.0, (), {}, np.full(3, 0.5))
    plan = EvaluationPlan(folder / "made.h5", "test", np.arange(7), {"one": trained, "two": trained})
    return evaluation_report(plan, ROWS, folder)


def made_study_report() -> Report:
    """Return a report of a study of two losses and three seeds."""
    from common.studies.options import StudyOptions
    from common.studies.report import Measured, study_report
    from common.studies.scores import Score
    from common.studies.study import Study
    from common.studies.verdict import judge_scores

    study = Study("losses", "Which loss?", {"l1": {}, "l2": {}}, "l1", ("rmse",), shown=("sam",), remarks="One scene.")
    scores = [
        Score(label, seed, "scene", "rmse", value + seed)
        for label, value in (("l1", 40.0), ("l2", 70.0))
        for seed in (0, 1, 2)
    ]
    figure = Picture(png_bytes(300, 900), "Intervals.", "Intervals of the differences")
    measured = Measured("tested with mtf", scores, judge_scores(scores, "l1", ["rmse"]), [figure])
    return study_report(
        StudyOptions(study, True, (0, 1, 2), Path("out")), [measured], "Super-resolution", {"`--epochs`": 2}
    )


def write_all(folder: Path, product: Path) -> dict[str, Path]:
    """Write a page for each command that makes a report; return name of the command -> page."""
    from benchmarks import scaling

    reports = {
        "superres-evaluate": superres_report(product, folder),
        "bigearthnet-evaluate": classification_report(folder),
        "study": made_study_report(),
    }
    pages = {name: folder / f"{name}.html" for name in reports}
    for name, report in reports.items():
        write_report(pages[name], report)
    scaling.main(["--output", str(folder / "scaling"), "--only", "curve", "--compute-s", "0.03"])
    return pages | {"scaling": folder / "scaling" / "report.html"}
