"""Options, exit codes, and errors of one line."""

import argparse
import dataclasses
import fcntl
import logging
import os
import signal
import struct
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.errors import DownloadError, Interrupted, ProductNotFoundError, SettingError
from common.runs import cli, signals
from common.runs.config import RunConfig
from common.runs.opening import RunLocation
from superres.training.config import SuperresConfig

NO_RUN_FOLDER = "if the log names a run folder, go on with --resume --run-dir FOLDER; else run the same command again"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """Commands set up logging for the whole process: put it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def parser_of(config_class: type) -> argparse.ArgumentParser:
    parser = cli.new_parser("Train it.", "python train.py --tiles tiles.txt")
    cli.add_config_options(parser, config_class)
    cli.add_run_options(parser)
    return parser


def run(command: Callable[[argparse.Namespace], None], *argv: str) -> int:
    return cli.run_command(command, parser_of(RunConfig), argv)


def raising(error: BaseException) -> Callable[[argparse.Namespace], None]:
    def command(arguments: argparse.Namespace) -> None:
        raise error

    return command


@pytest.mark.parametrize("config_class", [RunConfig, SuperresConfig])
def test_help_tells_every_option_and_default(config_class):
    text = " ".join(parser_of(config_class).format_help().split())
    for field in dataclasses.fields(config_class):
        option = "--" + field.name.replace("_", "-")
        help_text = " ".join(field.metadata["help"].split())
        default = {True: "yes", False: "no"}[field.default] if isinstance(field.default, bool) else field.default
        shown = f" ({default})" if default not in (None, dataclasses.MISSING) else ""
        assert option in text
        assert help_text + shown in text
    assert "(INFO)" in text
    assert text.endswith("example: python train.py --tiles tiles.txt")


@pytest.mark.parametrize("config_class", [RunConfig, SuperresConfig])
def test_options_are_kebab_case(config_class):
    for action in parser_of(config_class)._actions:
        for option in action.option_strings:
            assert option == "-h" or (option.startswith("--") and "_" not in option and option == option.lower())


def test_shared_options_keep_their_names():
    options = set(parser_of(SuperresConfig)._option_string_actions)
    assert {"--overwrite", "--log-level", "--no-progress", "--version", "--run-dir", "--resume", "--seed"} <= options


def test_settings_are_those_that_were_given():
    arguments = parser_of(SuperresConfig).parse_args(
        ["--tiles", "t.txt", "--patches-per-tile", "7", "--warmup-epochs", "0.5", "--gsd", "60", "--overwrite"]
    )
    settings = cli.given_settings(arguments, SuperresConfig)
    assert settings == {"tiles": "t.txt", "patches_per_tile": 7, "warmup_epochs": 0.5, "gsd": 60}
    config = SuperresConfig.from_dict(settings)
    assert config.patches[0].count == 7
    assert config.epochs == RunConfig().epochs


@pytest.mark.parametrize(
    "argv", [["--no-such-option"], ["--epochs", "many"], ["--schedule", "steps"], ["--seed"], ["--log-level", "LOUD"]]
)
def test_wrong_usage_is_exit_code_2(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(raising(AssertionError("never called")), *argv)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["scene", "--run-dir", ""], "--run-dir"),
        (["scene", "--stage="], "--stage"),
        (["scene", "--weights", "a", ""], "--weights"),
        ([""], "scenes"),
    ],
)
def test_an_empty_option_is_wrong_usage(argv, named, capsys):
    """As with a shell variable that is not set. An empty folder would be the current one."""
    parser = parser_of(RunConfig)
    cli.add_stage_option(parser)
    parser.add_argument("scenes", nargs="+")
    parser.add_argument("--weights", nargs="+")
    with pytest.raises(SystemExit) as stopped:
        cli.run_command(raising(AssertionError("never called")), parser, argv)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(f": error: {named} is empty; give a value, or leave it out\n")


def test_required_option():
    with pytest.raises(SystemExit) as stopped:
        parser_of(SuperresConfig).parse_args([])
    assert stopped.value.code == 2


@pytest.mark.parametrize("option, text", [("--help", "example:"), ("--version", "jeoparda ")])
def test_help_and_version_are_exit_code_0(option, text, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(raising(AssertionError("never called")), option)
    assert stopped.value.code == 0
    assert text in capsys.readouterr().out


def test_success_is_exit_code_0(capsys):
    given = []
    assert run(given.append, "--seed", "3") == 0
    assert given[0].seed == 3
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error, line",
    [
        (SettingError("--epochs must be above 0; got 0."), "SettingError: --epochs must be above 0; got 0."),
        (SettingError("two\n  lines"), "SettingError: two lines"),
        (ProductNotFoundError("no scene; give another."), "ProductNotFoundError: no scene; give another."),
        (
            OSError(28, "No space left on device", "a.h5"),
            "OutputError: cannot read or write a.h5: No space left on device; check space and permissions there.",
        ),
        (
            PermissionError(13, "Permission denied"),
            "OutputError: cannot read or write: Permission denied; check space and permissions there.",
        ),
        (
            OSError("truncated file"),
            "OutputError: cannot read or write: truncated file; check space and permissions there.",
        ),
        (KeyboardInterrupt(), f"Interrupted: interrupted; {NO_RUN_FOLDER}."),
        (Interrupted("stopped by SIGHUP"), f"Interrupted: stopped by SIGHUP; {NO_RUN_FOLDER}."),
    ],
)
@pytest.mark.parametrize("on_all_ranks", [False, True])
def test_failure_is_an_exit_code_and_one_line(error, line, on_all_ranks, capsys):
    error.on_all_ranks = on_all_ranks
    assert run(raising(error)) == (75 if line.startswith("Interrupted") else 1)
    assert capsys.readouterr() == ("", line + "\n")


@pytest.mark.parametrize(
    "options, words, advice",
    [
        ((), "", "finished files stay, run the same command again"),
        (("--skip-existing",), "", "finished files stay, run the same command again with --skip-existing"),
        (("--skip-existing",), "--skip-existing", "finished files stay, run the same command again"),
        (("--resume",), "", "the same command with --resume goes on"),
        (("--resume",), "--resume", "the same command goes on"),
    ],
)
def test_an_interrupted_command_says_how_to_go_on(options, words, advice, capsys):
    parser = cli.new_parser("test", "test")
    for option in options:
        parser.add_argument(option, action="store_true")
    assert cli.run_command(raising(Interrupted("stopped by SIGTERM")), parser, words.split()) == 75
    assert capsys.readouterr().err == f"Interrupted: stopped by SIGTERM; {advice}.\n"


@pytest.mark.parametrize(
    "words, files, advice",
    [
        ("", 1, "run the same command again with --overwrite"),
        ("--overwrite", 1, "finished files stay, run the same command again"),
        ("", 0, "finished files stay, run the same command again"),
    ],
)
def test_an_interrupted_command_that_has_written_into_its_folder(words, files, advice, tmp_path, capsys):
    """Run again, it would not accept a folder with files."""
    for number in range(files):
        (tmp_path / f"{number}.png").touch()
    parser = cli.new_parser("test", "test")
    parser.add_argument("--output")
    assert (
        cli.run_command(raising(Interrupted("stopped by SIGTERM")), parser, [f"--output={tmp_path}", *words.split()])
        == 75
    )
    assert capsys.readouterr().err == f"Interrupted: stopped by SIGTERM; {advice}.\n"


def test_a_run_folder_goes_on_with_resume(capsys):
    assert run(raising(Interrupted("stopped by SIGTERM")), "--run-dir", "run") == 75
    assert capsys.readouterr().err == "Interrupted: stopped by SIGTERM; the same command with --resume goes on.\n"


def test_a_signal_before_the_work_stops_the_command(capsys):
    with signals.noted_signals():
        os.kill(os.getpid(), signal.SIGUSR1)
        assert run(raising(AssertionError("never called"))) == 75
    assert capsys.readouterr().err == f"Interrupted: stopped by SIGUSR1; {NO_RUN_FOLDER}.\n"


def test_a_download_that_ctrl_c_ends_is_an_interruption(capsys):
    def command(arguments: argparse.Namespace) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise DownloadError("pip failed")

    assert run(command) == 75
    assert capsys.readouterr().err.startswith("Interrupted: stopped by SIGINT; ")


def test_every_command_warns_of_float32_in_fewer_digits(capsys, monkeypatch):
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert run(lambda arguments: None) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert " ONEDNN_DEFAULT_FPMATH_MODE=BF16: " in line


def test_our_own_mistakes_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))


def test_messages_go_to_stderr_at_the_level_asked_for(capsys):
    def command(arguments: argparse.Namespace) -> None:
        logging.getLogger("common.patches").info("read %d bands", 6)

    run(command)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(" read 6 bands\n")
    run(command, "--log-level", "WARNING")
    assert capsys.readouterr() == ("", "")


def test_other_ranks_warn_with_their_number(capsys, monkeypatch):
    monkeypatch.setattr("common.distributed.rank", lambda: 3)
    cli.set_up_logging("INFO")
    logging.getLogger("common").info("quiet")
    logging.getLogger("common").warning("loud")
    assert capsys.readouterr().err.endswith(" [rank 3] loud\n")


def test_progress_only_at_a_terminal_with_columns_on_rank_0(monkeypatch):
    assert not cli.shows_progress(no_progress=False)  # no terminal here
    ours, its = os.openpty()
    with os.fdopen(ours), os.fdopen(its, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        assert not cli.shows_progress(no_progress=False)  # a new terminal has 0 columns
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        assert cli.shows_progress(no_progress=False)
        assert not cli.shows_progress(no_progress=True)
        monkeypatch.setattr("common.distributed.rank", lambda: 1)
        assert not cli.shows_progress(no_progress=False)


def test_version_of_what_is_not_installed(monkeypatch):
    def missing(name: str) -> str:
        raise cli.PackageNotFoundError(name)

    monkeypatch.setattr(cli, "version", missing)
    assert cli.package_version() == "uninstalled"


def test_the_folder_to_stage_into() -> None:
    parser = cli.new_parser("test", "test")
    cli.add_stage_option(parser)
    assert cli.read_stage(parser.parse_args([])) is None
    assert cli.read_stage(parser.parse_args(["--stage", "/tmp/mine"])) == Path("/tmp/mine")


def test_run_options_give_the_location_of_the_run() -> None:
    parser = cli.new_parser("test", "test")
    cli.add_run_options(parser)
    assert cli.read_location(parser.parse_args([])) == RunLocation(None, resume=False, overwrite=False)
    arguments = parser.parse_args(["--run-dir", "runs/first", "--resume"])
    assert cli.read_location(arguments) == RunLocation(Path("runs/first"), resume=True, overwrite=False)
    arguments = parser.parse_args(["--run-dir", "runs/first", "--resume", "--allow-ranks-change"])
    assert cli.read_location(arguments) == RunLocation(Path("runs/first"), resume=True, allow_ranks_change=True)
    arguments = parser.parse_args(["--run-dir", "runs/first", "--resume", "--overwrite"])
    with pytest.raises(
        SettingError, match="--resume continues a run, and --overwrite replaces it; give one of the two"
    ):
        cli.read_location(arguments)
