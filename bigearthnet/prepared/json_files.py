"""Read the JSON files of many patches, in blocks that processes and ranks share. No TensorFlow, no HDF5."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import common.distributed as hvd
from bigearthnet.archive.folders import PatchFacts, read_facts, read_partner
from bigearthnet.prepared.workers import in_blocks, process_count, run_blocks
from common.errors import ProductError

FILES_PER_BLOCK = 1000

Value = TypeVar("Value")


@dataclass(frozen=True)
class JsonContents(Generic[Value]):
    """Values read from the JSON files of patches.

    Attributes:
        values: patch -> value.
        errors: patch -> reason, of the files that could not be read.
    """

    values: dict[str, Value]
    errors: dict[str, str]


def read_facts_block(patches: Sequence[tuple[str, str]]) -> JsonContents[PatchFacts]:
    """Read labels and regions of Sentinel-2 patches, given name and folder of each."""
    return read_json_block(read_facts, patches)


def read_partner_block(patches: Sequence[tuple[str, str]]) -> JsonContents[str]:
    """Read the Sentinel-2 partners of Sentinel-1 patches, given name and folder of each."""
    return read_json_block(read_partner, patches)


def read_json_block(read: Callable[[str, str], Value], patches: Sequence[tuple[str, str]]) -> JsonContents[Value]:
    """Call a reader with name and folder of each patch, and collect its values and its errors."""
    values, errors = {}, {}
    for name, folder in patches:
        try:
            values[name] = read(name, folder)
        except ProductError as error:
            errors[name] = str(error)
    return JsonContents(values, errors)


def merge_contents(parts: Iterable[JsonContents[Value]]) -> JsonContents[Value]:
    """Return the contents of all parts together, sorted by patch."""
    parts = list(parts)
    return JsonContents(
        dict(sorted(item for part in parts for item in part.values.items())),
        dict(sorted(item for part in parts for item in part.errors.items())),
    )


def read_on_all_ranks(
    read_block: Callable[[Sequence[tuple[str, str]]], JsonContents], folders: Mapping[str, str], processes: int | None
) -> JsonContents:
    """Read the JSON files of patches; each rank reads its share and receives the contents of all.

    Args:
        read_block: reads the files of several patches.
        folders: patch -> its folder.
        processes: processes of each rank; None for its cores.
    """
    own_patches = list(folders.items())[hvd.rank() :: hvd.size()]
    blocks = in_blocks(own_patches, FILES_PER_BLOCK)
    own_contents = merge_contents(run_blocks(read_block, blocks, process_count(processes, len(blocks))))
    return merge_contents(hvd.allgather_object(own_contents))
