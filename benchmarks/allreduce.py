"""Time of averaging gradients over ranks, by the number of bytes.

mpirun -np N python -m benchmarks.allreduce BYTES...    measures once for each line on stdin, and prints one line of JSON

The caller can change the network between two lines. The fastest of several averages counts: other work on the machine makes
one slower, never faster.
"""

import json
import sys
import time

import tensorflow as tf

import common.distributed as hvd

MOST, LEAST, SECONDS = 12, 6, 2.0  # averages of one size: until this time has passed, within these numbers


def fastest(size: int) -> float:
    """Return the seconds of the fastest average of float32 numbers with this many bytes. Every rank must call it."""
    numbers = tf.zeros(size // 4)
    seconds: list[float] = []
    while len(seconds) < LEAST or hvd.broadcast_object(sum(seconds) < SECONDS and len(seconds) < MOST):
        hvd.barrier()
        started = time.perf_counter()
        hvd.allreduce_average(numbers).numpy()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Answer each line on rank 0's stdin."""
    hvd.init()
    sizes = [int(word) for word in sys.argv[1:]]
    if hvd.rank() == 0:
        print(json.dumps({"ready": True}), flush=True)
    while hvd.on_rank_zero(sys.stdin.readline):
        measured = {size: fastest(size) for size in sizes}
        if hvd.rank() == 0:
            print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main()
