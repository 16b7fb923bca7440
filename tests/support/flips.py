"""Damage as disks, memory and networks do it: single bits that flip."""

from collections.abc import Iterator

import numpy as np


def flips(content: bytes, count: int, seed: int) -> Iterator[bytearray]:
    """Yield `count` copies of the content of a file, each with another random bit flipped."""
    rng = np.random.default_rng(seed)
    for position in rng.choice(8 * len(content), count, replace=False):
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        yield damaged
