"""Options of the commands that compare: --study, --quick, --seeds, --output, --resume, --stage. Light: imports no NumPy."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import SettingError
from common.runs.cli import add_stage_option, read_stage
from common.runs.opening import RunLocation
from common.studies.study import Study

STUDY_SEEDS, QUICK_SEEDS, PLAIN_SEEDS = (0, 1, 2), (0, 1), (0,)
FEWEST_SEEDS = 2  # one seed has no spread
# Files that a study writes, beside its report.
TEXT, SCORES, VERDICTS, FIGURE = "study.md", "scores.csv", "verdicts.csv", "verdicts.png"


@dataclass(frozen=True)
class StudyOptions:
    """The options that `add_study_options` adds.

    Attributes:
        study: the study, or None for a comparison that the other options describe.
        quick: whether to only show that the chain runs.
        seeds: the seeds of the runs, each once.
        folder: for runs, tables and figures.
        resume: continue the comparison in the folder.
        overwrite: replace the comparison in the folder.
        stage: folder of --stage; None reads patches where they are.

    Raises:
        SettingError: a study with one seed, --quick without a study, or --resume with --overwrite.
    """

    study: Study | None
    quick: bool
    seeds: tuple[int, ...]
    folder: Path
    resume: bool = False
    overwrite: bool = False
    stage: Path | None = None

    def __post_init__(self) -> None:
        self.location(self.folder)  # refuses --resume with --overwrite
        if self.quick and not self.study:
            raise SettingError("--quick is the short form of a study; give one with --study, or leave --quick out.")
        if self.study and len(self.seeds) < FEWEST_SEEDS:
            raise SettingError(
                f"--study {self.study.name} judges differences by their spread over seeds, and --seeds "
                f"{self.seeds[0]} is one seed; give two or more, better three: --seeds 0 1 2."
            )

    def location(self, run_folder: Path) -> RunLocation:
        """Return how to treat the content of one of the run folders."""
        return RunLocation(run_folder, self.resume, self.overwrite)


def add_study_options(parser: argparse.ArgumentParser, studies: Mapping[str, Study]) -> None:
    """Add the options that all comparisons share; `--overwrite` is an option of every command.

    Args:
        parser: of a command.
        studies: the studies that the command knows, by name.
    """
    questions = " ".join(f"{name}: {study.question}" for name, study in studies.items())
    parser.add_argument("--study", choices=tuple(studies), help=f"answer a question. {questions}".replace("%", "%%"))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="with --study: show in minutes, on the small real sample, that the study runs; its numbers mean nothing",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        metavar="N",
        help="seeds; each is one run, and the table gives the spread over them (0; with --study 0 1 2)",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for runs, tables and figures")
    parser.add_argument(
        "--resume", action="store_true", help="continue the comparison in --output; finished runs are kept"
    )
    add_stage_option(parser)


def read_study_options(options: argparse.Namespace, studies: Mapping[str, Study]) -> StudyOptions:
    """Return the record of the options that `add_study_options` added.

    Raises:
        SettingError: as StudyOptions.
    """
    study = studies[options.study] if options.study else None
    return StudyOptions(
        study=study,
        quick=options.quick,
        seeds=tuple(dict.fromkeys(options.seeds or default_seeds(study, options.quick))),
        folder=Path(options.output),
        resume=options.resume,
        overwrite=options.overwrite,
        stage=read_stage(options),
    )


def default_seeds(study: Study | None, quick: bool) -> Sequence[int]:
    """Return the seeds of a command without --seeds."""
    if not study:
        return PLAIN_SEEDS
    return QUICK_SEEDS if quick else STUDY_SEEDS
