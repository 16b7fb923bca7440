"""Which patches go into a prepared file, in which split, with which labels. Nothing is read but lists and JSON files.

First `select_patches`, by names alone; then the JSON files of those are read, by all ranks; then `make_plan`.
"""

import argparse
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bigearthnet.archive import S1_NAME, S2_NAME, PatchFacts, find_patches
from bigearthnet.images import PatchFolders, superres_groups
from bigearthnet.labels import NOMENCLATURES, encode, to_nomenclature
from bigearthnet.reben import RebenLists, is_reben, read_reben_lists
from bigearthnet.splits import (
    OfficialLists,
    read_official_lists,
    read_official_partners,
    read_split_lists,
    split_by_region,
)
from common.errors import ProductError, SettingError, TileListError

logger = logging.getLogger(__name__)

MANY_PARTNERS = 20_000  # from here on the official list is read sooner than the JSON file of each
SNOW_CLOUD, NO_LIST, UNREADABLE = "with snow or clouds", "in no list", "unreadable"


@dataclass
class Selection:
    """Patches chosen by their names.

    Attributes:
        folders: Sentinel-2 patch -> its folder.
        facts: of version 2; empty where JSON files hold them.
        split_of: patch -> split; None where regions decide.
        partners: Sentinel-2 patch -> folder of its Sentinel-1 partner, as far as lists tell.
        unlisted_s1: Sentinel-1 patch -> folder, of those whose JSON file has to tell the partner.
        left_out: reason -> number of patches.
        unreadable: patch -> reason, of those that `--skip-unreadable` leaves out.
    """

    folders: dict[str, str]
    facts: Mapping[str, PatchFacts] = field(default_factory=dict)
    split_of: Mapping[str, str] | None = None
    partners: dict[str, str] = field(default_factory=dict)
    unlisted_s1: dict[str, str] = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)

    def keep(self, names: set[str], reason: str) -> None:
        """Leave out all patches but these."""
        self.left_out[reason] += len(self.folders.keys() - names)
        self.folders = {name: folder for name, folder in self.folders.items() if name in names}

    def drop_unreadable(self, reasons: Mapping[str, str]) -> None:
        """Leave out patches that cannot be read."""
        self.unreadable.update(reasons)
        self.folders = {name: folder for name, folder in self.folders.items() if name not in reasons}


@dataclass(frozen=True)
class Plan:
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


def select_patches(options: argparse.Namespace) -> Selection:
    """Choose patches by their names.

    Raises:
        ProductError, TileListError, SettingError, DownloadError: as the readers of folders and lists.
    """
    selection = Selection(find_patches(options.root, S2_NAME))
    lists = read_lists(selection, options)
    logger.info("%d patches in %s", len(selection.folders), options.root)
    own = read_split_lists(options.splits) if options.splits else None
    if own is not None:
        require_known(own, selection, options)
    if not options.keep_snow_cloud:
        selection.keep(selection.folders.keys() - lists.snow_cloud, SNOW_CLOUD)
    if options.split_by_region is None:
        selection.split_of = own if own is not None else official_split(selection, lists)
        selection.keep(set(selection.split_of), NO_LIST)
    if options.s1_root:
        find_partners(selection, lists, options.s1_root)
    require_some(selection.folders, selection.left_out, selection.unreadable, options.root)
    return selection


def read_lists(selection: Selection, options: argparse.Namespace) -> OfficialLists | RebenLists:
    """The lists that belong to the version of the archive."""
    versions = {is_reben(name) for name in selection.folders}
    if len(versions) > 1:
        raise ProductError(f"{options.root} holds patches of version 1 and of version 2; give one of them.")
    if True not in versions:
        by_hand = options.keep_snow_cloud and (options.splits or options.split_by_region is not None)
        return OfficialLists() if by_hand else read_official_lists()
    if options.nomenclature != 19:
        raise SettingError(
            f"{options.root} holds version 2, whose labels are of the 19 classes; give --nomenclature 19."
        )
    lists = read_reben_lists(options.root)
    selection.facts = lists.facts
    unknown = {
        name: f"{name} is not in the metadata of version 2" for name in selection.folders if name not in lists.facts
    }
    leave_out_unreadable(selection, unknown, options)
    return lists


def official_split(selection: Selection, lists: OfficialLists | RebenLists) -> dict[str, str]:
    """The official splits; snow and cloud patches, which are in none of them, train where they are kept."""
    absent = len(lists.split_of.keys() - selection.folders.keys())
    if absent:
        logger.warning("%d of the %d patches in the official lists are not there", absent, len(lists.split_of))
    kept = {name: "train" for name in selection.folders if name in lists.snow_cloud and name not in lists.split_of}
    if kept:
        logger.info("%d patches with snow or clouds are in no official list; they train", len(kept))
    return {**lists.split_of, **kept}


def require_known(own: Mapping[str, str], selection: Selection, options: argparse.Namespace) -> None:
    """Refuse lists that name what is not there."""
    unknown = sorted(own.keys() - selection.folders.keys() - selection.unreadable.keys())
    if unknown and not options.skip_unreadable:
        raise TileListError(
            f"{options.splits} lists {unknown[0]}{more(unknown)}, which is not in {options.root}; "
            f"correct the lists, or leave such patches out with --skip-unreadable."
        )
    selection.unreadable.update((name, f"{name} is listed, but not in {options.root}") for name in unknown)


def find_partners(selection: Selection, lists: OfficialLists | RebenLists, s1_root: str) -> None:
    """Find the Sentinel-1 partners that lists tell, and the patches whose JSON files have to tell."""
    folders = find_patches(s1_root, S1_NAME)
    partner_of = getattr(lists, "partner_of", {})  # version 2 says it in its metadata
    if len(folders) > MANY_PARTNERS and not selection.facts:
        partner_of = read_official_partners()
    selection.partners = {s2: folders[s1] for s2 in selection.folders if (s1 := partner_of.get(s2)) in folders}
    if selection.partners.keys() != selection.folders.keys() and not selection.facts:
        listed = set(partner_of.values())
        selection.unlisted_s1 = {name: folder for name, folder in folders.items() if name not in listed}


def make_plan(
    options: argparse.Namespace,
    selection: Selection,
    facts: Sequence[tuple[str, PatchFacts | None, str]],
    partners: Sequence[tuple[str, str | None, str]],
) -> Plan:
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
    return Plan(
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


def leave_out_unreadable(selection: Selection, reasons: Mapping[str, str], options: argparse.Namespace) -> None:
    """Leave patches out on request; otherwise say what is wrong with the first."""
    if reasons and not options.skip_unreadable:
        raise unreadable_error(reasons)
    selection.drop_unreadable(reasons)


def unreadable_error(reasons: Mapping[str, str]) -> ProductError:
    """The error to raise for patches that cannot be read."""
    names = sorted(reasons)
    return ProductError(f"{reasons[names[0]].rstrip('.')}{more(names)}. --skip-unreadable leaves such patches out.")


def more(names: Sequence[str]) -> str:
    """` (and 3 more)`."""
    return f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""


def require_some(folders: Mapping, left_out: Mapping[str, int], unreadable: Mapping, root: str) -> None:
    """Refuse to make a file without patches."""
    if not folders:
        reasons = describe_left_out({**left_out, UNREADABLE: len(unreadable)})
        raise SettingError(
            f"no patch of {root} remains, {reasons}; give --splits or --split-by-region, or see --help "
            f"for what else keeps them."
        )


def describe_left_out(left_out: Mapping[str, int]) -> str:
    """`left out: 3 in no list, 1 unreadable`."""
    parts = [f"{count:,} {reason}" for reason, count in left_out.items() if count]
    return f"left out: {', '.join(parts) or 'none'}"
