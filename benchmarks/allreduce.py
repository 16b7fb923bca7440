"""Time of averaging gradients over ranks, by the number of bytes.

mpirun -np N python -m benchmarks.allreduce BYTES...    measures once for each line on stdin, and prints one line of JSON

The caller can change the network between two lines. All ranks must have the same clock: they run on nodes that share a machine
(`tests/network/nodes.py`). An average lasts from when the last rank calls it to when the last rank has its result. Several
averages begin at random times, because Horovod looks for gradients at times of its own.
"""

import sys
import time

import numpy as np
import tensorflow as tf

import common.distributed as hvd
from benchmarks.measure import answer_asker

MOST, LEAST, SECONDS = 21, 5, 1.5  # averages of one size: until this time has passed, within these numbers
PAUSE_S = 0.1  # longest pause before an average


def measure(size: int) -> list[float]:
    """Return the seconds of several averages of float32 numbers with this many bytes. Every rank must call it."""
    numbers = tf.zeros(size // 4)
    pauses = np.random.default_rng(size).uniform(0, PAUSE_S, MOST)  # the same on all ranks
    seconds: list[float] = []
    # The first one is not counted: Horovod remembers its size, and later agrees in fewer messages.
    hvd.allreduce_average(numbers).numpy()
    while len(seconds) < LEAST or (len(seconds) < MOST and sum(seconds) < SECONDS):
        time.sleep(pauses[len(seconds)])
        begin = time.monotonic()
        hvd.allreduce_average(numbers).numpy()
        begins, ends = zip(*hvd.allgather_object((begin, time.monotonic())), strict=True)
        seconds.append(max(ends) - max(begins))
    return seconds


def main() -> None:
    """Answer each line on rank 0's stdin."""
    sizes = [int(word) for word in sys.argv[1:]]
    answer_asker(lambda: {size: measure(size) for size in sizes})


if __name__ == "__main__":
    main()
