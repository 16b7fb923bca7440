"""`superres-train --resume`: a resumed run continues exactly, and other runs and damaged files are refused."""

import pytest

from common.runs import folder as run
from superres import train
from superres.networks.catalogue import NETWORKS
from tests.support.commands import lines_without_log
from tests.support.tiny_training import tiny_network
from tests.support.training_bench import (
    TrainingBench,
    assert_same_runs,
    largest_file,
    snapshot,
    training_options,
)


def test_resumed_run_continues_exactly(bench: TrainingBench) -> None:
    """Two epochs and a resumed run of two more equal four epochs."""
    assert bench.train("--resume", epochs=4)[0] == 0
    assert bench.train(run_dir=bench.folder / "straight", epochs=4)[0] == 0
    assert_same_runs(bench.folder / "run", bench.folder / "straight")
    assert run.read_config(bench.folder / "run")["settings"]["epochs"] == 4


def test_resumed_float16_run_continues_exactly(bench: TrainingBench) -> None:
    """The loss scale and the inner optimizer continue, too."""
    settings = {"precision": "float16", "learning_rate": 1e-3, "patches_per_tile": 8}
    assert bench.train(run_dir=bench.folder / "resumed", epochs=1, **settings)[0] == 0
    assert bench.train("--resume", run_dir=bench.folder / "resumed", epochs=2, **settings)[0] == 0
    assert bench.train(run_dir=bench.folder / "straight", epochs=2, **settings)[0] == 0
    assert_same_runs(bench.folder / "resumed", bench.folder / "straight")


def test_resume_without_run_dir(bench: TrainingBench) -> None:
    options = training_options(bench.tiles, bench.folder, "--resume")
    start = options.index("--run-dir")
    before = snapshot(bench.folder)
    assert train.main(options[:start] + options[start + 2 :]) == 1
    assert lines_without_log(bench.capture.readouterr().err) == [
        "RunFolderError: --resume needs the folder of a run; give it with --run-dir."
    ]
    assert snapshot(bench.folder) == before


def test_resume_a_folder_without_a_run(bench: TrainingBench) -> None:
    bench.fails(
        r"RunFolderError: \S+ has no config\.json; give the folder that a training run wrote\.",
        "--resume",
        run_dir=bench.folder / "patches",
    )


def test_resume_without_checkpoint(bench: TrainingBench) -> None:
    (bench.folder / "run" / run.CHECKPOINT).unlink()
    bench.fails(
        r"RunFolderError: \S+run has no checkpoint\.h5: no epoch was finished; start again with --overwrite .*",
        "--resume",
    )


def test_resume_another_network(bench: TrainingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network(features=4))
    bench.fails(
        r"WeightsError: \S+checkpoint\.h5 holds weights of shape .*; it belongs to another network\.",
        "--resume",
        epochs=3,
        may_change=(f"run/{run.LOG}",),
    )


@pytest.mark.parametrize(
    "name, value, was", [("batch_size", 2, 4), ("seed", 1, 0), ("precision", "float16", "float32")]
)
def test_resume_with_other_settings(bench: TrainingBench, name: str, value: object, was: object) -> None:
    bench.fails(
        rf"WeightsError: \S+checkpoint\.h5 was made with .*{name} {was}, this run has {value}; resume with .*",
        "--resume",
        **{"epochs": 3, name: value},
        may_change=(f"run/{run.LOG}",),
    )


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_resume_from_a_checkpoint_cut_short(bench: TrainingBench, size: int) -> None:
    checkpoint = bench.folder / "run" / run.CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    bench.fails(
        r"WeightsError: \S+checkpoint\.h5 is cut short, or is no checkpoint; restore it, or start a new run\.",
        "--resume",
        epochs=3,
        may_change=(f"run/{run.LOG}",),
    )


def test_resume_with_best_weights_cut_short(bench: TrainingBench) -> None:
    """The command loads them after the last epoch."""
    weights = bench.folder / "run" / run.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    message = r"RunFolderError: \S+best\.weights\.h5 is missing or damaged; restore it, or start a new run\."
    bench.fails(message, "--resume", epochs=3, may_change=(f"run/{run.LOG}",))


def test_full_disk_leaves_a_run_that_can_be_resumed(bench: TrainingBench) -> None:
    history = (bench.folder / "run" / run.HISTORY).read_text()
    with largest_file(20_000):
        code, _ = bench.train("--resume", epochs=3)
    assert code == 1
    assert (bench.folder / "run" / run.HISTORY).read_text().startswith(history)
    assert bench.train("--resume", epochs=3)[0] == 0
