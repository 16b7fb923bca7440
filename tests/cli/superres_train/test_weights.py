"""`superres-train` with weights to start from (`--init-weights`) and with a teacher (`--teacher`)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.patches.file import PatchFile
from common.runs import folder as run
from common.training.history import read_history
from superres.networks.build import build_network
from superres.networks.weights import load_weights
from superres.training.patch_source import FusionPatches
from tests.support.training_bench import TrainingBench


def missing_weights(path: Path) -> None:
    """Make no file."""


def no_weights(path: Path) -> None:
    path.write_bytes(b"no weights" * 100)


def weights_of_another_gsd(path: Path) -> None:
    build_network("dsen2", 60).save_weights(path)


def weights_cut_short(path: Path) -> None:
    build_network("dsen2", 20).save_weights(path)
    path.write_bytes(path.read_bytes()[:5000])


OTHER_WEIGHTS = (
    r"\S+ does not hold weights of dsen2_20m \(.*\); give weights of the same network, trained with the same options and "
    r"version of JEOPARDA\."
)


@pytest.mark.parametrize(
    "make, message",
    [
        (
            missing_weights,
            r"there are no weights \S+; give a run folder, a file of weights, or the name of published weights \(.*\)\.",
        ),
        (no_weights, OTHER_WEIGHTS),
        (weights_of_another_gsd, OTHER_WEIGHTS),
        (weights_cut_short, r"\S+ is cut short; restore it, or train again\."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_init_weights(bench: TrainingBench, make: Callable[[Path], None], message: str) -> None:
    path = bench.folder / "start.weights.h5"
    make(path)
    bench.fails(f"WeightsError: {message}", "--overwrite", init_weights=path)


@pytest.mark.parametrize("option", ["init_weights", "teacher"])
@pytest.mark.parametrize("file", ["", run.WEIGHTS])
def test_run_does_not_replace_the_weights_that_it_needs(bench: TrainingBench, option: str, file: str) -> None:
    bench.fails(
        rf"SettingError: --{option.replace('_', '-')} \S+ is in the run folder that this run would replace; copy the .*",
        "--overwrite",
        **{option: bench.folder / "run" / file},
    )


def test_student_learns_what_its_teacher_predicts(bench: TrainingBench) -> None:
    """Targets are the teacher's predictions, also for recoloured patches. A second run uses the same teacher files and
    trains in the same way, from staged copies of the files that it reads: without validation, those of the teacher. Native
    targets for validation are in `tests/superres/training/test_data.py`."""
    teacher = bench.folder / "run"
    settings = {
        "teacher": teacher,
        "teacher_variants": 2,
        "learning_rate": 1e-3,
        "loss": "l2",
        "validation_fraction": 0,
    }
    assert bench.train(**settings, run_dir=bench.folder / "student")[0] == 0
    (native_path, *_) = sorted(path for path in (bench.folder / "patches").iterdir() if "-by-" not in path.name)
    (teacher_path, *_) = sorted((bench.folder / "patches").glob("*-by-*-x2.h5"))
    made = teacher_path.stat().st_mtime_ns
    native, taught = PatchFile(native_path), PatchFile(teacher_path)
    source = FusionPatches([taught], [np.arange(len(taught))], 20)
    inputs, _ = source.convert(source.read(np.arange(len(taught))))
    model = build_network("dsen2", 20)
    load_weights(model, teacher)
    np.testing.assert_allclose(taught.arrays["target"], 2000 * np.asarray(model(inputs)).clip(0), atol=0.51)
    assert len(taught) == 2 * len(native)
    assert (taught.arrays["target"][: len(native)] != native.arrays["target"]).any()
    np.testing.assert_array_equal(taught.arrays["input_10m"][: len(native)], native.arrays["input_10m"])
    assert bench.train(**settings, run_dir=bench.folder / "again", stage=bench.folder / "stage")[0] == 0
    assert len(list((bench.folder / "stage").iterdir())) == 2
    assert teacher_path.stat().st_mtime_ns == made
    first, second = (read_history(bench.folder / name / run.HISTORY, 9) for name in ("student", "again"))
    assert [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]


def test_teacher_for_another_gsd(bench: TrainingBench) -> None:
    path = bench.folder / "coarse.weights.h5"
    build_network("dsen2", 60).save_weights(path)
    bench.fails(
        rf"SettingError: --teacher {path} is for 60 m, and --gsd is 20; give one for 20 m\.",
        "--overwrite",
        teacher=path,
    )
