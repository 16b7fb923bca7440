"""`superres-train --resume`: a resumed run continues exactly, and other runs and damaged files are refused."""

import dataclasses
import re
import shutil
from contextlib import ExitStack

import pytest

from common.runs import folder as run
from common.runs.locks.holder import this_process
from common.runs.locks.lock import release, take
from common.training.progress import Progress
from superres import train
from superres.networks.catalogue import NETWORKS
from tests.support.commands import lines_without_log
from tests.support.stopped_training import signal_in_step
from tests.support.tiny_training import tiny_network
from tests.support.training_bench import (
    TrainingBench,
    assert_same_runs,
    largest_file,
    snapshot,
    training_options,
)


def test_resumed_run_continues_exactly(bench: TrainingBench) -> None:
    """Two epochs, one step with --stage, and a resumed run of the rest without it equal four epochs."""
    with signal_in_step(1):
        code, stderr = bench.train("--resume", epochs=4, stage=bench.folder / "stage")
    assert code == 75
    assert re.search(r"--stage \S+stage: 2 files of .* MB; nodes: 1; copied now: 2 files of .* MB in .* s\n", stderr)
    assert len(list((bench.folder / "stage").iterdir())) == 2
    config = run.read_config(bench.folder / "run")
    (line,) = lines_without_log(stderr)
    assert line == "Interrupted: stopped by SIGUSR1 after step 1 of epoch 3, which is saved; the same command goes on."
    code, stderr = bench.train("--resume", epochs=4)
    assert code == 0
    assert "resumed after epoch 2 and 4 patches of epoch 3" in stderr
    assert bench.train(run_dir=bench.folder / "straight", epochs=4)[0] == 0
    assert_same_runs(bench.folder / "run", bench.folder / "straight")
    other = run.read_config(bench.folder / "run")
    assert all(config[name] == other[name] for name in ("settings", "patch_files"))
    assert other["settings"]["epochs"] == 4


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


def test_one_line_starts_a_run_and_continues_it(bench: TrainingBench) -> None:
    """After a stop in the first epoch, and when all is finished."""
    folder, straight = bench.folder / "run", bench.folder / "straight"
    shutil.copytree(folder, straight)
    for name in (run.CHECKPOINT, run.PREVIOUS_CHECKPOINT, run.CARD, run.CURVES):
        (folder / name).unlink(missing_ok=True)
    lines = (folder / run.HISTORY).read_text().splitlines(keepends=True)
    (folder / run.HISTORY).write_text("".join(lines[:2]))  # it was killed before its first checkpoint
    code, stderr = bench.train("--resume")
    assert code == 0
    assert f"{folder} holds a run that was stopped before its first checkpoint; starts again" in stderr
    assert_same_runs(folder, straight)
    checkpoint = (folder / run.CHECKPOINT).read_bytes()
    code, stderr = bench.train("--resume")
    assert code == 0
    assert f"{folder} holds a finished run of 2 epochs; continues" in stderr
    assert (folder / run.CHECKPOINT).read_bytes() == checkpoint
    assert not (folder / run.LOCK).exists()


def test_a_run_folder_that_another_job_holds(bench: TrainingBench) -> None:
    lock = run.run_lock(bench.folder / "run")
    take(lock)
    for flag in ("--resume", "--overwrite"):
        bench.fails(
            r"InUseError: \S+run is in use by process \d+ on .*; wait until it ends, or give .* --run-dir\.", flag
        )
    release(lock)


def test_a_job_whose_folder_was_taken_over_stops_before_it_writes(
    bench: TrainingBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was suspended in an epoch for more than a minute, and another job has begun."""
    folder = bench.folder / "run"

    def take_over(callback: Progress, epoch: int, logs: dict | None = None) -> None:
        (folder / run.LOCK).write_bytes(dataclasses.replace(this_process(), host="node7").to_bytes())

    before = {name: (folder / name).read_bytes() for name in (run.CHECKPOINT, run.HISTORY, run.WEIGHTS)}
    monkeypatch.setattr(Progress, "on_train_begin", take_over)
    code, stderr = bench.train("--resume", epochs=3)
    assert code == 1
    (line,) = lines_without_log(stderr)
    assert re.fullmatch(r"InUseError: \S+run was taken over by process \d+ on node7 .*; this job ends and .*", line)
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_resume_and_overwrite_contradict_each_other(bench: TrainingBench) -> None:
    bench.fails(r"SettingError: --resume continues a run, and --overwrite replaces it; .*", "--resume", "--overwrite")


def test_resume_a_folder_without_a_run(bench: TrainingBench) -> None:
    bench.fails(
        r"RunFolderError: \S+patches holds \S+\.h5, which no run writes; give another --run-dir\.",
        "--resume",
        run_dir=bench.folder / "patches",
    )


def test_resume_a_run_of_the_other_application(bench: TrainingBench) -> None:
    """Its settings would be told as other ones, one after the other."""
    config = bench.folder / "run" / run.CONFIG
    config.write_text(config.read_text().replace('"superres"', '"bigearthnet"'))
    message = r"RunFolderError: \S+run holds a run of bigearthnet-train, and this is superres-train; resume it with its own .*"
    bench.fails(message, "--resume")


def test_resume_without_checkpoint(bench: TrainingBench) -> None:
    for name in (run.CHECKPOINT, run.PREVIOUS_CHECKPOINT):
        (bench.folder / "run" / name).unlink(missing_ok=True)
    bench.fails(
        r"RunFolderError: \S+run holds history\.csv with 2 epochs, but no checkpoint\.h5 of this run; restore what .*",
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
    "name, value, was",
    [
        ("batch_size", 2, "with --batch-size 4"),
        ("precision", "float16", "with --precision float32"),
        ("clip_norm", 0.5, "without --clip-norm"),
    ],
)
def test_resume_with_other_settings(bench: TrainingBench, name: str, value: object, was: str) -> None:
    bench.fails(
        rf"WeightsError: \S+checkpoint\.h5 was made {was}, this run has {value}; resume with .*",
        "--resume",
        **{"epochs": 3, name: value},
        may_change=(f"run/{run.LOG}",),
    )


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_resume_from_checkpoints_cut_short(bench: TrainingBench, size: int) -> None:
    for name in (run.CHECKPOINT, run.PREVIOUS_CHECKPOINT):
        checkpoint = bench.folder / "run" / name
        checkpoint.write_bytes(checkpoint.read_bytes()[:size])
    message = r"\S+{}\.h5 is cut short, or is no checkpoint; restore it, or start a new run\."
    bench.fails(
        f"DamagedFileError: {message.format('checkpoint')} {message.format('previous')}",
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


def test_full_disk_leaves_a_run_that_can_be_resumed(bench: TrainingBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full from the start, and at a checkpoint inside an epoch."""
    history, checkpoint = (bench.folder / "run" / run.HISTORY).read_text(), bench.folder / "run" / run.CHECKPOINT
    before = checkpoint.read_bytes()
    with largest_file(20_000):
        code, _ = bench.train("--resume", epochs=3)
    assert code == 1
    with ExitStack() as disk, monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_begin", lambda *_, logs: disk.enter_context(largest_file(20_000)))
        code, stderr = bench.train("--resume", epochs=3, checkpoint_minutes=1e-9)
    (line,) = lines_without_log(stderr)
    assert re.fullmatch(r"OutputError: cannot write \S+checkpoint\.h5: .*; check space and permissions there\.", line)
    assert (code, checkpoint.read_bytes()) == (1, before)
    assert (bench.folder / "run" / run.HISTORY).read_text().startswith(history)
    assert bench.train("--resume", epochs=3)[0] == 0
