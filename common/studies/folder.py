"""The output folder of a comparison: what it is for, and the guard that its runs differ in the varied settings only."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common.errors import RunFolderError, SettingError
from common.files.atomic import is_partial, write_text
from common.files.limits import parse_json, read_regular_file
from common.files.read_errors import describe_refusal
from common.runs.config import option_name
from common.runs.folder import check_output_folder, open_output_folder, read_config
from common.runs.provenance import provenance_record
from common.studies.options import StudyOptions
from common.studies.variants import RUNS, Variant

RECORD = "study.json"
# Settings that change no result: where files are, and how often a checkpoint is written.
FREE_SETTINGS = frozenset({"checkpoint_minutes", "data_dir", "patch_cache", "test_tiles"})


def check_comparison(options: StudyOptions) -> None:
    """Check that the folder of a comparison can be made, or that the one to resume is of the same study. Call on rank 0.

    Raises:
        SettingError: the folder to resume is of another study, or of no comparison.
        OutputError: the folder is not empty, or cannot be made or written to.
        RunFolderError: its record is damaged.
    """
    purpose, path = purpose_of(options), options.folder / RECORD
    if options.resume and path.is_file():
        earlier = read_record(path)
        if any(earlier.get(name) != value for name, value in purpose.items()):
            raise SettingError(
                f"{options.folder} holds {describe(earlier)}, and this command asks for {describe(purpose)}; give the "
                f"same options, or another --output."
            )
    elif options.resume and holds_something_else(options.folder):
        raise SettingError(
            f"{options.folder} holds other files and no comparison to continue; give the --output of the comparison, or "
            f"another one."
        )
    check_output_folder(options.folder, options.overwrite or options.resume, resumable=True)


def open_comparison(options: StudyOptions, results: Sequence[str]) -> None:
    """Make the folder of a comparison, or go on with the one to resume. Call on rank 0, after all other checks.

    Args:
        options: the options.
        results: names or patterns of the files that the command writes and `--overwrite` deletes; run folders stay
            until their run starts.

    Raises:
        SettingError, OutputError, RunFolderError: as `check_comparison`.
    """
    check_comparison(options)
    replaced = [] if options.resume else [RECORD, *results]
    open_output_folder(options.folder, options.overwrite or options.resume, replaced, resumable=True)
    record = {**purpose_of(options), "seeds": options.seeds, **provenance_record()}
    write_text(options.folder / RECORD, json.dumps(record, indent=2) + "\n")


def purpose_of(options: StudyOptions) -> dict[str, Any]:
    """Return what a comparison is for, as its record has it; a folder is continued for the same only."""
    return {"study": options.study.name if options.study else None, "quick": options.quick}


def holds_something_else(folder: Path) -> bool:
    """Return whether a folder has files, but neither runs nor those that a comparison leaves if it is stopped at once."""
    return folder.is_dir() and not (folder / RUNS).is_dir() and not all(map(is_partial, folder.iterdir()))


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a comparison.

    Raises:
        RunFolderError: it cannot be read.
    """
    try:
        record = parse_json(read_regular_file(path))
        if not isinstance(record, dict):
            raise ValueError("it is no record of a comparison")
        return record
    except (OSError, ValueError) as error:
        reason = describe_refusal(error) or f"cannot be read ({error})"
        raise RunFolderError(f"{path} {reason}; restore it, or give another --output.") from error


def describe(purpose: dict[str, Any]) -> str:
    """Return a comparison in the words of the command line: `--study networks --quick`."""
    words = f"--study {purpose['study']}" if purpose.get("study") else "a comparison without --study"
    return f"{words} --quick" if purpose.get("quick") else words


def require_equal_runs(variants: Iterable[Variant], comparison: Path, data_settings: Sequence[str] = ()) -> None:
    """Check that runs differ in nothing but the settings of their variants. Call on rank 0, after the trainings.

    Args:
        variants: of the comparison; all are trained.
        comparison: its folder.
        data_settings: settings that change the patches, such as `degradation`. Runs with different values may have
            different patches, runs with equal values must have the same.

    Raises:
        RunFolderError: two runs have unequal data or settings, or a run folder is damaged.
    """
    variants = list(variants)
    varied = {"seed", *FREE_SETTINGS, *(name for variant in variants for name in variant.settings)}
    first_settings: tuple[Path, dict] | None = None
    first_patches: dict[tuple, tuple[Path, list]] = {}
    for variant in variants:
        folder = variant.folder(comparison)
        record = read_config(folder)
        settings = {name: value for name, value in record.get("settings", {}).items() if name not in varied}
        first_settings = first_settings or (folder, settings)
        _require_equal_settings(first_settings, (folder, settings))
        patches = sorted(map(str, dict(record.get("patch_files", {})).values()))
        kind = tuple(record.get("settings", {}).get(name) for name in data_settings)
        other, other_patches = first_patches.setdefault(kind, (folder, patches))
        if patches != other_patches:
            raise RunFolderError(
                f"{other} and {folder} were trained on different patches and cannot be compared; give another --output "
                f"and train all runs on the same scenes and patch files."
            )


def _require_equal_settings(first: tuple[Path, dict], second: tuple[Path, dict]) -> None:
    (folder, settings), (other, other_settings) = first, second
    for name in dict.fromkeys([*settings, *other_settings]):
        if settings.get(name) != other_settings.get(name):
            raise RunFolderError(
                f"{folder} and {other} cannot be compared: {option_name(name)} is {settings.get(name)} in one and "
                f"{other_settings.get(name)} in the other; give another --output and train all runs alike."
            )
