"""The options of `bigearthnet-prepare`, checked."""

from dataclasses import dataclass
from pathlib import Path

from common.errors import SettingError


@dataclass(frozen=True)
class PreparationOptions:
    """What to prepare, and how.

    Attributes:
        root: folder of the Sentinel-2 patches.
        output: HDF5 file to make.
        s1_root: folder of the Sentinel-1 patches; None stores no Sentinel-1.
        splits: folder with `train.csv`, `val.csv` and `test.csv`; None uses the official lists.
        split_by_region: seed for splits drawn by region instead of taken from lists; None draws none.
        nomenclature: number of classes, 19 or 43.
        keep_snow_cloud: keep patches with snow, clouds or shadow.
        keep_unlabelled: keep patches without any class of the nomenclature.
        skip_unreadable: leave out patches that cannot be read; otherwise the first one ends the command.
        superres: folder of GeoTIFFs with bands at 10 m, which replace the native bands; None for none.
        processes: processes of each rank that read; None for the cores of the rank.
        overwrite: replace the output if it exists.

    Raises:
        SettingError: a number is out of range.
    """

    root: Path
    output: Path
    s1_root: Path | None = None
    splits: Path | None = None
    split_by_region: int | None = None
    nomenclature: int = 19
    keep_snow_cloud: bool = False
    keep_unlabelled: bool = False
    skip_unreadable: bool = False
    superres: Path | None = None
    processes: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.processes is not None and self.processes < 1:
            raise SettingError(f"--processes must be at least 1; got {self.processes}.")
        if self.split_by_region is not None and self.split_by_region < 0:
            raise SettingError(f"--split-by-region must be at least 0; got {self.split_by_region}.")
