"""Damage as disks, memory and networks do it: single bits that flip."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def flip_bit(path: Path, byte: int, bit: int) -> None:
    """Flip one bit of a file."""
    with open(path, "r+b") as file:
        (value,) = os.pread(file.fileno(), 1, byte)
        os.pwrite(file.fileno(), bytes([value ^ 1 << bit]), byte)


def flips(content: bytes, count: int, seed: int) -> Iterator[bytearray]:
    """Yield `count` copies of the content of a file, each with another random bit flipped."""
    rng = np.random.default_rng(seed)
    for position in rng.choice(8 * len(content), count, replace=False):
        damaged = bytearray(content)
        damaged[position // 8] ^= 1 << position % 8
        yield damaged
