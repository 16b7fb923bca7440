"""Distillation: a network learns what another one, its teacher, makes of the same patches (Hinton et al. 2015,
arXiv:1503.02531).

Patch file + teacher -> patch file of the same inputs, whose target is the teacher's prediction. It lies beside the first
in the patch cache, and is made once. Teachers predict best what they were trained on, patches degraded by the scale
factor; the native bands stay the truth that the student is validated with.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from common.errors import PatchFileError
from common.hdf5 import PatchFile, write_patch_file
from superres.data import FusionPatches
from superres.trained import TrainedNetwork

logger = logging.getLogger(__name__)

BATCH = 32
MAX_DN = 65535

Predict = Callable[[dict[str, tf.Tensor]], tf.Tensor]  # inputs by name -> result, both in network units


def taught_files(files: Sequence[PatchFile], teacher: TrainedNetwork, progress: bool = False) -> list[PatchFile]:
    """Patch files with the teacher's predictions as targets; those that are not there are made, shared out over the ranks.

    Raises:
        OutputError: they cannot be written.
        WeightsError: the weights do not fit the teacher's network.
    """
    paths = [taught_path(file, teacher) for file in files]
    missing = hvd.on_rank_zero(
        lambda: [n for n, (file, path) in enumerate(zip(files, paths, strict=True)) if not is_taught(path, file)]
    )
    mine = missing[hvd.rank() :: hvd.size()]
    if mine:
        logger.info("%s predicts the patches of %d scenes", teacher.source, len(missing))
        predict = tf.function(teacher.build("float32"), reduce_retracing=True)
        for number in tqdm(mine, desc="predicting patches", unit="scene", disable=not progress):
            write_taught(files[number], predict, teacher, paths[number])
    hvd.barrier()
    list(paths[0].parent.iterdir())  # makes a network file system look again for what other nodes have written
    return [PatchFile(path) for path in paths]


def taught_path(file: PatchFile, teacher: TrainedNetwork) -> Path:
    """`<scene>-20m-by-<first digits of the SHA-256 of the teacher's weights>.h5`."""
    return file.path.with_name(f"{file.path.stem}-by-{teacher.sha256[:12]}.h5")


def is_taught(path: Path, file: PatchFile) -> bool:
    """Was this made from that patch file? One that was made from an older file is made again."""
    try:
        return PatchFile(path).attributes.get("taught_from") == file.attributes["checksum"]
    except PatchFileError:
        return False


def write_taught(file: PatchFile, predict: Predict, teacher: TrainedNetwork, path: Path) -> None:
    """Copy a patch file with the teacher's predictions for targets."""
    attributes = {**file.attributes, "teacher": teacher.source, "teacher_sha256": teacher.sha256}
    attributes["taught_from"] = file.attributes["checksum"]
    write_patch_file(path, {**file.arrays, "target": predict_targets(file, predict, teacher.gsd)}, attributes)


def predict_targets(file: PatchFile, predict: Predict, gsd: int) -> np.ndarray:
    """What a network makes of the inputs of a patch file: DN as its target is stored, uint16."""
    patches = FusionPatches([file], [np.arange(len(file))], gsd)
    scale, shift = patches.scales[0], patches.shifts["target"][0]
    targets = np.empty(file.arrays["target"].shape, np.uint16)
    for first in range(0, len(file), BATCH):
        numbers = np.arange(first, min(first + BATCH, len(file)))
        inputs, _ = patches.convert({name: tf.constant(array) for name, array in patches.read(numbers).items()})
        dn = (predict(inputs).numpy() - shift) / scale
        targets[numbers] = np.rint(dn).clip(0, MAX_DN)
    return targets
