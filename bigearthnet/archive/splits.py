"""Which patches train, validate and test: the official lists, a folder of lists, or regions drawn at random."""

import bz2
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.errors import SettingError, TileListError
from common.files.downloads import SAMPLE, fetch_wheel

SHARES = {"train": 0.52, "val": 0.24, "test": 0.24}  # of the patches, as the official lists have it
_PACKAGE = "bigearthnet_common"
_SNOW_CLOUD = ("patches_with_seasonal_snow", "patches_with_cloud_and_shadow")


@dataclass(frozen=True)
class OfficialLists:
    """The lists for version 1 that its authors recommend; names are of Sentinel-2 patches.

    Attributes:
        split_of: patch -> train, val or test.
        snow_cloud: patches with seasonal snow, clouds or their shadow; in none of the splits.
    """

    split_of: Mapping[str, str] = field(default_factory=dict)
    snow_cloud: frozenset[str] = frozenset()


def read_official_lists() -> OfficialLists:
    """The official lists, out of the wheel that carries them; downloaded at the first time, and verified.

    Raises:
        DownloadError: the wheel cannot be had.
    """
    with zipfile.ZipFile(fetch_wheel(SAMPLE)) as archive:
        return OfficialLists(
            split_of={name: split for split in SPLITS for name in read_lines(archive, split)},
            snow_cloud=frozenset(name for reason in _SNOW_CLOUD for name in read_lines(archive, reason)),
        )


def read_official_partners() -> dict[str, str]:
    """Sentinel-2 patch -> Sentinel-1 partner, of all patches of version 1, out of the same wheel; takes seconds.

    Raises:
        DownloadError: the wheel cannot be had.
    """
    with zipfile.ZipFile(fetch_wheel(SAMPLE)) as archive:
        pairs = (line.split(",") for line in read_lines(archive, "s1_s2_name_country_season")[1:])
        return {s2: s1 for s1, s2, *_ in pairs}


def read_lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    """The lines of a list in the wheel."""
    return bz2.decompress(archive.read(f"{_PACKAGE}/{name}.csv.bz2")).decode().splitlines()


def read_split_lists(folder: Path | str) -> dict[str, str]:
    """Patch -> split, from `train.csv`, `val.csv` and `test.csv`, a patch name a line.

    Raises:
        TileListError: a list is missing or no text, or a patch is listed twice.
    """
    names = [(name, split) for split in SPLITS for name in read_names(Path(folder) / f"{split}.csv")]
    name, times = Counter(name for name, _ in names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        where = " and ".join(f"{split}.csv" for other, split in names if other == name)
        raise TileListError(f"{folder} lists {name} twice, in {where}; a patch can be in one split only.")
    return dict(names)


def read_names(path: Path) -> list[str]:
    """The names of a list; further columns, empty lines and comments after # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise TileListError(
            f"{path} cannot be read ({reason}); --splits needs a folder with train.csv, val.csv and "
            f"test.csv, a patch name a line."
        ) from error
    names = (line.partition("#")[0].split(",")[0].strip() for line in lines)
    return [name for name in names if name]


def split_by_region(region_of: Mapping[str, str], seed: int) -> dict[str, str]:
    """Patch -> split, whole regions on one side; about 52, 24 and 24 % of the patches.

    Args:
        region_of: patch -> its region.
        seed: of the order in which regions are dealt out, each to the split that lacks most of its share.

    Raises:
        SettingError: fewer regions than splits.
    """
    sizes = Counter(region_of.values())
    if len(sizes) < len(SPLITS):
        raise SettingError(
            f"the patches lie in {len(sizes)} regions, too few for {len(SPLITS)} splits; give --splits, "
            f"or more patches."
        )
    filled = dict.fromkeys(SPLITS, 0)
    chosen = {}
    regions = sorted(sizes)
    for number in np.random.default_rng(seed).permutation(len(regions)):
        lacks_most = min(SPLITS, key=lambda split: filled[split] / SHARES[split])
        chosen[regions[number]] = lacks_most
        filled[lacks_most] += sizes[regions[number]]
    return {name: chosen[region] for name, region in region_of.items()}


def count_splits(splits: Sequence[str]) -> str:
    """`train 3, val 1, test 1`."""
    counts = Counter(splits)
    return ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)


SPLITS = ("train", "val", "test")
