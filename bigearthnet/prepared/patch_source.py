"""Prepared patches -> tensors as stored, and labels.

Each GSD keeps its own grid, and DN stay DN: the model brings them to one grid and normalises (`bigearthnet/networks`).
Each band goes to zero mean and unit variance over the training data of BigEarthNet, as stated by its authors; a file's
own statistics play no part, so that networks trained on different files see the same units.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from bigearthnet.archive.groups import GROUP_BANDS
from bigearthnet.prepared.file import BigEarthNetFile
from common.errors import SettingError
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M

# Band set -> group of the file -> bands taken from it, in the order in which the file stores them (rgb: blue first).
BAND_SETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "rgb": {"s2_10m": ("B02", "B03", "B04")},
    "10m": {"s2_10m": BANDS_10M},
    "s2": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M, "s2_60m": BANDS_60M},
    "s1": {"s1": GROUP_BANDS["s1"]},
    "s1s2": {"s2_10m": BANDS_10M, "s2_20m": BANDS_20M, "s2_60m": BANDS_60M, "s1": GROUP_BANDS["s1"]},
}
# Mean and standard deviation of the training data: DN, for VV and VH dB. Source: TU Berlin,
# git.tu-berlin.de/rsim/bigearthnet-models-tf (BigEarthNet.py), as in the package bigearthnet-common 2.8.0.
STATISTICS: Mapping[str, tuple[float, float]] = {
    "B01": (340.76769064, 554.81258967),
    "B02": (429.9430203, 572.41639287),
    "B03": (614.21682446, 582.87945694),
    "B04": (590.23569706, 675.88746967),
    "B05": (950.68368468, 729.89827633),
    "B06": (1792.46290469, 1096.01480586),
    "B07": (2075.46795189, 1273.45393088),
    "B08": (2218.94553375, 1365.45589904),
    "B8A": (2266.46036911, 1356.13789355),
    "B09": (2246.0605464, 1302.3292881),
    "B11": (1594.42694882, 1079.19066363),
    "B12": (1009.32729131, 818.86747235),
    "VV": (-12.619993741972035, 5.115911777546365),
    "VH": (-19.29044597721542, 5.464428464912864),
}


class ClassificationPatches:
    """Chosen patches of a prepared file; a `PatchSource` of `common/training/batches.py`.

    Args:
        file: the prepared file.
        rows: numbers of the patches to use, 0 .. len(file) - 1, such as `np.flatnonzero(file.splits == "train")`.
        bands: a band set: `rgb`, `10m`, `s2`, `s1` or `s1s2`.

    Attributes:
        image_shapes: group -> (rows, cols, stored bands) of the images that `convert` gives, for building a model.

    Raises:
        SettingError: no such band set, or the file lacks Sentinel-1.
    """

    def __init__(self, file: BigEarthNetFile, rows: Sequence[int] | np.ndarray, bands: str):
        self.file = file
        self.rows = np.asarray(rows, dtype=np.int64)
        self.groups = tuple(require_band_set(file, bands))
        self.image_shapes = {name: file.shapes[name] for name in self.groups}

    def __len__(self) -> int:
        return len(self.rows)

    def origins(self, numbers: np.ndarray) -> list[str]:
        """The names of these patches."""
        return [self.file.names[row] for row in self.rows[numbers]]

    def read(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Gather patches as stored.

        Args:
            numbers: (B,) int, 0 .. len - 1.

        Returns:
            The groups of the band set with all their bands: `s2_10m` (B, 120, 120, 4), `s2_20m` (B, 60, 60, 6) and
            `s2_60m` (B, 20, 20, 2) uint16 DN (120 px where the file holds bands brought to 10 m), `s1` (B, 120, 120, 2)
            float32 dB; and `labels` (B, C) uint8.
        """
        return self.file.read(self.rows[numbers], (*self.groups, "labels"))

    def signature(self) -> dict[str, tf.TensorSpec]:
        """`tf.TensorSpec`s of what `read` gives."""
        return {
            name: tf.TensorSpec((None, *self.file.shapes[name]), self.file.dtypes[name])
            for name in (*self.groups, "labels")
        }

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """What `read` gives, turned -> group -> images as stored; labels (B, C) float32."""
        return {name: patches[name] for name in self.groups}, tf.cast(patches["labels"], tf.float32)


def require_band_set(file: BigEarthNetFile, bands: str) -> Mapping[str, tuple[str, ...]]:
    """Group -> bands of a band set.

    Raises:
        SettingError: no such band set, or the file does not hold its groups.
    """
    if bands not in BAND_SETS:
        raise SettingError(f"--bands must be one of {', '.join(BAND_SETS)}; got {bands}.")
    if "s1" in BAND_SETS[bands] and not file.has_s1:
        raise SettingError(
            f"{file.path} holds no Sentinel-1, which --bands {bands} needs; prepare it with --s1-root, "
            f"or choose rgb, 10m or s2."
        )
    return BAND_SETS[bands]


def band_statistics(bands: str) -> dict[str, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Group -> means and standard deviations of the bands of a band set, DN or dB.

    These are the first bands of their group, in the order in which it stores them, so that a slice takes them.
    """
    return {
        group: tuple(zip(*(STATISTICS[band] for band in chosen), strict=True))
        for group, chosen in BAND_SETS[bands].items()
    }
