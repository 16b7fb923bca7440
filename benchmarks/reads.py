"""Reads of a rank in an epoch of training, counted by the system: bytes and calls, from /proc/self/io.

    python -m benchmarks.reads; mpirun -np 2 python -m benchmarks.reads

Prints a line for each application: what opening the files reads, then what an epoch's training batches read. The patches are
random, and lie on a local disk; the counts are the same on any other.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import common.distributed as hvd
from benchmarks.loading import GSD, PATCHES, write_patches
from bigearthnet.training.config import BigEarthNetConfig
from bigearthnet.training.data import open_data
from common.patches.file import PatchFile
from common.training.batches import PatchSource, steps_per_epoch, training_batches
from superres.training.patch_source import FusionPatches
from tests.support.made_patches import split_names, write_made

BATCH = 32
PREPARED_PATCHES = 128
REST_S = 2.0  # without reads, until the pipeline counts as waiting
FEWEST_CALLS = 16  # more than reading the counters takes, less than a batch


def counters() -> np.ndarray:
    """Return the bytes, and the calls, with which this process has read so far; see proc(5), `rchar` and `syscr`."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return np.array([int(fields["rchar"]), int(fields["syscr"])])


def counters_at_rest(batches: Iterator, steps: int) -> np.ndarray:
    """Take an epoch's batches; return the counters when the pipeline has read as far ahead as it does, and waits."""
    for _ in range(steps):
        next(batches)
    before = counters()
    while True:
        time.sleep(REST_S)
        now = counters()
        if (now - before)[1] < FEWEST_CALLS:
            return now
        before = now


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Yield a temporary folder, the same on all ranks of this machine."""
    with tempfile.TemporaryDirectory() as own:
        yield Path(hvd.broadcast_object(own))
        hvd.barrier()


def report(name: str, open_source: Callable[[], PatchSource]) -> None:
    """Print what this application reads; one line a rank."""
    before = counters()
    source = open_source()
    opened = counters() - before
    steps = steps_per_epoch(len(source), BATCH)
    batches = iter(training_batches(source, BATCH, seed=0))
    before = counters_at_rest(batches, steps)
    counts = hvd.allgather_object((opened, counters_at_rest(batches, steps) - before))
    if hvd.rank() == 0:
        for rank, ((open_bytes, open_calls), (epoch_bytes, epoch_calls)) in enumerate(counts):
            print(
                f"{name}, {len(source)} patches, rank {rank} of {hvd.size()}: opening {open_bytes:,} bytes in {open_calls:,} "
                f"calls; an epoch {epoch_bytes:,} bytes in {epoch_calls:,} calls"
            )


def count_reads() -> None:
    """Count for both applications. Every rank must call it."""
    with shared_folder() as folder:
        patches, prepared = folder / "patches.h5", folder / "made.h5"
        hvd.on_rank_zero(lambda: write_patches(patches))
        hvd.on_rank_zero(lambda: write_made(prepared, split_names(PREPARED_PATCHES, 0, 0)) and None)
        report("superres", lambda: FusionPatches([PatchFile(patches)], [np.arange(PATCHES)], GSD))
        report("bigearthnet", lambda: open_data(BigEarthNetConfig(data=str(prepared), bands="s2")).train)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    hvd.init()
    count_reads()
