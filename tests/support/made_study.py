"""A made study of super-resolution: run folders without training, and evaluations whose numbers are known."""

from pathlib import Path

from common.runs import folder as run
from common.runs.tables import write_rows
from common.studies.options import StudyOptions
from superres.evaluation.error_statistics import ReflectanceRow
from superres.evaluation.output import METRICS, REFLECTANCE
from superres.evaluation.tables import MetricRow, write_metrics
from superres.figures.brightness import bins
from superres.networks.build import build_network
from superres.studies.catalogue import SuperresStudy
from superres.studies.options import ComparisonOptions
from superres.studies.scores import evaluation_folder, method_labels

SCENES = ("scene 1", "scene 2", "scene 3")
STUDY = SuperresStudy(
    "powers",
    "Does brightness matter?",
    {"l1": {}, "power": {"brightness_power": 1.0}},
    reference="l1",
    metrics=("rmse", "hqnr", "rmse_brightest"),
    shown=("sharpness", "square_share"),
    settings={"model": "tiny"},
    tests=("gaussian", "mtf"),
    opponents=("bicubic",),
    by_brightness=True,
)
LEVELS = {"l1": 40.0, "power": 30.0, "bicubic": 90.0, "bilinear": 120.0}  # RMSE with gaussian; 50 more with mtf


def write_study(folder: Path, quick: bool = False) -> ComparisonOptions:
    """Write the run folders and evaluations of STUDY below a folder, and return its options."""
    options = ComparisonOptions(
        StudyOptions(STUDY, quick, (0, 1), folder),
        STUDY.varied,
        (),
        (),
        {"tiles": "tiles.txt", "test_tiles": "test.txt", **STUDY.settings},
        False,
    )
    model = build_network("tiny", 20)
    for variant in options.variants:
        run_folder = variant.folder(folder)
        run_folder.mkdir(parents=True)
        run.write_config(run_folder, options.variant_config(variant))
        model.save_weights(run_folder / run.WEIGHTS)
    for index, test in enumerate(STUDY.tests):
        write_evaluation(options, test, 50.0 * index)
    return options


def write_evaluation(options: ComparisonOptions, test: str, more: float) -> None:
    """Write the tables of an evaluation: errors of each label, plus a tenth of its seed, plus `more`; twice as large if bright."""
    folder = evaluation_folder(options, test)
    folder.mkdir()
    rows, by_brightness = [], []
    for method, (label, seed) in method_labels(options).items():
        for number, scene in enumerate(SCENES):
            rmse = LEVELS[label] + 0.1 * (seed or 0) + more + number
            rows += [MetricRow(scene, method, band, "rmse", rmse) for band in ("all", "B05")]
            rows.append(MetricRow(scene, method, "all", "sharpness", 0.8))
            by_brightness += [
                ReflectanceRow(scene, method, "B05", low, high, 9e3 * high, rmse * (1 + (low >= 0.99)), 0.0, rmse)
                for low, high in bins()
            ]
    write_metrics(folder / METRICS, rows)
    write_rows(folder / REFLECTANCE, by_brightness, ReflectanceRow._fields)
