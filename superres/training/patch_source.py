"""Patch files -> arrays in network units: reflectance * 10000 / dn_divisor, float32."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from common.patches.file import PatchFile
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from superres.networks.units import DN_DIVISOR


class FusionPatches:
    """Chosen patches of several scenes, numbered through; a `PatchSource` of `common/training/batches.py`.

    Args:
        files: patch files of one GSD.
        rows: for each file, the rows to use.
        gsd: 20 or 60 m.
    """

    def __init__(self, files: Sequence[PatchFile], rows: Sequence[np.ndarray], gsd: int):
        self.files = files
        self.file_of = np.repeat(np.arange(len(files)), [len(r) for r in rows])
        self.row_of = np.concatenate([np.asarray(r, dtype=np.int64) for r in rows])
        self.bands = {f"input_{g}m": BANDS_BY_GSD[g] for g in input_gsds(gsd)} | {"target": BANDS_BY_GSD[gsd]}
        self.scales = np.array(
            [10000 / file.attributes["quantification_value"] / DN_DIVISOR for file in files], dtype=np.float32
        )
        self.shifts = {
            name: self.scales[:, None] * np.stack([file_offsets(file, bands) for file in files])
            for name, bands in self.bands.items()
        }

    def __len__(self) -> int:
        return len(self.row_of)

    def origins(self, numbers: np.ndarray) -> list[str]:
        """The scene of each of these patches."""
        return [self.files[file].attributes["scene"] for file in self.file_of[numbers]]

    def read(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Gather patches as stored.

        Args:
            numbers: (B,) int, 0 .. len - 1.

        Returns:
            `input_10m` (B, P, P, 4), `input_20m` (B, P/2, P/2, 6), for 60 m `input_60m` (B, P/6, P/6, 2), and
            `target` (B, P, P, bands): uint16 DN; and what turns them into network units: `scale` (B,), and `shift_...`
            (B, bands) for each of them, float32.
        """
        files, rows = self.file_of[numbers], self.row_of[numbers]
        found = {name: self._gather(name, files, rows) for name in self.bands}
        return (
            found
            | {f"shift_{name}": shifts[files] for name, shifts in self.shifts.items()}
            | {"scale": self.scales[files]}
        )

    def _gather(self, name: str, files: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if (files == files[0]).all():
            return self.files[files[0]].arrays[name][rows]
        patches = np.empty((len(rows), *self.files[0].arrays[name].shape[1:]), np.uint16)
        for file in np.unique(files):
            patches[files == file] = self.files[file].arrays[name][rows[files == file]]
        return patches

    def signature(self) -> dict[str, tf.TensorSpec]:
        """`tf.TensorSpec`s of what `read` gives."""
        arrays = self.files[0].arrays
        return (
            {name: tf.TensorSpec((None, *arrays[name].shape[1:]), tf.uint16) for name in self.bands}
            | {f"shift_{name}": tf.TensorSpec((None, len(bands)), tf.float32) for name, bands in self.bands.items()}
            | {"scale": tf.TensorSpec((None,), tf.float32)}
        )

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """What `read` gives, turned or not -> inputs and target in network units, float32."""
        scale = patches["scale"][:, None, None, None]
        images = {name: tf.cast(patches[name], tf.float32) * scale for name in self.bands}
        if any(shifts.any() for shifts in self.shifts.values()):  # a pass over the pixels that old products spare
            images = {name: image + patches[f"shift_{name}"][:, None, None, :] for name, image in images.items()}
        target = images.pop("target")
        return images, target


def file_offsets(file: PatchFile, bands: Sequence[str]) -> np.ndarray:
    """The DN offsets of some bands of a patch file, (bands,) float32."""
    attributes: Mapping = file.attributes
    names = [band for gsd in (10, 20, 60) for band in attributes[f"bands_{gsd}m"].split(",") if band]
    return np.array([attributes["offsets"][names.index(band)] for band in bands], dtype=np.float32)
