"""Checks of pictures that figures write."""

from pathlib import Path

from matplotlib.image import imread


def is_drawn(path: Path) -> bool:
    """Return whether a file is a picture of more than one colour."""
    image = imread(path)
    return image.std() > 0.01 and image.shape[0] > 100
