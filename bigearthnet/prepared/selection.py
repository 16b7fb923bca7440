"""Which patches of an archive go into a prepared file: splits, left-out patches, Sentinel-1 partners."""

import argparse
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bigearthnet.archive.folders import S1_NAME, S2_NAME, PatchFacts, find_patches
from bigearthnet.archive.reben import RebenLists, is_reben, read_reben_lists
from bigearthnet.archive.splits import (
    OfficialLists,
    read_official_lists,
    read_official_partners,
    read_split_lists,
)
from common.errors import ProductError, SettingError, TileListError, some_of

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
            f"{options.splits} lists {some_of(unknown)}, not found in {options.root}; "
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


def leave_out_unreadable(selection: Selection, reasons: Mapping[str, str], options: argparse.Namespace) -> None:
    """Leave patches out on request; otherwise say what is wrong with the first."""
    if reasons and not options.skip_unreadable:
        raise unreadable_error(reasons)
    selection.drop_unreadable(reasons)


def unreadable_error(reasons: Mapping[str, str]) -> ProductError:
    """The error to raise for patches that cannot be read."""
    first, *others = sorted(reasons)
    also = f" Also unreadable: {some_of(others)}." if others else ""
    return ProductError(f"{reasons[first].rstrip('.')}.{also} --skip-unreadable leaves such patches out.")


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
