"""Checks of PNG files that figures write, and the tables that they are drawn from."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.image import imread, imsave


def is_drawn(path: Path) -> bool:
    """Return whether a file is a picture of more than one colour."""
    image = imread(path)
    return image.std() > 0.01 and image.shape[0] > 100


def assert_only_picture(folder: Path, name: str, *others: str) -> np.ndarray:
    """Check that a picture is large and not blank, and that the folder holds only it and `others`; return its pixels."""
    assert sorted(path.name for path in folder.iterdir()) == sorted((name, *others))
    pixels = imread(folder / name)[..., :3]
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 0.02
    return pixels


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence]) -> Path:
    """Write a CSV file and return its path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def png_bytes(rows: int = 4, cols: int = 4, seed: int = 0) -> bytes:
    """Return a PNG picture of noise."""
    file = io.BytesIO()
    imsave(file, np.random.default_rng(seed).random((rows, cols, 3)), format="png")
    return file.getvalue()
