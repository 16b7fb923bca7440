"""The content of a prepared file before its images are read: patches, splits, labels.

`select_patches` chooses patches by their names, all ranks read the JSON files of these, and `make_plan` completes the
plan.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.archive.images import PatchFolders, find_superres_groups
from bigearthnet.archive.labels import NOMENCLATURES, encode, to_nomenclature
from bigearthnet.archive.splits import split_by_region
from bigearthnet.prepared.json_files import JsonContents
from bigearthnet.prepared.options import PreparationOptions
from bigearthnet.prepared.selection import Selection, check_not_empty
from common.errors import ProductError


@dataclass(frozen=True)
class PreparationPlan:
    """The planned content of a prepared file; one entry a patch, sorted by name.

    Attributes:
        patches: names and folders.
        splits: train, val or test.
        labels: (N, C) uint8.
        class_names: C names.
        superres_groups: groups that come from GeoTIFFs at 10 m.
        left_out: reason -> number of patches, besides the unreadable ones.
        unreadable: patch -> reason.
    """

    patches: Sequence[PatchFolders]
    splits: Sequence[str]
    labels: np.ndarray
    class_names: Sequence[str]
    superres_groups: tuple[str, ...]
    left_out: Mapping[str, int]
    unreadable: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        return [patch.name for patch in self.patches]

    @property
    def has_s1(self) -> bool:
        return self.patches[0].s1 is not None

    def digest(self) -> str:
        """Return the SHA-256 of everything that decides the file's content, except for where the archive lies."""
        partners = [Path(patch.s1).name if patch.s1 else "" for patch in self.patches]
        superres = [str(patch.superres) for patch in self.patches]
        parts = [
            self.names,
            list(self.splits),
            self.labels.tolist(),
            list(self.class_names),
            partners,
            superres,
            list(self.superres_groups),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def make_plan(
    options: PreparationOptions,
    selection: Selection,
    facts: JsonContents[PatchFacts],
    partners: JsonContents[str],
) -> PreparationPlan:
    """Decide on labels, splits and partners of the selected patches.

    Args:
        options: the command's options.
        selection: the patches chosen by their names.
        facts: labels and regions from the JSON files of the Sentinel-2 patches; empty for version 2.
        partners: Sentinel-2 patches from the JSON files of `selection.unlisted_s1`.

    Raises:
        ProductError: a patch is unreadable, has an unknown label or no partner, and `--skip-unreadable` is not given.
        SettingError: no patch remains, or there are too few regions.
    """
    selection = selection.without_unreadable(facts.errors, options.skip_unreadable)
    if options.s1_root:
        selection = add_partners(selection, partners, options)
    facts_of = {**selection.facts, **facts.values}
    labels, unknown = convert_labels({name: facts_of[name] for name in selection.folders}, options.nomenclature)
    selection = selection.without_unreadable(unknown, options.skip_unreadable)
    if not options.keep_unlabelled:
        labelled = {name for name, classes in labels.items() if classes}
        selection = selection.keep(labelled, f"without a class of the {options.nomenclature}")
    check_not_empty(selection, options)
    names = sorted(selection.folders)
    split_of = selection.split_of
    if split_of is None:
        split_of = split_by_region({name: facts_of[name].region for name in names}, options.split_by_region)
    class_names = NOMENCLATURES[options.nomenclature]
    return PreparationPlan(
        [PatchFolders(n, selection.folders[n], selection.partners.get(n), superres_path(options, n)) for n in names],
        [split_of[name] for name in names],
        np.stack([encode(labels[name], class_names) for name in names]),
        class_names,
        superres_groups([superres_path(options, name) for name in names]) if options.superres else (),
        selection.left_out,
        selection.unreadable,
    )


def add_partners(selection: Selection, partners: JsonContents[str], options: PreparationOptions) -> Selection:
    """Return the selection with the partners that JSON files of Sentinel-1 name, without patches that have none.

    Raises:
        ProductError: a patch has no partner, and unreadable patches are not to be skipped.
    """
    named = {s2: selection.unlisted_s1[s1] for s1, s2 in reversed(partners.values.items()) if s2 in selection.folders}
    all_partners = {**named, **selection.partners}
    errors = list(partners.errors.values())
    hint = f" ({len(errors)} patches there do not name theirs: {errors[0]})" if errors else ""
    missing = {
        name: f"{name} has no Sentinel-1 partner in {options.s1_root}{hint}"
        for name in selection.folders
        if name not in all_partners
    }
    return replace(selection, partners=all_partners).without_unreadable(missing, options.skip_unreadable)


def convert_labels(
    facts: Mapping[str, PatchFacts], nomenclature: int
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Convert the labels of patches to a nomenclature.

    Returns:
        Patch -> its classes; and patch -> reason, for patches with unknown labels.
    """
    labels, unknown = {}, {}
    for name, patch_facts in facts.items():
        try:
            labels[name] = to_nomenclature(patch_facts.labels, nomenclature)
        except ProductError as error:
            unknown[name] = f"{name} has an {error}"
    return labels, unknown


def superres_path(options: PreparationOptions, name: str) -> str | None:
    """Return the GeoTIFF at 10 m of a patch, None without `--superres`."""
    return str(options.superres / f"{name}.tif") if options.superres else None


def superres_groups(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the groups that the first existing GeoTIFF at 10 m holds; all others must hold them too."""
    return find_superres_groups(next((path for path in paths if Path(path).is_file()), paths[0]))
