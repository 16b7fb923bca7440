"""Patches from patch files as arrays in network units: reflectance * 10000 / DN_DIVISOR, float32."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from common.patches.file import PatchFile
from common.pixels.sentinel2 import BANDS_BY_GSD, Gsd, input_gsds, sharpened_bands
from superres.networks.units import DN_DIVISOR


class FusionPatches:
    """Selected patches of several scenes with one continuous index; a `PatchSource` of `common/training/batches.py`.

    Args:
        files: patch files of one GSD, or of a joint network.
        rows: for each file, the rows to use.
        gsd: native GSD in metres of the bands to sharpen: 20, 60 or JOINT.
    """

    def __init__(self, files: Sequence[PatchFile], rows: Sequence[np.ndarray], gsd: Gsd):
        self.files = files
        self.file_indices = np.repeat(np.arange(len(files)), [len(file_rows) for file_rows in rows])
        self.rows = np.concatenate([np.asarray(file_rows, dtype=np.int64) for file_rows in rows])
        self.bands = {f"input_{g}m": BANDS_BY_GSD[g] for g in input_gsds(gsd)}
        if all("target" in file.arrays for file in files):  # only a teacher knows some targets of a joint network
            self.bands["target"] = sharpened_bands(gsd)
        # Network unit = scale * DN + shift.
        self.scales = np.array(
            [10000 / file.attributes["quantification_value"] / DN_DIVISOR for file in files], dtype=np.float32
        )
        self.shifts = {
            name: self.scales[:, None] * np.stack([dn_offsets(file, bands) for file in files])
            for name, bands in self.bands.items()
        }

    def __len__(self) -> int:
        return len(self.rows)

    def origins(self, patch_indices: np.ndarray) -> list[str]:
        """Return the scene of each of these patches."""
        return [self.files[file_index].attributes["scene"] for file_index in self.file_indices[patch_indices]]

    def read(self, patch_indices: np.ndarray) -> dict[str, np.ndarray]:
        """Read patches as stored, in any order.

        Args:
            patch_indices: (B,) int, 0 .. len - 1.

        Returns:
            `input_10m` (B, P, P, 4), `input_20m` (B, P/2, P/2, 6), for 60 m and JOINT `input_60m` (B, P/6, P/6, 2), and
            `target` (B, P, P, bands): uint16 DN. For their conversion into network units: `scale` (B,), and for each
            of these arrays `shift_<name>` (B, bands), float32.
        """
        file_indices = self.file_indices[patch_indices]
        return (
            self._read_images(file_indices, self.rows[patch_indices])
            | {f"shift_{name}": shifts[file_indices] for name, shifts in self.shifts.items()}
            | {"scale": self.scales[file_indices]}
        )

    def _read_images(self, file_indices: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        arrays = self.files[0].arrays
        images = {name: np.empty((len(rows), *arrays[name].shape[1:]), np.uint16) for name in self.bands}
        for file_index in np.unique(file_indices):
            positions = np.flatnonzero(file_indices == file_index)
            for name, batch in images.items():
                self.files[file_index].arrays[name].read_into(batch, positions, rows[positions])
        return images

    def signature(self) -> dict[str, tf.TensorSpec]:
        """Return the `tf.TensorSpec`s of the arrays that `read` returns."""
        arrays = self.files[0].arrays
        return (
            {name: tf.TensorSpec((None, *arrays[name].shape[1:]), tf.uint16) for name in self.bands}
            | {f"shift_{name}": tf.TensorSpec((None, len(bands)), tf.float32) for name, bands in self.bands.items()}
            | {"scale": tf.TensorSpec((None,), tf.float32)}
        )

    def convert(self, patches: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor | None]:
        """Convert patches, as `read` returns them and possibly turned, to inputs and target in network units, float32.

        The target is None for files without one.
        """
        scale = patches["scale"][:, None, None, None]
        images = {name: tf.cast(patches[name], tf.float32) * scale for name in self.bands}
        if any(shifts.any() for shifts in self.shifts.values()):  # products before baseline 04.00 have no offsets
            images = {name: image + patches[f"shift_{name}"][:, None, None, :] for name, image in images.items()}
        target = images.pop("target", None)
        return images, target


def dn_offsets(file: PatchFile, bands: Sequence[str]) -> np.ndarray:
    """Return the DN offsets of these bands in a patch file, (bands,) float32: reflectance = (DN + offset) / quantification."""
    attributes = file.attributes
    names = [band for gsd in (10, 20, 60) for band in attributes[f"bands_{gsd}m"].split(",") if band]
    return np.array([attributes["offsets"][names.index(band)] for band in bands], dtype=np.float32)
