"""Patch files -> arrays in network units: reflectance * 10000 / dn_divisor, float32."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from common.hdf5 import PatchFile
from common.sentinel2 import BANDS_BY_GSD, input_gsds
from superres.config import DN_DIVISOR


class FusionPatches:
    """Chosen patches of several scenes, numbered through; a `PatchSource` of `common/dataset.py`.

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
        self.offsets = {name: np.stack([file_offsets(file, bands) for file in files])
                        for name, bands in self.bands.items()}
        self.scales = np.array([10000 / file.attributes["quantification_value"] / DN_DIVISOR for file in files],
                               dtype=np.float32)

    def __len__(self) -> int:
        return len(self.row_of)

    def read(self, numbers: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Gather patches.

        Args:
            numbers: (B,) int, 0 .. len - 1.

        Returns:
            Inputs `input_10m` (B, P, P, 4), `input_20m` (B, P/2, P/2, 6), for 60 m `input_60m` (B, P/6, P/6, 2), and
            the target (B, P, P, bands): float32, network units.
        """
        arrays = {name: self._gather(name, numbers) for name in self.bands}
        target = arrays.pop("target")
        return arrays, target

    def _gather(self, name: str, numbers: np.ndarray) -> np.ndarray:
        files, rows = self.file_of[numbers], self.row_of[numbers]
        patches = np.empty((len(numbers), *self.files[0].arrays[name].shape[1:]), np.float32)
        for patch, file, row in zip(patches, files, rows, strict=True):
            patch[...] = self.files[file].arrays[name][row]  # converts without a copy in between
        if self.offsets[name].any():
            patches += self.offsets[name][files][:, None, None, :]
        patches *= self.scales[files][:, None, None, None]
        return patches

    def signature(self) -> tuple[dict[str, tf.TensorSpec], tf.TensorSpec]:
        """`tf.TensorSpec`s of what `read` gives."""
        specs = {name: tf.TensorSpec((None, *self.files[0].arrays[name].shape[1:]), tf.float32) for name in self.bands}
        target = specs.pop("target")
        return specs, target


def file_offsets(file: PatchFile, bands: Sequence[str]) -> np.ndarray:
    """The DN offsets of some bands of a patch file, (bands,) float32."""
    attributes: Mapping = file.attributes
    names = [band for gsd in (10, 20, 60) for band in attributes[f"bands_{gsd}m"].split(",") if band]
    return np.array([attributes["offsets"][names.index(band)] for band in bands], dtype=np.float32)
