"""The patches of an archive that go into a prepared file: splits, patches left out, Sentinel-1 partners."""

import logging
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from bigearthnet.archive.folders import S1_NAME, S2_NAME, PatchFacts, find_patches
from bigearthnet.archive.reben import is_reben, read_reben_lists
from bigearthnet.archive.splits import ArchiveLists, read_official_lists, read_official_partners, read_split_lists
from bigearthnet.prepared.options import PreparationOptions
from common.errors import ProductError, SettingError, TileListError, some_of
from common.files.read_errors import require_folder

logger = logging.getLogger(__name__)

MANY_PARTNERS = 20_000  # for more patches, the official list is faster to read than the JSON file of each
SNOW_CLOUD, NO_LIST, UNREADABLE = "with snow or clouds", "in no list", "unreadable"


@dataclass(frozen=True)
class Selection:
    """Patches chosen by their names.

    Attributes:
        folders: Sentinel-2 patch -> its folder.
        facts: patch -> labels and region, of version 2; empty for version 1, whose JSON files hold them.
        split_of: patch -> split; None if the split is drawn by region.
        partners: Sentinel-2 patch -> folder of its Sentinel-1 partner, for the partners that lists name.
        unlisted_s1: Sentinel-1 patch -> folder, for the patches whose partner only their JSON file names.
        left_out: reason -> number of patches, besides the unreadable ones.
        unreadable: patch -> reason, of patches left out because they cannot be read.
    """

    folders: Mapping[str, str]
    facts: Mapping[str, PatchFacts] = field(default_factory=dict)
    split_of: Mapping[str, str] | None = None
    partners: Mapping[str, str] = field(default_factory=dict)
    unlisted_s1: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def keep(self, names: Set[str], reason: str) -> "Selection":
        """Return the selection without the patches that are not among `names`, which are left out for a reason."""
        folders = {name: folder for name, folder in self.folders.items() if name in names}
        return replace(self, folders=folders, left_out={**self.left_out, reason: len(self.folders) - len(folders)})

    def without_unreadable(self, reasons: Mapping[str, str], skip_unreadable: bool) -> "Selection":
        """Return the selection without patches that cannot be read.

        Args:
            reasons: patch -> reason.
            skip_unreadable: leave the patches out.

        Raises:
            ProductError: there are unreadable patches, and they are not to be skipped.
        """
        if reasons and not skip_unreadable:
            raise unreadable_error(reasons)
        folders = {name: folder for name, folder in self.folders.items() if name not in reasons}
        return replace(self, folders=folders, unreadable={**self.unreadable, **reasons})


def select_patches(options: PreparationOptions) -> Selection:
    """Choose patches by their names.

    Raises:
        ProductError: a folder holds no patches or both versions, or a patch is unreadable and not to be skipped.
        TileListError: the lists of `--splits` cannot be read, or name patches that the archive lacks.
        SettingError: a folder does not exist, no patch remains, or the nomenclature does not fit the archive.
        DownloadError: the official lists cannot be downloaded.
    """
    require_folders(options)
    own_splits = read_split_lists(options.splits) if options.splits else None
    found = find_patches(options.root, S2_NAME)  # takes minutes for the whole archive
    selection = Selection(found)
    lists = read_archive_lists(selection.folders, options)
    if lists.facts is not None:
        selection = take_facts(selection, lists, options.skip_unreadable)
    logger.info("%d patches in %s", len(selection.folders), options.root)
    if own_splits is not None:
        absent = find_absent(own_splits, selection, options)
        selection = replace(selection, unreadable={**selection.unreadable, **absent})
    if not options.keep_snow_cloud:
        selection = selection.keep(selection.folders.keys() - lists.snow_cloud, SNOW_CLOUD)
    if options.split_by_region is None:
        split_of = own_splits if own_splits is not None else official_split(selection, lists, found.keys())
        selection = replace(selection, split_of=split_of).keep(split_of.keys(), NO_LIST)
    if options.s1_root:
        selection = take_partners(selection, lists, find_patches(options.s1_root, S1_NAME))
    check_not_empty(selection, options)
    return selection


def require_folders(options: PreparationOptions) -> None:
    """Raise SettingError if a folder beside the archive does not exist."""
    require_folder("--s1-root", options.s1_root)
    require_folder("--superres", options.superres)
    require_folder("--splits", options.splits)


def read_archive_lists(folders: Mapping[str, str], options: PreparationOptions) -> ArchiveLists:
    """Read the lists that belong to the version of the archive; empty if the options need none.

    Args:
        folders: Sentinel-2 patch -> its folder.
        options: the command's options.

    Raises:
        ProductError: the archive holds both versions, or its metadata are missing or damaged.
        SettingError: the 43 classes are asked for, but the archive has the 19 only.
        DownloadError: the official lists cannot be downloaded.
    """
    versions = {2 if is_reben(name) else 1 for name in folders}
    if len(versions) > 1:
        raise ProductError(f"{options.root} holds patches of version 1 and of version 2; give only one of them.")
    if versions == {1}:
        needs_no_lists = options.keep_snow_cloud and (options.splits or options.split_by_region is not None)
        return ArchiveLists() if needs_no_lists else read_official_lists()
    if options.nomenclature != 19:
        raise SettingError(
            f"{options.root} holds version 2, whose labels are of the 19 classes; give --nomenclature 19."
        )
    return read_reben_lists(options.root)


def take_facts(selection: Selection, lists: ArchiveLists, skip_unreadable: bool) -> Selection:
    """Return the selection with the facts of version 2, without patches that its metadata lack.

    Raises:
        ProductError: the metadata lack a patch, and unreadable patches are not to be skipped.
    """
    unknown = {
        name: f"{name} is not in the metadata of version 2" for name in selection.folders if name not in lists.facts
    }
    return replace(selection, facts=lists.facts).without_unreadable(unknown, skip_unreadable)


def official_split(selection: Selection, lists: ArchiveLists, found: Set[str]) -> dict[str, str]:
    """Return patch -> split by the official lists; patches with snow or clouds that the lists lack train.

    Args:
        selection: the patches chosen so far.
        lists: of the archive's version.
        found: all patches in the archive, also those left out.
    """
    absent_count = len(lists.split_of.keys() - found)
    if absent_count:
        logger.warning(
            "the archive lacks %d of the %d patches in the official lists", absent_count, len(lists.split_of)
        )
    added = {name: "train" for name in selection.folders if name in lists.snow_cloud and name not in lists.split_of}
    if added:
        logger.info("%d patches with snow or clouds are in no official list; they train", len(added))
    return {**lists.split_of, **added}


def find_absent(split_of: Mapping[str, str], selection: Selection, options: PreparationOptions) -> dict[str, str]:
    """Return patch -> reason of the patches that lists name and the archive lacks.

    Raises:
        TileListError: there are such patches, and unreadable patches are not to be skipped.
    """
    absent = sorted(split_of.keys() - selection.folders.keys() - selection.unreadable.keys())
    if absent and not options.skip_unreadable:
        raise TileListError(
            f"{options.splits} lists {some_of(absent)}, not found in {options.root}; "
            f"correct the lists, or leave such patches out with --skip-unreadable."
        )
    return {name: f"{name} is listed, but not in {options.root}" for name in absent}


def take_partners(selection: Selection, lists: ArchiveLists, s1_folders: Mapping[str, str]) -> Selection:
    """Return the selection with the Sentinel-1 partners that lists name, and the patches that lists do not name.

    Args:
        selection: the chosen Sentinel-2 patches.
        lists: of the archive's version; those of version 2 name the partners.
        s1_folders: Sentinel-1 patch -> its folder.
    """
    partner_of = lists.partner_of
    if len(s1_folders) > MANY_PARTNERS and not selection.facts:
        partner_of = read_official_partners()
    partners = {s2: s1_folders[s1] for s2 in selection.folders if (s1 := partner_of.get(s2)) in s1_folders}
    if selection.facts or partners.keys() == selection.folders.keys():
        return replace(selection, partners=partners)
    listed = set(partner_of.values())
    unlisted = {name: folder for name, folder in s1_folders.items() if name not in listed}
    return replace(selection, partners=partners, unlisted_s1=unlisted)


def unreadable_error(reasons: Mapping[str, str]) -> ProductError:
    """Return the error for patches that cannot be read, given patch -> reason."""
    first, *others = sorted(reasons)
    also = f" Also unreadable: {some_of(others)}." if others else ""
    return ProductError(f"{reasons[first].rstrip('.')}.{also} --skip-unreadable leaves such patches out.")


def check_not_empty(selection: Selection, options: PreparationOptions) -> None:
    """Raise SettingError if no patch remains."""
    if not selection.folders:
        reasons = describe_left_out(count_left_out(selection.left_out, selection.unreadable))
        raise SettingError(
            f"no patch of {options.root} remains, {reasons}; give --splits or --split-by-region, or see --help "
            f"for other options that keep patches."
        )


def count_left_out(left_out: Mapping[str, int], unreadable: Mapping[str, str]) -> dict[str, int]:
    """Return reason -> number of patches left out, without the reasons that apply to no patch."""
    counts = {**left_out, UNREADABLE: len(unreadable)}
    return {reason: count for reason, count in counts.items() if count}


def describe_left_out(counts: Mapping[str, int]) -> str:
    """Return a phrase such as `left out: 3 in no list, 1 unreadable`."""
    return f"left out: {', '.join(f'{count:,} {reason}' for reason, count in counts.items()) or 'none'}"
