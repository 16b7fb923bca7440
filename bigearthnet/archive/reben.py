"""The metadata of BigEarthNet version 2 (reBEN), in Parquet files instead of a JSON file for each patch.

K. N. Clasen et al. 2024, arXiv:2407.03653. Labels are of the 19 classes only.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bigearthnet.archive.folders import S2_NAME, PatchFacts
from bigearthnet.archive.splits import ArchiveLists
from common.errors import ProductError, ProductNotFoundError, SettingError
from common.files.limits import MAX_ROWS
from common.files.read_errors import describe_missing, describe_refusal

METADATA = ("metadata.parquet", "metadata_for_patches_with_snow_cloud_or_shadow.parquet")
_COLUMNS = ("patch_id", "labels", "split", "s1_name")
_FLAGS = ("contains_seasonal_snow", "contains_cloud_or_shadow")
_SPLITS = {"train": "train", "validation": "val", "val": "val", "test": "test"}


def is_reben(name: str) -> bool:
    """Return whether a name is that of a patch of version 2: those names contain the tile."""
    match = S2_NAME.fullmatch(name)
    return bool(match and match["tile"])


def find_metadata(root: Path | str) -> list[Path]:
    """Return the Parquet files in the folder of the patches, or in the folder above.

    Raises:
        ProductNotFoundError: `metadata.parquet` is in neither folder.
    """
    root = Path(root).absolute()
    for folder in (root, root.parent):
        if os.path.lexists(folder / METADATA[0]):  # also a link to nowhere, which reading tells
            return [folder / name for name in METADATA if os.path.lexists(folder / name)]
    raise ProductNotFoundError(
        f"{root} holds patches of version 2, but neither it nor the folder above holds {METADATA[0]}; "
        f"download that file into one of them."
    )


def read_reben_partners(*places: Path) -> dict[str, str]:
    """Read which Sentinel-1 patch belongs to each Sentinel-2 patch: name -> name.

    Args:
        places: `metadata.parquet` is looked for in these folders, and in three folders above each.

    Raises:
        SettingError: the package pyarrow is not installed.
        ProductError: the file is missing, damaged, or lacks a column.
    """
    folders = [folder for place in places for folder in (place.absolute(), *place.absolute().parents[:3])]
    found = next((folder for folder in folders if os.path.lexists(folder / METADATA[0])), None)
    if found is None:
        raise ProductNotFoundError(
            f"{places[0]} holds patches of version 2, whose Sentinel-1 partners stand in {METADATA[0]}; download that file "
            f"into the folder that holds the unpacked archives."
        )
    rows = [row for name in METADATA if os.path.lexists(found / name) for row in read_rows(found / name)]
    return {row["patch_id"]: row["s1_name"] for row in rows if row["s1_name"]}


def read_reben_lists(root: Path | str) -> ArchiveLists:
    """Read the Parquet files of an archive.

    Raises:
        SettingError: the package pyarrow is not installed.
        ProductError: the files are missing, damaged, or lack a column.
    """
    rows = [row for path in find_metadata(root) for row in read_rows(path)]
    return ArchiveLists(
        facts={
            row["patch_id"]: PatchFacts(tuple(row["labels"]), S2_NAME.fullmatch(row["patch_id"])["tile"])
            for row in rows
        },
        split_of={row["patch_id"]: _SPLITS[row["split"]] for row in rows if row["split"] in _SPLITS},
        partner_of={row["patch_id"]: row["s1_name"] for row in rows if row["s1_name"]},
        snow_cloud=frozenset(row["patch_id"] for row in rows if any(row.get(flag) for flag in _FLAGS)),
    )


def read_rows(path: Path) -> Iterator[dict]:
    """Yield the rows of a Parquet file; errors as in `read_reben_lists`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SettingError(f"reading {path} needs the package pyarrow; run pip install pyarrow.") from error
    try:
        with parquet.ParquetFile(path) as file:
            missing = [column for column in _COLUMNS if column not in file.schema_arrow.names]
            if missing:
                raise ProductError(
                    f"{path} lacks the columns {', '.join(missing)}; give the metadata of BigEarthNet v2."
                )
            if file.metadata.num_rows > MAX_ROWS:
                raise ProductError(f"{path} has more than {MAX_ROWS:,} rows; give the metadata of BigEarthNet v2.")
            columns = [name for name in (*_COLUMNS, *_FLAGS) if name in file.schema_arrow.names]
            rows = file.read(columns).to_pylist()
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        reason = describe_refusal(error) or describe_missing(path, "cannot be read as Parquet; download it again")
        raise ProductError(f"{path} {reason}.") from error
    for row in rows:
        if not _is_patch_row(row):
            raise ProductError(
                f"{path} has patch_id {row['patch_id']!r} with labels {row['labels']!r}, split {row['split']!r} and s1_name "
                f"{row['s1_name']!r}; expected names and lists of labels of BigEarthNet v2."
            )
    yield from rows


def _is_patch_row(row: Mapping[str, Any]) -> bool:
    """Return whether the values of a row are of the types that reBEN has. Some patches have no Sentinel-1 partner."""
    labels, texts = row["labels"], (row["patch_id"], row["split"], row["s1_name"] or "")
    if not isinstance(labels, list) or not all(isinstance(text, str) for text in (*labels, *texts)):
        return False
    return is_reben(row["patch_id"])
