"""Distillation: a network learns what another one, its teacher, makes of the same patches (Hinton et al. 2015,
arXiv:1503.02531).

Patch file + teacher -> patch file of the same inputs, whose target is the teacher's prediction. It lies beside the first
in the patch cache, and is made once. Teachers predict best what they were trained on, patches degraded by the scale
factor; the native bands stay the truth that the student is validated with.

A teacher answers for grounds that no scene at hand shows, too: each patch can come in several variants, all but the
first with each of its bands brighter or darker by a random factor. Few scenes then do for many.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from common.errors import PatchFileError
from common.patches.cache import wait_for_files
from common.patches.file import PatchFile, check_content, write_patch_file
from common.pixels.degrade import MAX_DN
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from superres.networks.trained import TrainedNetwork
from superres.training.patch_source import FusionPatches, file_offsets

logger = logging.getLogger(__name__)

BATCH = 32
MOST_BRIGHTER = 2.0  # factor; from the SWIR of forests to that of deserts it is three
Predict = Callable[[dict[str, tf.Tensor]], tf.Tensor]  # inputs by name -> result, both in network units


def taught_files(
    files: Sequence[PatchFile], teacher: TrainedNetwork, variants: int = 1, progress: bool = False
) -> list[PatchFile]:
    """Patch files with the teacher's predictions as targets; those that are not there are made, shared out over the ranks.

    Args:
        files: with the native targets.
        teacher: for the same GSD.
        variants: of each patch, one after the other: all patches as they are, then all in other colours, and so on.
        progress: show a bar.

    Raises:
        OutputError: they cannot be written.
        WeightsError: the weights do not fit the teacher's network.
    """
    paths = [taught_path(file, teacher, variants) for file in files]
    missing = hvd.on_rank_zero(
        lambda: [n for n, (file, path) in enumerate(zip(files, paths, strict=True)) if not is_taught(path, file)]
    )
    mine = missing[hvd.rank() :: hvd.size()]
    if mine:
        logger.info("%s predicts the patches of %d scenes", teacher.source, len(missing))
        predict = tf.function(teacher.build("float32"), reduce_retracing=True)
        for number in tqdm(mine, desc="predicting patches", unit="scene", disable=not progress):
            write_taught(files[number], predict, teacher, variants, paths[number])
    wait_for_files(paths[0].parent)
    return [PatchFile(path) for path in paths]


def taught_path(file: PatchFile, teacher: TrainedNetwork, variants: int) -> Path:
    """`<scene>-20m-by-<first digits of the SHA-256 of the teacher's weights>.h5`, for several variants `...-x<number>.h5`."""
    several = f"-x{variants}" if variants > 1 else ""
    return file.path.with_name(f"{file.path.stem}-by-{teacher.sha256[:12]}{several}.h5")


def is_taught(path: Path, file: PatchFile) -> bool:
    """Was this made from that patch file? One that is damaged, or was made from an older file, is made again."""
    try:
        taught = PatchFile(path)
        check_content(taught)
        return taught.attributes.get("taught_from") == file.attributes["checksum"]
    except PatchFileError:
        return False


def write_taught(file: PatchFile, predict: Predict, teacher: TrainedNetwork, variants: int, path: Path) -> None:
    """Copy a patch file so many times over, with the teacher's predictions for targets."""
    attributes = {**file.attributes, "teacher": teacher.source, "teacher_sha256": teacher.sha256}
    attributes |= {"taught_from": file.attributes["checksum"], "variants": variants}
    arrays = {name: np.concatenate([array] * variants) for name, array in file.arrays.items()}
    # The same for each scene, so that a file does not depend on the others: first patches share their factors.
    recolour(arrays, file, teacher.gsd, first=len(file), rng=np.random.default_rng(0))
    arrays["target"] = predict_targets(file, arrays, predict, teacher.gsd)
    write_patch_file(path, arrays, attributes)


def recolour(arrays: dict[str, np.ndarray], file: PatchFile, gsd: int, first: int, rng: np.random.Generator) -> None:
    """Multiply the reflectance of each band of the inputs, from patch `first` on, by a random factor; in place.

    Args:
        arrays: `input_10m` (N, P, P, 4) and so on, uint16 DN, as in a patch file; clipped to what that holds.
        file: whose offsets turn DN into reflectance.
        gsd: native GSD in metres of the bands to sharpen, which says what inputs there are.
        first: number of the first patch to change.
        rng: of the factors, log-uniform from 1 / MOST_BRIGHTER to MOST_BRIGHTER.
    """
    limit = np.log(MOST_BRIGHTER)
    for input_gsd in input_gsds(gsd):
        bands, patches = BANDS_BY_GSD[input_gsd], arrays[f"input_{input_gsd}m"][first:]
        offsets = file_offsets(file, bands)
        factors = np.exp(rng.uniform(-limit, limit, (len(patches), 1, 1, len(bands)))).astype(np.float32)
        patches[...] = np.rint((patches + offsets) * factors - offsets).clip(0, MAX_DN)


def predict_targets(file: PatchFile, arrays: dict[str, np.ndarray], predict: Predict, gsd: int) -> np.ndarray:
    """What a network makes of such inputs as a patch file holds: DN as its target is stored, uint16."""
    patches = FusionPatches([file], [np.arange(len(file))], gsd)
    scale, shift = patches.scales[0], patches.shifts["target"][0]
    constants = {name: tf.constant(array) for name, array in patches.read(np.arange(1)).items() if name not in arrays}
    targets = np.empty(arrays["target"].shape, np.uint16)
    for first in range(0, len(targets), BATCH):
        batch = slice(first, first + BATCH)
        inputs, _ = patches.convert({**constants, **{name: tf.constant(arrays[name][batch]) for name in patches.bands}})
        dn = (predict(inputs).numpy() - shift) / scale
        targets[batch] = np.rint(dn).clip(0, MAX_DN)
    return targets
