"""The prepared files of a study, made from an archive or from the sample: native bands, and bands at 10 m.

Archive -> `native.h5`; patches -> `superres/<patch>.tif` by superres-predict -> `at-10m.h5`. A study that is resumed keeps what is
finished. superres-predict runs as a process of its own, because the applications do not import each other.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import common.distributed as hvd
from bigearthnet.archive.folders import S2_NAME, find_patches
from bigearthnet.archive.images import find_superres_groups
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from bigearthnet.studies.plan import coarse_groups
from common.errors import ProductError, SettingError
from common.files.atomic import make_folder, write_text
from common.runs.config import option_name
from common.runs.signals import require_going_on
from common.sample import fetch_sample
from common.studies.folder import read_record

logger = logging.getLogger(__name__)

FOLDER, NATIVE, SUPERRES, RECORD = "input", "native.h5", "at-10m.h5", "options.json"
WEIGHTS = ("dsen2-l1c-20m", "dsen2-l2a-60m")  # of superres-predict; none for 20 m and L2A are published
PREDICT = (sys.executable, "-m", "superres.predict")
PATCHES_AT_ONCE = 500  # of one process of superres-predict
SAMPLE_SPLITS = Path(__file__).parents[1] / "sample_splits"
LAUNCHERS = ("OMPI_COMM_", "PMIX_", "PMI_", "MV2_", "SLURM_STEP_")  # variables by which a process finds other ranks

Prepare = Callable[[PreparationOptions], None]


def make_inputs(options: ComparisonOptions, prepare: Prepare) -> list[str]:
    """Return the prepared files of a comparison; make those that --data does not name. Every rank must call it.

    Args:
        options: the options, checked.
        prepare: prepares an archive, on all ranks, as `bigearthnet/prepare.py` does.

    Raises:
        S2Error: the sample cannot be fetched, a patch is damaged, or superres-predict fails.
    """
    if options.inputs.data:
        return list(options.inputs.data)
    inputs = options.inputs if options.inputs.root else hvd.on_rank_zero(lambda: sample_inputs(options.inputs))
    folder = options.folder / FOLDER
    if options.compares_inputs and (options.base.overwrite or not hvd.on_rank_zero((folder / RECORD).exists)):
        bands = options.config(options.variants((NATIVE, SUPERRES))[0]).bands
        hvd.on_rank_zero(lambda: try_weights(inputs, bands))
    hvd.on_rank_zero(lambda: open_inputs(folder, inputs, options.base.overwrite))
    native = preparation(inputs, folder / NATIVE, options.base.overwrite)
    prepare_once(native, prepare)
    if not options.compares_inputs:
        return [str(native.output)]
    results = folder / "superres"
    superres = replace(native, output=folder / SUPERRES, superres=results)
    if is_missing(superres):
        super_resolve(native, results, weights_words(inputs))
    prepare_once(superres, prepare)
    return [str(native.output), str(superres.output)]


def open_inputs(folder: Path, inputs: InputOptions, overwrite: bool) -> None:
    """Make the folder of the inputs, or check that the inputs in it were made with the same options. Call on rank 0.

    Older files are deleted before they are replaced: if that is interrupted, --resume must not take them for those of this command.

    Raises:
        SettingError: they were made with other options.
        RunFolderError: their record is damaged.
    """
    record, path = json.loads(json.dumps(asdict(inputs))), folder / RECORD
    if path.exists() and not overwrite:
        earlier = read_record(path)
        changed = next((name for name, value in record.items() if earlier.get(name) != value), None)
        if changed:
            raise SettingError(
                f"{folder} holds inputs made with {option_name(changed)} {earlier.get(changed)}, and this command has "
                f"{record[changed]}; give the same options, or another --output."
            )
    make_folder(folder)
    if overwrite:
        for name in NATIVE, SUPERRES:
            (folder / name).unlink(missing_ok=True)
    write_text(path, json.dumps(record, indent=2) + "\n")


def sample_inputs(inputs: InputOptions) -> InputOptions:
    """Return the options with the small real sample for the archive; fetch it if it is not there."""
    sample = fetch_sample()
    return replace(
        inputs,
        root=str(sample / "BigEarthNet-S2"),
        s1_root=str(sample / "BigEarthNet-S1"),
        splits=str(SAMPLE_SPLITS),
        split_by_region=None,
        keep_snow_cloud=True,
    )


def preparation(inputs: InputOptions, output: Path, overwrite: bool) -> PreparationOptions:
    """Return the options that prepare the native bands."""
    return PreparationOptions(
        root=Path(inputs.root),
        output=output,
        s1_root=Path(inputs.s1_root) if inputs.s1_root else None,
        splits=Path(inputs.splits) if inputs.splits else None,
        split_by_region=inputs.split_by_region,
        nomenclature=inputs.nomenclature,
        keep_snow_cloud=inputs.keep_snow_cloud,
        overwrite=overwrite,
    )


def prepare_once(options: PreparationOptions, prepare: Prepare) -> None:
    """Prepare a file that is missing. Every rank must call it."""
    if is_missing(options):
        prepare(options)


def is_missing(options: PreparationOptions) -> bool:
    """Return whether a file is not there yet, or is to be replaced. Every rank must call it."""
    return options.overwrite or not hvd.on_rank_zero(options.output.exists)


def try_weights(inputs: InputOptions, bands: str) -> None:
    """Super-resolve one patch and forget it: wrong weights shall not be found after an archive was prepared. Call on rank 0.

    Args:
        inputs: the archive and the weights.
        bands: the band set of the study.

    Raises:
        ProductError, Interrupted: as `run_apart`.
        SettingError: the weights leave bands of the set as they are.
    """
    patch = next(iter(find_patches(inputs.root, S2_NAME).values()))
    with tempfile.TemporaryDirectory() as folder:
        run_apart([*PREDICT, patch, *weights_words(inputs), "--output", folder, "--no-progress"])
        (result,) = Path(folder).glob("*.tif")
        missing = set(coarse_groups(bands)) - set(find_superres_groups(str(result)))
    if missing:
        raise SettingError(
            f"--superres-weights {' '.join(inputs.superres_weights)} are not for {' and '.join(sorted(missing))} of --bands {bands}; give "
            f"weights for each GSD, or choose other --bands."
        )


def weights_words(inputs: InputOptions) -> list[str]:
    """Return the options of superres-predict that name the weights."""
    return ["--weights", *(inputs.superres_weights or WEIGHTS)]


def super_resolve(native: PreparationOptions, results: Path, weights: Sequence[str]) -> None:
    """Write `<patch>.tif` with bands at 10 m for the patches of a prepared file; keep those that exist. Every rank must call it.

    Args:
        native: options of the prepared file, which is finished.
        results: folder for the GeoTIFFs.
        weights: the options that name the weights.

    Raises:
        ProductError: superres-predict fails.
        Interrupted: a signal came.
    """
    keep = "--overwrite" if native.overwrite else "--skip-existing"
    options = ["--output", str(results), keep, "--log-level", "WARNING", "--no-progress", *weights]
    parts = hvd.on_rank_zero(lambda: share_patches(native, results))
    for first in range(0, len(parts), hvd.size()):  # after each round an error on one rank ends all
        own = parts[first : first + hvd.size()][hvd.rank() : hvd.rank() + 1]
        logger.info("superres-predict: part %d of %d", first + 1, len(parts))
        hvd.call_together(lambda own=own: [run_apart([*PREDICT, *part, *options], own_hardware()) for part in own])


def share_patches(native: PreparationOptions, results: Path) -> list[list[str]]:
    """Make the folder of the results; return the folders of patches in parts, which ranks take in turn. Call on rank 0."""
    folders = find_patches(native.root, S2_NAME)
    names = BigEarthNetFile(native.output).names.tolist()
    make_folder(results)
    size = min(PATCHES_AT_ONCE, -(-len(names) // hvd.size()))
    return [[folders[name] for name in names[first : first + size]] for first in range(0, len(names), size)]


def own_hardware() -> dict[str, str]:
    """Return the variables that leave a process of this rank its share of the cores and one GPU; none on one rank."""
    if hvd.size() == 1:
        return {}
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", str(hvd.local_rank())).split(",")
    return {
        "TF_NUM_INTRAOP_THREADS": str(hvd.cores_per_rank()),
        "CUDA_VISIBLE_DEVICES": gpus[hvd.local_rank() % len(gpus)],
    }


def run_apart(command: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
    """Run a command in a process that sees no other ranks, and wait for its end; a signal ends both.

    Args:
        command: the command.
        variables: environment variables to set.

    Raises:
        ProductError: the command fails; the message is its last line.
        Interrupted: a signal came.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    environment |= variables or {}
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log) as process:
            try:
                while process.poll() is None:
                    require_going_on()
                    time.sleep(0.1)
            finally:
                process.terminate()
        require_going_on()  # Ctrl-C ends both, and the command may be the first
        log.seek(0)
        lines = log.read().split("\n")
    if process.returncode:
        reason = next((line for line in reversed(lines) if line.strip()), f"it ended with {process.returncode}")
        raise ProductError(f"superres-predict failed: {reason}")
