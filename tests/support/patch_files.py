"""Patch files of super-resolution with random DN, which are made in milliseconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.patches.file import PatchFile, write_patch_file
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, each_gsd, input_gsds

PATCH_PX = {20: 4, 60: 6, JOINT: 12}  # small, to be fast


def write_random_patches(
    folder: Path,
    name: str,
    gsd: Gsd = 20,
    seed: int = 0,
    offsets: float | Sequence[float] = 0.0,
    quantification: float = 10000,
    count: int = 6,
) -> PatchFile:
    """Write a patch file of the scene `name` and open it.

    Args:
        folder: folder of the file, which exists.
        name: name of the scene.
        gsd: native GSD in metres of the bands to sharpen, 20 or 60; JOINT for a joint network, without a target.
        seed: seed of the DN.
        offsets: one DN offset for all bands, or one for each band at 10, 20 and, for 60 m, 60 m.
        quantification: quantification value.
        count: number of patches; two in each block.
    """
    rng = np.random.default_rng(seed)
    size = PATCH_PX[gsd]

    def images(side: int, bands: Sequence[str]) -> np.ndarray:
        return rng.integers(1, 65535, (count, side, side, len(bands)), np.uint16)

    arrays = {f"input_{g}m": images(size * 10 // g, BANDS_BY_GSD[g]) for g in input_gsds(gsd)}
    if gsd != JOINT:
        arrays["target"] = images(size, BANDS_BY_GSD[gsd])
    arrays["row"] = arrays["col"] = np.arange(count, dtype=np.int32)
    arrays["block"] = (np.arange(count) // 2).astype(np.int16)
    bands = {g: BANDS_BY_GSD[g] if g in input_gsds(gsd) else () for g in (10, 20, 60)}
    offsets = [offsets] * sum(map(len, bands.values())) if isinstance(offsets, float) else list(offsets)
    attributes = {"offsets": offsets, "quantification_value": quantification, "scene": name, "level": "L1C"}
    attributes |= {f"bands_{g}m": ",".join(names) for g, names in bands.items()}
    path = folder / f"{name}-{max(each_gsd(gsd))}m{'-joint' if gsd == JOINT else ''}.h5"
    write_patch_file(path, arrays, attributes)
    return PatchFile(path)
