"""Which patches go into a prepared file, in which split, with which labels. Nothing is read but lists and JSON files.

First `select_patches`, by names alone; then the JSON files of those are read, by all ranks; then `make_plan`.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bigearthnet.archive.folders import PatchFacts
from bigearthnet.archive.images import PatchFolders, superres_groups
from bigearthnet.archive.labels import NOMENCLATURES, encode, to_nomenclature
from bigearthnet.archive.splits import split_by_region
from bigearthnet.prepared.selection import UNREADABLE, Selection, leave_out_unreadable, require_some
from common.errors import ProductError


@dataclass(frozen=True)
class PreparationPlan:
    """What a prepared file will hold; one entry a patch, sorted by name.

    Attributes:
        patches: names and folders.
        splits: train, val or test.
        labels: (N, C) uint8.
        class_names: C names.
        superres_groups: groups that come from GeoTIFFs at 10 m.
        left_out: reason -> number of patches.
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
    def digest(self) -> str:
        """SHA-256 of what decides the content of the file, wherever the archive lies."""
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
    options: argparse.Namespace,
    selection: Selection,
    facts: Sequence[tuple[str, PatchFacts | None, str]],
    partners: Sequence[tuple[str, str | None, str]],
) -> PreparationPlan:
    """Decide on labels, splits and partners of the selected patches.

    Args:
        facts: name, facts, and where there are none the reason, as the JSON files of Sentinel-2 patches have them.
        partners: the same of `unlisted_s1`, with the names of their Sentinel-2 patches.

    Raises:
        ProductError: a patch is unreadable, has an unknown label or no partner, and `--skip-unreadable` is not given.
        SettingError: no patch remains, or too few regions.
    """
    known = dict(selection.facts) | {name: found for name, found, _ in facts if found}
    leave_out_unreadable(selection, {name: reason for name, found, reason in facts if not found}, options)
    add_partners(selection, partners, options)
    labels = read_labels(selection, known, options)
    if not options.keep_unlabelled:
        labelled = {name for name, found in labels.items() if found}
        selection.keep(labelled, f"without a class of the {options.nomenclature}")
    require_some(selection.folders, selection.left_out, selection.unreadable, options.root)
    names = sorted(selection.folders)
    split_of = selection.split_of
    if split_of is None:
        split_of = split_by_region({name: known[name].region for name in names}, options.split_by_region)
    patches = [
        PatchFolders(name, selection.folders[name], selection.partners.get(name), superres_path(options, name))
        for name in names
    ]
    class_names = NOMENCLATURES[options.nomenclature]
    if selection.unreadable:
        selection.left_out[UNREADABLE] = len(selection.unreadable)
    return PreparationPlan(
        patches,
        [split_of[name] for name in names],
        np.stack([encode(labels[name], class_names) for name in names]),
        class_names,
        found_groups(patches),
        +selection.left_out,
        selection.unreadable,
    )


def add_partners(
    selection: Selection, partners: Sequence[tuple[str, str | None, str]], options: argparse.Namespace
) -> None:
    """Add what JSON files of Sentinel-1 say; leave out patches without a partner."""
    if not options.s1_root:
        return
    for name, s2, _ in partners:
        if s2 in selection.folders:
            selection.partners.setdefault(s2, selection.unlisted_s1[name])
    silent = [reason for _, s2, reason in partners if s2 is None]
    hint = f" ({len(silent)} patches there do not tell theirs: {silent[0]})" if silent else ""
    leave_out_unreadable(
        selection,
        {
            name: f"{name} has no Sentinel-1 partner in {options.s1_root}{hint}"
            for name in selection.folders
            if name not in selection.partners
        },
        options,
    )


def read_labels(
    selection: Selection, facts: Mapping[str, PatchFacts], options: argparse.Namespace
) -> dict[str, tuple[str, ...]]:
    """Patch -> its labels in the nomenclature; patches with unknown labels are left out."""
    labels, unknown = {}, {}
    for name in selection.folders:
        try:
            labels[name] = to_nomenclature(facts[name].labels, options.nomenclature)
        except ProductError as error:
            unknown[name] = f"{name} has an {error}"
    leave_out_unreadable(selection, unknown, options)
    return labels


def superres_path(options: argparse.Namespace, name: str) -> str | None:
    """The GeoTIFF at 10 m of a patch, where such are wanted."""
    return str(Path(options.superres) / f"{name}.tif") if options.superres else None


def found_groups(patches: Sequence[PatchFolders]) -> tuple[str, ...]:
    """The groups that the first GeoTIFF at 10 m holds; all others must hold them too."""
    paths = [patch.superres for patch in patches if patch.superres]
    if not paths:
        return ()
    first = next((path for path in paths if Path(path).is_file()), paths[0])
    return superres_groups(first)
