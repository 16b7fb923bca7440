"""Settings of a run, its folder, and what it records."""

import dataclasses
import json
import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import OutputError, RunFolderError, SettingError
from common.runs import cli, provenance
from common.runs import folder as run
from common.runs.config import RunConfig, setting
from common.runs.folder import RunLocation, create_run_folder, open_run_folder, read_config, write_config
from common.runs.log import log_to_file, remember_log
from common.runs.provenance import code_revision

configs = st.builds(
    RunConfig,
    epochs=st.integers(1, 500),
    batch_size=st.integers(1, 99),
    learning_rate=st.floats(1e-9, 10),
    schedule=st.sampled_from(["plateau", "cosine"]),
    patience=st.integers(1, 9),
    warmup_epochs=st.floats(0, 9),
    precision=st.sampled_from(["float32", "bfloat16", "float16"]),
    seed=st.integers(0, 2**31),
)


@dataclass(frozen=True, kw_only=True)
class OtherConfig(RunConfig):
    """What an application adds."""

    size: int = setting("of it", 3, choices=(3, 4))


@given(configs)
def test_settings_survive_json(config):
    assert RunConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_from_dict_makes_the_class_it_is_called_on():
    assert OtherConfig.from_dict({"size": 4, "seed": 2}) == OtherConfig(size=4, seed=2)


def test_unknown_settings():
    with pytest.raises(SettingError, match="unknown settings colour, sizes for OtherConfig; take them out"):
        OtherConfig.from_dict({"sizes": 3, "colour": 1})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"epochs": 0}, "--epochs must be above 0; got 0"),
        ({"batch_size": -1}, "--batch-size must be above 0; got -1"),
        ({"patience": 0}, "--patience must be above 0; got 0"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0; got 0.0"),
        ({"learning_rate": math.nan}, "--learning-rate must be above 0; got nan"),
        ({"learning_rate": math.inf}, "--learning-rate must be above 0; got inf"),
        ({"warmup_epochs": -1.0}, "--warmup-epochs must be at least 0; got -1.0"),
        ({"warmup_epochs": math.nan}, "--warmup-epochs must be at least 0; got nan"),
        ({"seed": -1}, "--seed must be 0 to 4294967295; got -1"),
        ({"schedule": "steps"}, r"schedule must be one of \('plateau', 'cosine'\); got 'steps'"),
        ({"precision": "int8"}, r"precision must be one of .*; got 'int8'"),
        ({"size": 5}, r"size must be one of \(3, 4\); got 5"),
    ],
)
def test_values_out_of_range(settings, message):
    with pytest.raises(SettingError, match=message):
        OtherConfig.from_dict(settings)


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().epochs = 5


def test_a_new_folder(tmp_path):
    assert create_run_folder(tmp_path / "runs" / "first", "name", overwrite=False) == tmp_path / "runs" / "first"
    assert list((tmp_path / "runs" / "first").iterdir()) == []
    create_run_folder(tmp_path / "runs" / "first", "name", overwrite=False)  # empty: as good as new


def test_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (create_run_folder(None, "superres-dsen2-20m", overwrite=False) for _ in range(2))
    assert first != second
    assert re.fullmatch(r"runs/superres-dsen2-20m-\d{8}-\d{6}-\d{6}", str(first))
    assert first.is_dir()


def finished_run(folder: Path) -> Path:
    folder.mkdir()
    for name in run.FILES:
        (folder / name).write_text(name)
    (folder / run.TENSORBOARD / "train").mkdir(parents=True)
    (folder / run.TENSORBOARD / "train" / "events.1").touch()
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_finished_run_stays_unless_overwritten(tmp_path):
    folder = finished_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match="is not empty; continue with --resume, or replace it with --overwrite"):
        create_run_folder(folder, "name", overwrite=False)
    assert names(folder) == {*run.FILES, run.TENSORBOARD}
    create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == set()


def test_overwrite_does_not_touch_what_no_run_wrote(tmp_path):
    folder = finished_run(tmp_path / "run")
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"holds thesis\.tex, which no run writes; --overwrite will not touch"):
        create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == {*run.FILES, run.TENSORBOARD, "thesis.tex"}


def test_overwrite_does_not_touch_what_tensorboard_did_not_write(tmp_path):
    folder = finished_run(tmp_path / "run")
    (folder / run.TENSORBOARD / "thesis.tex").write_text("years of work")
    with pytest.raises(RunFolderError, match="holds tensorboard, which no run writes"):
        create_run_folder(folder, "name", overwrite=True)
    assert (folder / run.TENSORBOARD / "thesis.tex").exists()


def test_overwrite_takes_away_what_a_killed_run_left(tmp_path):
    folder = finished_run(tmp_path / "run")
    (folder / ".node7.4711.partial.checkpoint.h5").touch()
    create_run_folder(folder, "name", overwrite=True)
    assert names(folder) == set()


def test_run_folder_that_is_a_file(tmp_path):
    (tmp_path / "run").touch()
    for overwrite in (False, True):
        with pytest.raises(RunFolderError, match="is a file; give --run-dir a folder"):
            create_run_folder(tmp_path / "run", "name", overwrite)
    with pytest.raises(OutputError, match=r"cannot write to run folder .*; give another --run-dir"):
        create_run_folder(tmp_path / "run" / "first", "name", overwrite=False)


def location(*argv: str) -> RunLocation:
    parser = cli.new_parser("test", "test")
    cli.add_run_options(parser)
    return cli.read_location(parser.parse_args(argv))


def test_resume_needs_a_run(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(RunFolderError, match="--resume needs to know which run; give its folder with --run-dir"):
        open_run_folder(location("--resume"), "name")
    with pytest.raises(RunFolderError, match=r"has no config\.json; give the folder that a training run wrote"):
        open_run_folder(location("--resume", "--run-dir", str(folder)), "name")
    assert open_run_folder(location("--run-dir", str(folder)), "name") == folder
    write_config(folder, RunConfig())
    with pytest.raises(
        RunFolderError,
        match=r"has no checkpoint\.h5: no epoch was finished; start again with "
        r"--overwrite instead of --resume",
    ):
        open_run_folder(location("--resume", "--run-dir", str(folder)), "name")
    (folder / run.CHECKPOINT).touch()
    assert open_run_folder(location("--resume", "--run-dir", str(folder)), "name") == folder
    assert names(folder) == {run.CONFIG, run.CHECKPOINT}


def test_config_holds_what_explains_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["superres/train.py", "--seed", "7"])
    write_config(tmp_path, OtherConfig(seed=7), patch_files={"a.h5": "12ab"})
    record = read_config(tmp_path)
    assert OtherConfig.from_dict(record["settings"]) == OtherConfig(seed=7)
    assert record["command"] == ["superres/train.py", "--seed", "7"]
    assert record["ranks"] == 1
    assert record["patch_files"] == {"a.h5": "12ab"}
    assert {"python", "keras", "h5py", "numpy"} <= record["versions"].keys()
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?|unknown", record["code_revision"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["created_utc"])
    assert "application" in record


def test_application_is_the_package_of_the_settings(tmp_path):
    from superres.training.config import SuperresConfig

    write_config(tmp_path, SuperresConfig(tiles="tiles.txt"))
    assert read_config(tmp_path)["application"] == "superres"


def test_a_damaged_config(tmp_path):
    (tmp_path / run.CONFIG).write_text('{"settings": ')
    with pytest.raises(RunFolderError, match=r"config\.json cannot be read \(.*\); train again, or restore it"):
        read_config(tmp_path)


def test_code_revision_outside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site-packages" / "common" / "runs" / "provenance.py"))
    assert code_revision() == "unknown"


def test_log_file(tmp_path):
    root = logging.getLogger()
    before = list(root.handlers)
    log_to_file(tmp_path)
    (handler,) = [handler for handler in root.handlers if handler not in before]
    logging.getLogger("common.patches").warning("read 6 bands")
    root.removeHandler(handler)
    handler.close()
    assert (tmp_path / run.LOG).read_text().endswith("WARNING common.patches: read 6 bands\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, the disk that is always full")
def test_log_file_on_a_full_disk(tmp_path):
    (tmp_path / run.LOG).symlink_to("/dev/full")
    root = logging.getLogger()
    before = list(root.handlers)
    log_to_file(tmp_path)
    try:
        with pytest.raises(OutputError, match=r"cannot write \S+run\.log: No space left on device; check space"):
            logging.getLogger("common.patches").warning("read 6 bands")
    finally:
        root.handlers[:] = before


def test_log_file_holds_what_was_said_before_there_was_a_folder(tmp_path):
    root = logging.getLogger()
    before = list(root.handlers)
    remember_log()
    logging.getLogger("common.patches").warning("first")
    log_to_file(tmp_path)
    logging.getLogger("common.patches").warning("second")
    assert len(root.handlers) == len(before) + 1
    root.handlers[:] = before
    assert [line.split()[-1] for line in (tmp_path / run.LOG).read_text().splitlines()] == ["first", "second"]
