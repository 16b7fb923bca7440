"""The checks of `bigearthnet/compare.py`: options before the work starts, and the prepared files of all variants."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.archive.folders import holds_patches
from bigearthnet.archive.groups import NATIVE_PX, PATCH_PX
from bigearthnet.archive.labels import NOMENCLATURES
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import require_band_set
from bigearthnet.studies.catalogue import SUPERRES_INPUT
from bigearthnet.studies.options import ComparisonOptions, InputOptions
from common.errors import SettingError
from common.files.read_errors import require_folder
from common.report.records import REPORT
from common.runs.config import option_name
from common.studies.folder import check_comparison, open_comparison
from common.studies.options import FIGURE, SCORES, TEXT, VERDICTS
from common.studies.variants import Variant

COMPARISON, COSTS = "comparison.md", "costs.csv"  # the first in place of `study.md` without a study
RESULTS = (TEXT, COMPARISON, SCORES, COSTS, VERDICTS, FIGURE, REPORT)


def prepare_comparison(options: ComparisonOptions) -> None:
    """Check everything that can be checked before the work starts, and make the output folder. Call on rank 0.

    Raises:
        SettingError: options contradict each other, or there are no patches to train on.
        PatchFileError: a prepared file is missing, unfinished or damaged, or of another kind.
        OutputError: the folder is not empty, or cannot be made or written to.
    """
    check_inputs(options)
    inputs = options.inputs
    for variant in options.variants(inputs.data or ("made.h5",)):
        config = options.config(variant)
        if options.compares_inputs:
            coarse_groups(config.bands)
    check_comparison(options.base)
    if inputs.data:
        check_files(options, inputs.data)
    if inputs.root and not holds_patches(inputs.root):
        raise SettingError(f"--root {inputs.root} holds no patch of BigEarthNet-S2; give the unpacked archive.")
    open_comparison(options.base, RESULTS)


def check_inputs(options: ComparisonOptions) -> None:
    """Check that --data or --root gives the patches that a comparison needs, and that other options of them are used.

    Raises:
        SettingError: they do not, or an option would have no effect.
    """
    inputs, study, compares_inputs = options.inputs, options.base.study, options.compares_inputs
    require_used_options(options)
    require_distinct_names(inputs.data)
    if inputs.data and inputs.root:
        raise SettingError("--data names prepared files, and --root an archive to prepare; give one of them.")
    if inputs.root and not compares_inputs:
        raise SettingError(
            f"--root is for --study {SUPERRES_INPUT}; prepare the archive, and give the file with --data."
        )
    if not inputs.data and not options.base.quick and not inputs.root:
        archive = ", or the archive with --root" if compares_inputs else ""
        raise SettingError(f"there are no patches to train on; give a prepared file with --data{archive}.")
    if inputs.data and compares_inputs and len(inputs.data) != 2:
        raise SettingError(
            f"--study {SUPERRES_INPUT} compares two prepared files, one of native bands and one made with bigearthnet-prepare --superres, "
            f"and --data names {len(inputs.data)}; give both in this order, or the archive with --root."
        )
    if study and not compares_inputs and len(inputs.data) > 1:
        raise SettingError(f"--study {study.name} takes one prepared file; --data names {len(inputs.data)}.")
    require_folder("--root", inputs.root)
    require_folder("--s1-root", inputs.s1_root)
    require_folder("--splits", inputs.splits)


def require_used_options(options: ComparisonOptions) -> None:
    """Raise SettingError if an option of an archive is given, and there is no archive to use it on."""
    inputs, used = options.inputs, {"data", "root"}
    if inputs.root:
        return
    if options.base.quick and not inputs.data:  # the sample
        used |= {"nomenclature", "superres_weights"} if options.compares_inputs else {"nomenclature"}
    for name, default in asdict(InputOptions()).items():
        if name not in used and getattr(inputs, name) != default:
            option = option_name(name)
            raise SettingError(
                f"{option} is for --study {SUPERRES_INPUT} with an archive; give its folder with --root, or leave {option} out."
            )


def require_distinct_names(paths: Sequence[str]) -> None:
    """Raise SettingError if two prepared files have the same name, by which their runs are called."""
    by_name: dict[str, str] = {}
    for path in paths:
        other = by_name.setdefault(Variant(Path(path).stem, 0).folder_name, path)
        if other != path:
            raise SettingError(
                f"--data names {other} and {path}, and runs have the names of the files; give each file once, and rename one "
                f"of two with the same name."
            )


def check_files(options: ComparisonOptions, paths: Sequence[str]) -> None:
    """Check that prepared files hold what all variants need, and that they hold the same patches.

    Raises:
        PatchFileError: a file is missing, unfinished or damaged, or of another kind.
        SettingError: a file lacks Sentinel-1, bands at 10 m or a split, or the files have unequal patches or classes.
    """
    files = {path: BigEarthNetFile(path) for path in paths}
    for one, other in itertools.pairwise(files.values()):
        require_equal_patches(one, other)
    for path, file in files.items():
        for split, purpose in (("train", "to train on"), ("val", "to choose weights on"), ("test", "to measure on")):
            if split not in file.splits:
                raise SettingError(f"{path} has no patch of split {split}, {purpose}; prepare it with other --splits.")
    for variant in options.variants(list(files)):
        config = options.config(variant)
        require_band_set(files[config.data], config.bands)
    if options.compares_inputs:
        bands = options.config(options.variants(list(files))[0]).bands
        require_superres(files[paths[0]], files[paths[-1]], bands)


def require_superres(native: BigEarthNetFile, superres: BigEarthNetFile, bands: str) -> None:
    """Raise SettingError unless one file has its coarse bands at native GSD, and the other at 10 m."""
    for group in coarse_groups(bands):
        if native.shapes[group][0] != NATIVE_PX[group]:
            raise SettingError(f"{native.path} holds super-resolved bands; give a file of native bands first.")
        if superres.shapes[group][0] != PATCH_PX:
            raise SettingError(
                f"{superres.path} holds {group} at its native GSD; prepare it with --superres, from superres-predict with "
                f"weights for these bands, or choose other --bands."
            )


def coarse_groups(bands: str) -> list[str]:
    """Return the groups of a band set that can be super-resolved.

    Raises:
        SettingError: there are none.
    """
    coarse = [group for group in BAND_SETS[bands] if NATIVE_PX[group] < PATCH_PX]
    if not coarse:
        raise SettingError(f"--bands {bands} has no coarse bands to super-resolve; give --bands 10bands or s2.")
    return coarse


def require_equal_patches(one: BigEarthNetFile, other: BigEarthNetFile) -> None:
    """Raise SettingError unless two prepared files have the same classes, patches, splits and labels in the same order.

    The two nomenclatures of BigEarthNet may differ: `bigearthnet/studies/scores.py` scores both on the 19 classes.
    """
    parts = {
        "patches, or another order of them": (one.names, other.names),
        "splits": (one.splits, other.splits),
    }
    if {one.class_names, other.class_names} != set(NOMENCLATURES.values()):
        parts |= {
            "classes, or another order of them": (one.class_names, other.class_names),
            "labels": (one.labels, other.labels),
        }
    for part, (first, second) in parts.items():
        if not np.array_equal(first, second):
            raise SettingError(
                f"{one.path} and {other.path} cannot be compared, they have other {part}; prepare both from the same archive "
                f"with the same options."
            )
