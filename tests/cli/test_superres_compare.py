"""`superres-compare`: networks trained with equal settings, one table, and bad input."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from common.errors import TrainingError
from common.report.markdown import table_markdown
from common.runs import folder as run
from common.studies.scores import read_scores
from common.training.history import read_history
from superres import compare
from superres.evaluation import cost
from superres.evaluation.comparison import read_comparison
from superres.evaluation.tables import read_metrics
from superres.networks.catalogue import NETWORKS
from superres.studies.catalogue import STUDIES
from superres.studies.comparison_report import network_records
from superres.train import train as superres_train
from superres.training import plan
from tests.support.fake_safe import write_safe
from tests.support.made_study import STUDY
from tests.support.tiny_training import tiny_network, write_scenes


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks, and figures that are composed but not drawn."""
    monkeypatch.setitem(NETWORKS, "tiny", tiny_network())
    monkeypatch.setattr(cost, "TIMED_PX", 24)
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"figure"))


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A list of two scenes to train on, and a list of a third. Do not change them."""
    tiles = write_scenes(tmp_path_factory.mktemp("scenes"), count=3, size=144)
    *train, test = tiles.read_text().split()
    tiles.write_text("\n".join(train))
    tiles.with_name("test.txt").write_text(test)
    return tiles, tiles.with_name("test.txt")


def command(lists: tuple[Path, Path], folder: Path, *more: object) -> list[str]:
    """Return the command line of a comparison that takes seconds."""
    options = ["--tiles", lists[0], "--test-tiles", lists[1], "--patches-per-tile", 6, "--batch-size", 3, "--epochs", 1]
    options += ["--patch-cache", folder / "patches", "--output", folder / "comparison", "--log-level", "ERROR"]
    return [str(word) for word in (*options, *more)]


@pytest.mark.long
def test_networks_are_trained_with_equal_settings_and_compared(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Two seeds; then resumed with a second upsampling, one of the seeds, and the run of the other with --trained."""
    options = command(
        lists, tmp_path, "--models", "tiny", "--methods", "ressr", "--degradation", "mtf", "--seeds", 0, 1
    )
    assert compare.main(options) == 0
    folder = tmp_path / "comparison"
    networks = read_comparison(folder / "comparison.csv")
    assert [network.label for network in networks] == ["bilinear", "bicubic", "ressr", *["tiny, bilinear"] * 2]
    assert [network.seed for network in networks] == [None, None, None, 0, 1]
    evaluated = {
        (row.method, row.metric): row.value
        for row in read_metrics(folder / "evaluation" / "metrics.csv")
        if row.band == "all"
    }
    for network in networks:
        assert network.rmse == evaluated[network.method, "rmse"]
        assert network.sharpness == evaluated[network.method, "sharpness"]
        assert (network.parameters is None) == (network.seed is None)
    assert len({network.rmse for network in networks}) == len(networks)  # all runs differ
    assert json.loads((folder / "evaluation" / "evaluation.json").read_text())["degradation"] == "mtf"
    settings = [run.read_config(path)["settings"] for path in sorted((folder / "runs").iterdir())]
    shared = [{name: value for name, value in one.items() if name not in compare.VARIED} for one in settings]
    assert all(one == shared[0] for one in shared)
    table = table_markdown(network_records(networks))
    assert table in capsys.readouterr().out
    assert table in (folder / "comparison.md").read_text()

    assert "One seed" not in (folder / "report.html").read_text()

    before = {path: read_history(path / run.HISTORY, 9) for path in (folder / "runs").iterdir()}
    other = folder / "runs" / "tiny-bilinear-seed1"
    more = ["--seeds", 0, "--upsamplings", "bilinear", "nearest", "--resume", "--trained", other]
    assert compare.main([*options[: options.index("--seeds")], *map(str, more)]) == 0
    resumed = read_comparison(folder / "comparison.csv")
    assert [network.label for network in resumed[3:]] == ["tiny, bilinear", "tiny, nearest", str(other)]
    assert [resumed[3].rmse, resumed[5].rmse] == [network.rmse for network in networks[3:]]
    assert before.items() <= {path: read_history(path / run.HISTORY, 9) for path in (folder / "runs").iterdir()}.items()


@pytest.mark.parametrize(
    "options, message",
    [
        ((), "SettingError: there is nothing to compare: give --models, --trained, or both."),
        (("--models", "srcnn"), "SettingError: unknown network 'srcnn'; expected one of dsen2,"),
        (("--models", "dsen2-attention"), "SettingError: unknown network 'dsen2-attention'; expected one of dsen2,"),
        (("--models", "dsen2", "--upsamplings", "none"), "SettingError: --upsample none does not go with dsen2,"),
        (("--trained", "nowhere"), "WeightsError: there are no weights nowhere;"),
        (("--models", "dsen2", "--seeds", "-1"), "SettingError: --seed must be 0 to 4294967295; got -1."),
        (("--models", "dsen2", "tiny-attention"), "SettingError: unknown network 'tiny-attention'; expected one of"),
        (("--models", "dsen2", "--init-weights", "nowhere"), "WeightsError: there are no weights nowhere;"),
        (("--models", "dsen2", "--teacher", "nowhere"), "WeightsError: there are no weights nowhere;"),
    ],
)
def test_bad_input(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture, options: tuple[str, ...], message: str
) -> None:
    assert compare.main(command(lists, tmp_path, *options)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
    assert not any(tmp_path.iterdir())


def test_results_are_not_overwritten(lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "comparison").mkdir()
    (tmp_path / "comparison" / "notes.txt").write_text("mine")
    assert compare.main(command(lists, tmp_path, "--models", "dsen2")) == 1
    assert "is not empty; continue with --resume, give another --output, or replace its" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    options = command(lists, tmp_path, "--models", "dsen2", "--resume", "--output", tmp_path / "file")
    assert compare.main(options) == 1
    assert "is a file; give another --output." in capsys.readouterr().err


def test_init_weights_are_checked_once_for_each_network(
    lists: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    monkeypatch.setattr(plan, "check_init_weights", lambda config, scenes: checked.append(config))
    monkeypatch.setattr(compare, "train", stop_at("dsen2-bilinear-seed0"))
    (tmp_path / "any.weights.h5").touch()
    words = ("--models", "dsen2", "tiny", "--upsamplings", "bilinear", "nearest", "--seeds", 0, 1)
    assert compare.main(command(lists, tmp_path, *words, "--init-weights", tmp_path / "any.weights.h5")) == 1
    pairs = [(model, upsampling) for model in ("dsen2", "tiny") for upsampling in ("bilinear", "nearest")]
    assert [(config.model, config.upsample) for config in checked] == pairs


def test_help_has_an_example_and_no_settings_of_adversarial_training() -> None:
    assert "--adversarial-weight" not in compare.build_parser().format_help()
    example = compare.build_parser().epilog.split("superres/compare.py ")[1].split()
    assert compare.build_parser().parse_args(example).models == ["fuse", "lowres", "dsen2"]


@pytest.fixture
def powers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of two variants that are measured with another blur than they are trained with."""
    study = replace(STUDY, name="losses", metrics=("rmse", "rmse_brightest"), tests=("mtf",))
    monkeypatch.setitem(STUDIES, "losses", study)


@pytest.mark.usefixtures("powers")
def test_a_study_answers_its_question_and_goes_on_where_it_stopped(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Stopped after the first run; then resumed. The patch files of both scenes are copied once."""
    folder, stage = tmp_path / "comparison", tmp_path / "stage"
    options = command(lists, tmp_path, "--study", "losses", "--seeds", 0, 1, "--stage", stage)
    options = [word for word in options if word not in ("--patch-cache", str(tmp_path / "patches"))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "train", stop_at("l1-seed1"))
        assert compare.main(options) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "TrainingError: stopped at l1-seed1"
    first = read_history(folder / "runs" / "l1-seed0" / run.HISTORY, 9)
    assert compare.main(options) == 1
    assert "is not empty; continue with --resume" in capsys.readouterr().err
    assert compare.main([*options, "--resume", "--quick"]) == 1
    assert "holds --study losses, and this command asks for --study losses --quick" in capsys.readouterr().err
    assert compare.main([*options, "--resume"]) == 0
    assert read_history(folder / "runs" / "l1-seed0" / run.HISTORY, 9) == first
    assert {path.name for path in (folder / "runs").iterdir()} == {
        f"{label}-seed{seed}" for label in ("l1", "power") for seed in (0, 1)
    }
    assert len(list(stage.glob("*.staged.h5"))) == 2
    shown = capsys.readouterr().out
    assert "Does brightness matter?" in shown and "power" in shown and "on the one tested scene only" in shown
    assert json.loads((folder / "evaluation" / "evaluation.json").read_text())["degradation"] == "mtf"
    rows = read_metrics(folder / "evaluation" / "metrics.csv")
    rmse = [row.value for row in rows if (row.band, row.metric) == ("all", "rmse")]
    scores = [score for score in read_scores(folder / "scores.csv") if score.metric == "rmse"]
    assert [score.value for score in scores] == rmse
    assert len(set(rmse)) == 6  # four runs and two interpolations
    assert (folder / "report.html").is_file() and (folder / "study.md").is_file()
    assert [line.label for line in read_comparison(folder / "comparison.csv")] == [
        "bilinear",
        "bicubic",
        *["l1"] * 2,
        *["power"] * 2,
    ]


def stop_at(name: str):
    """Return a `train` that fails at the run with a name."""

    def train(config, location, show_progress, stage):
        if location.folder.name == name:
            raise TrainingError(f"stopped at {name}")
        superres_train(config, location, show_progress, stage)

    return train


@pytest.mark.parametrize(
    "options, message",
    [
        (
            ("--study", "losses", "--seeds", 1),
            "SettingError: --study losses judges differences by their spread over seeds",
        ),
        (("--study", "interpolation", "--models", "dsen2"), "SettingError: --upsample none does not go with dsen2,"),
        (("--study", "networks", "--models", "tiny"), "SettingError: --study networks varies --models;"),
        (("--study", "losses", "--resume", "--overwrite"), "SettingError: --resume continues a run, and --overwrite"),
        (("--quick", "--models", "tiny"), "SettingError: --quick is the short form of a study;"),
    ],
)
def test_bad_input_of_studies(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture, options: tuple, message: str
) -> None:
    assert compare.main(command(lists, tmp_path, *options)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
    assert not any(tmp_path.iterdir())


def test_a_study_on_scenes_without_its_bands_is_one_line(
    lists: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """BigEarthNet patches and fake products have all bands; this one lost a 20 m band."""
    scene = write_safe(tmp_path, size=144)
    next(scene.rglob("*_B12*.jp2")).unlink()
    tiles = tmp_path / "without.txt"
    tiles.write_text(scene.name)
    options = command(lists, tmp_path, "--study", "blur", "--test-tiles", tiles)
    assert compare.main(options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "B12" in line
    assert not (tmp_path / "comparison").exists()


def test_scenes_are_required_but_for_the_quick_form(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit) as stopped:
        compare.main(["--study", "losses", "--output", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert "the following arguments are required: --tiles" in capsys.readouterr().err
    options = compare.read_comparison_options(
        compare.build_parser().parse_args(["--study", "losses", "--quick", "--output", "out"])
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # with a sample that was fetched before
    folder = tmp_path / "jeoparda" / "sample"
    for name in ("BigEarthNet-S2", "BigEarthNet-S1", "train.txt", "test.txt"):
        (folder / name).mkdir(parents=True)
    config = compare.with_sample(options).config
    assert (config.tiles, config.test_tiles) == (str(folder / "train.txt"), str(folder / "test.txt"))
