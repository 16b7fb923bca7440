"""Splits of an archive into patches for training, validation and test: by official lists, own lists, or regions."""

import bz2
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bigearthnet.archive.folders import PatchFacts
from common.errors import SettingError, TileListError
from common.files.downloads import SAMPLE, fetch_wheel
from common.files.limits import read_lines
from common.files.read_errors import describe_refusal

SPLITS = ("train", "val", "test")
SHARES = {"train": 0.52, "val": 0.24, "test": 0.24}  # of the patches, as in the official lists
_PACKAGE = "bigearthnet_common"
_SNOW_CLOUD = ("patches_with_seasonal_snow", "patches_with_cloud_and_shadow")


@dataclass(frozen=True)
class ArchiveLists:
    """The lists that its authors publish for one version of the archive. Keys are names of Sentinel-2 patches.

    Attributes:
        split_of: patch -> train, val or test.
        snow_cloud: patches with seasonal snow, clouds or their shadow.
        facts: patch -> labels and region; None for version 1, whose JSON files hold them.
        partner_of: patch -> its Sentinel-1 partner; empty if the lists do not name partners.
    """

    split_of: Mapping[str, str] = field(default_factory=dict)
    snow_cloud: frozenset[str] = frozenset()
    facts: Mapping[str, PatchFacts] | None = None
    partner_of: Mapping[str, str] = field(default_factory=dict)


def read_official_lists() -> ArchiveLists:
    """Read the official lists for version 1 from the wheel that holds them. The first call downloads it.

    Patches with snow or clouds are in none of the splits.

    Raises:
        DownloadError: the wheel cannot be downloaded.
    """
    with zipfile.ZipFile(fetch_wheel(SAMPLE)) as archive:
        return ArchiveLists(
            split_of={name: split for split in SPLITS for name in lines_in_wheel(archive, split)},
            snow_cloud=frozenset(name for reason in _SNOW_CLOUD for name in lines_in_wheel(archive, reason)),
        )


def read_official_partners() -> dict[str, str]:
    """Return Sentinel-2 patch -> Sentinel-1 partner of all patches of version 1, from the same wheel; takes seconds.

    Raises:
        DownloadError: the wheel cannot be downloaded.
    """
    with zipfile.ZipFile(fetch_wheel(SAMPLE)) as archive:
        pairs = (line.split(",") for line in lines_in_wheel(archive, "s1_s2_name_country_season")[1:])
        return {s2: s1 for s1, s2, *_ in pairs}


def lines_in_wheel(archive: zipfile.ZipFile, name: str) -> list[str]:
    """Return the lines of a list in the wheel."""
    return bz2.decompress(archive.read(f"{_PACKAGE}/{name}.csv.bz2")).decode().splitlines()


def read_split_lists(folder: Path | str) -> dict[str, str]:
    """Return patch -> split, read from `train.csv`, `val.csv` and `test.csv` with one patch name a line.

    Raises:
        TileListError: a list is missing or not a text file, or a patch is listed twice.
    """
    names = [(name, split) for split in SPLITS for name in read_names(Path(folder) / f"{split}.csv")]
    name, times = Counter(name for name, _ in names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        lists = " and ".join(f"{split}.csv" for other, split in names if other == name)
        raise TileListError(f"{folder} lists {name} twice, in {lists}; a patch can be in one split only.")
    return dict(names)


def read_names(path: Path) -> list[str]:
    """Read the first column of a list; empty lines and comments after # are skipped."""
    try:
        lines = read_lines(path)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        reason = describe_refusal(error) or (
            f"cannot be read ({cause}); --splits needs a folder with train.csv, val.csv and test.csv, one patch name a line"
        )
        raise TileListError(f"{path} {reason}.") from error
    names = (line.partition("#")[0].split(",")[0].strip() for line in lines)
    return [name for name in names if name]


def split_by_region(region_of: Mapping[str, str], seed: int) -> dict[str, str]:
    """Return patch -> split, each region whole in one split, with about 52, 24 and 24 % of the patches.

    Regions are dealt out in random order, each to the split that lacks most of its share.

    Args:
        region_of: patch -> its region.
        seed: of the random order.

    Raises:
        SettingError: there are fewer regions than splits.
    """
    sizes = Counter(region_of.values())
    if len(sizes) < len(SPLITS):
        raise SettingError(
            f"the patches lie in {len(sizes)} regions, too few for {len(SPLITS)} splits; give --splits, "
            f"or more patches."
        )
    import numpy as np  # here, because commands import SPLITS before they parse their options

    filled = dict.fromkeys(SPLITS, 0)
    split_of_region = {}
    regions = sorted(sizes)
    for region_index in np.random.default_rng(seed).permutation(len(regions)):
        region = regions[region_index]
        split = min(SPLITS, key=lambda split: filled[split] / SHARES[split])
        split_of_region[region] = split
        filled[split] += sizes[region]
    return {name: split_of_region[region] for name, region in region_of.items()}


def count_splits(splits: Sequence[str]) -> str:
    """Return the number of patches of each split, such as `train 3, val 1, test 1`."""
    counts = Counter(splits)
    return ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)
