"""Options, log messages and exit codes of all commands.

The options of a run follow from the fields of its configuration (`common/runs/config.py`), so that each default and its
explanation stand once. Exit codes: 0 done, 1 failed, 2 wrong usage, 75 stopped by a signal: what was finished is saved, and
the message says how to go on.
"""

import argparse
import dataclasses
import logging
import os
import sys
import typing
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import common.distributed as hvd
from common.errors import DownloadError, Interrupted, OutputError, S2Error
from common.runs import signals
from common.runs.config import Config, one_or_tuple, option_name
from common.runs.opening import RunLocation
from common.runs.provenance import require_same_code, warn_of_reduced_float32

logger = logging.getLogger(__name__)

FAILED = 1
STOPPED = os.EX_TEMPFAIL  # 75; a job script starts the command again


def new_parser(description: str, example: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every command; its help ends with a command that works."""
    parser = argparse.ArgumentParser(
        description=description, epilog=f"example:\n  {example}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"], help="(INFO)")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar, not even at a terminal")
    parser.add_argument("--version", action="version", version=f"jeoparda {package_version()}")
    return parser


def package_version() -> str:
    """Return the version of the installed package, or `uninstalled`."""
    try:
        return version("jeoparda")
    except PackageNotFoundError:
        return "uninstalled"


def add_config_options(parser: argparse.ArgumentParser, config_class: type, leave_out: Sequence[str] = ()) -> None:
    """Add an option for each field of a configuration class.

    Options that the command line does not give are absent from the parsed namespace.

    Args:
        parser: gets the options.
        config_class: a class derived from `RunConfig`.
        leave_out: fields without an option.
    """
    types = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        if field.name in leave_out:
            continue
        if types[field.name] is bool:
            shown = f"{field.metadata['help']} ({'yes' if field.default else 'no'})"
            parser.add_argument(
                option_name(field.name), action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=shown
            )
            continue
        required = field.default is dataclasses.MISSING
        default = "" if required or field.default is None else f" ({field.default})"
        parser.add_argument(
            option_name(field.name),
            type=value_type(types[field.name]),
            choices=field.metadata.get("choices"),
            required=required,
            default=argparse.SUPPRESS,
            metavar=field.metadata.get("metavar"),
            nargs="+" if field.metadata.get("many") else None,
            help=field.metadata["help"].replace("%", "%%") + default,
        )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the run folder; `read_location` reads them."""
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the run (a new one below runs/)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --run-dir from its last checkpoint, exactly as if it had never stopped; start it if there "
        "is none",
    )
    parser.add_argument(
        "--allow-ranks-change",
        action="store_true",
        help="with --resume: continue also a run of another number of ranks; the learning rate follows the number, and results "
        "differ from those of the earlier number",
    )


def add_stage_option(parser: argparse.ArgumentParser) -> None:
    """Add --stage of all commands that train; `read_stage` reads it."""
    parser.add_argument(
        "--stage",
        metavar="DIR",
        help="folder on a disk of each node: copy the files of patches there, once a node, and read them there; copies stay "
        "and are used again (read them where they are)",
    )


def value_type(annotation: type) -> type:
    """Return the type to which an option's text is converted: `int | None` -> `int`."""
    return next(kind for kind in (typing.get_args(annotation) or (annotation,)) if kind is not type(None))


def given_settings(arguments: argparse.Namespace, config_class: type) -> dict:
    """Return the fields of a configuration class that the command line gives, with their values."""
    names = {field.name for field in dataclasses.fields(config_class)}
    return {name: one_or_tuple(value) for name, value in vars(arguments).items() if name in names}


def read_settings(options: argparse.Namespace, config_class: type[Config]) -> Config:
    """Return the configuration that the command line asks for; every rank must call it.

    Raises:
        SettingError: a value is out of range; on all ranks.
    """
    return hvd.on_rank_zero(lambda: config_class.from_dict(given_settings(options, config_class)))


def read_location(options: argparse.Namespace) -> RunLocation:
    """Return where the options of `add_run_options` keep the run; every rank must call it.

    Raises:
        SettingError: the options contradict each other; on all ranks.
    """
    folder = Path(options.run_dir) if options.run_dir else None
    return hvd.on_rank_zero(lambda: RunLocation(folder, options.resume, options.overwrite, options.allow_ranks_change))


def read_stage(options: argparse.Namespace) -> Path | None:
    """Return the folder of --stage, or None."""
    return Path(options.stage) if options.stage else None


def set_up_logging(level: str) -> None:
    """Log to stderr: rank 0 from the given level on, the other ranks from WARNING on and with their rank."""
    prefix = f"[rank {hvd.rank()}] " if hvd.rank() else ""
    logging.basicConfig(
        level=level if hvd.rank() == 0 else max(logging.WARNING, logging.getLevelName(level)),
        format=f"%(asctime)s {prefix}%(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )


def shows_progress(no_progress: bool) -> bool:
    """Return whether to show a progress bar: on rank 0, at a terminal with columns, unless the user declines.

    A terminal that a program opens and gives no size has 0 columns, where tqdm shows an empty bar.
    """
    if hvd.rank() != 0 or no_progress or not sys.stderr.isatty():
        return False
    return os.get_terminal_size(sys.stderr.fileno()).columns > 0


def run_command(
    command: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> int:
    """Parse the options, join the other ranks, and run a command.

    An error becomes one line and exit code 1, a signal one line and exit code 75. Either on one rank ends the job on all
    ranks.

    Args:
        command: takes the parsed options; its first step is to turn them into typed records.
        parser: of the command.
        argv: words of the command line; None takes those of this process.

    Returns:
        The exit code.
    """
    options = parse_quietly(parser, argv)
    with signals.noted_signals():
        try:
            signals.require_going_on()
            hvd.init()
            set_up_logging(options.log_level)
            require_same_code()
            warn_of_reduced_float32()
            hvd.raise_together(signals.interruption())
            command(options)
        except (S2Error, OSError, KeyboardInterrupt) as error:
            return report_failure(as_seen_by_user(error, options))
        except BaseException:
            if hvd.size() > 1:
                logger.exception("unexpected error")
                hvd.abort(1)
            raise
    return 0


def parse_quietly(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options; under an MPI launcher, only rank 0 prints help and usage errors."""
    if hvd.launched_rank() == 0:
        return parse_filled(parser, argv)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return parse_filled(parser, argv)


def parse_filled(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the options. An empty one, as with a shell variable that is not set, is wrong usage: as a path it is the current folder."""
    options = parser.parse_args(argv)
    for name, value in vars(options).items():
        if value == "" or (isinstance(value, list) and "" in value):
            words = name if option_name(name) not in parser.format_help() else option_name(name)
            parser.error(f"{words} is empty; give a value, or leave it out")
    return options


def as_seen_by_user(error: S2Error | OSError | KeyboardInterrupt, options: argparse.Namespace) -> S2Error:
    """Return the error to report: an interruption with what to do next, an error of the file system in one line."""
    cause = error
    if isinstance(error, DownloadError):
        cause = signals.interruption() or error  # Ctrl-C has ended pip, too
    if isinstance(cause, (Interrupted, KeyboardInterrupt)):
        seen = Interrupted(f"{str(cause) or 'interrupted'}; {how_to_go_on(options)}.")
    else:
        seen = cause if isinstance(cause, S2Error) else OutputError(describe_os_error(cause))
    seen.on_all_ranks = getattr(error, "on_all_ranks", False)
    return seen


def how_to_go_on(options: argparse.Namespace) -> str:
    """Return what the user can do after an interruption."""
    if not hasattr(options, "resume"):
        if finds_results(options):
            return "run the same command again with --overwrite"
        more = "" if getattr(options, "skip_existing", True) else " with --skip-existing"
        return f"finished files stay, run the same command again{more}"
    if not getattr(options, "run_dir", True):
        return "if the log names a run folder, go on with --resume --run-dir FOLDER; else run the same command again"
    return f"the same command{'' if options.resume else ' with --resume'} goes on"


def finds_results(options: argparse.Namespace) -> bool:
    """Return whether the command, if run again, finds results in its folder that only --overwrite replaces."""
    output = getattr(options, "output", None)
    if not output or options.overwrite or hasattr(options, "skip_existing"):
        return False
    return Path(output).is_dir() and any(Path(output).iterdir())


def describe_os_error(error: OSError) -> str:
    """Return one line for an error of the file system."""
    name = f" {error.filename}" if error.filename else ""
    return f"cannot read or write{name}: {error.strerror or error}; check space and permissions there."


def report_failure(error: S2Error) -> int:
    """Print an error in one line and return the exit code; end the job if other ranks would wait for this one."""
    code = STOPPED if isinstance(error, Interrupted) else FAILED
    message = " ".join(str(error).split())
    if error.on_all_ranks:
        if hvd.rank() == 0:
            print(f"{type(error).__name__}: {message}", file=sys.stderr, flush=True)
        hvd.barrier()  # a rank that leaves stops the job: wait until the line is printed
        return code
    where = f"[rank {hvd.rank()}] " if hvd.size() > 1 else ""
    print(f"{where}{type(error).__name__}: {message}", file=sys.stderr, flush=True)
    if hvd.size() > 1:
        hvd.abort(code)
    return code
