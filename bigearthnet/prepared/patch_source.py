"""Prepared file -> images as tensors, and labels.

Each GSD keeps its own grid, and DN stay DN. The model normalises them and upsamples them to one grid
(`bigearthnet/networks`). TensorFlow is imported inside functions, because training checks the prepared file first.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.prepared.file import BigEarthNetFile
from common.errors import SettingError

if TYPE_CHECKING:
    import tensorflow as tf


class ClassificationPatches:
    """Chosen patches of a prepared file; a `PatchSource` of `common/training/batches.py`.

    Args:
        file: the prepared file.
        rows: rows of the patches to use, 0 .. len(file) - 1, such as `np.flatnonzero(file.splits == "train")`.
        bands: a band set, one of BAND_SETS.

    Attributes:
        image_shapes: group -> (rows, cols, stored bands) of the images that `convert` returns.

    Raises:
        SettingError: as `require_band_set`.
    """

    def __init__(self, file: BigEarthNetFile, rows: Sequence[int] | np.ndarray, bands: str):
        self.file = file
        self.rows = np.asarray(rows, dtype=np.int64)
        self.groups = tuple(require_band_set(file, bands))
        self.image_shapes = {name: file.shapes[name] for name in self.groups}

    def __len__(self) -> int:
        return len(self.rows)

    def origins(self, patch_indices: np.ndarray) -> list[str]:
        """Return the names of these patches."""
        return [self.file.names[row] for row in self.rows[patch_indices]]

    def read(self, patch_indices: np.ndarray) -> dict[str, np.ndarray]:
        """Read patches as stored, in any order.

        Args:
            patch_indices: (B,) int, 0 .. len - 1.

        Returns:
            The groups of the band set with all their bands: `s2_10m` (B, 120, 120, 4), `s2_20m` (B, 60, 60, 6) and
            `s2_60m` (B, 20, 20, 2) uint16 DN (120 px if the file holds bands brought to 10 m), `s1` (B, 120, 120, 2)
            float32 dB; and `labels` (B, C) uint8.
        """
        return self.file.read(self.rows[patch_indices], (*self.groups, "labels"))

    def signature(self) -> "dict[str, tf.TensorSpec]":
        """Return the `tf.TensorSpec`s of the arrays that `read` returns."""
        import tensorflow as tf

        return {
            name: tf.TensorSpec((None, *self.file.shapes[name]), self.file.dtypes[name])
            for name in (*self.groups, "labels")
        }

    def convert(self, patches: "dict[str, tf.Tensor]") -> "tuple[dict[str, tf.Tensor], tf.Tensor]":
        """Split patches as `read` returns them into group -> images, and labels (B, C) float32."""
        import tensorflow as tf

        return {name: patches[name] for name in self.groups}, tf.cast(patches["labels"], tf.float32)


def require_band_set(file: BigEarthNetFile, bands: str) -> Mapping[str, tuple[str, ...]]:
    """Return group -> bands of a band set.

    Raises:
        SettingError: there is no such band set, or it needs Sentinel-1 and the file holds none.
    """
    if bands not in BAND_SETS:
        raise SettingError(f"--bands must be one of {', '.join(BAND_SETS)}; got {bands}.")
    if "s1" in BAND_SETS[bands] and not file.has_s1:
        raise SettingError(
            f"{file.path} holds no Sentinel-1, which --bands {bands} needs; prepare it with --s1-root, "
            f"or choose {', '.join(name for name, groups in BAND_SETS.items() if 's1' not in groups)}."
        )
    return BAND_SETS[bands]
