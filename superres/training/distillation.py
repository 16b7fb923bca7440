"""Distillation: a network learns the predictions of another network, its teacher (Hinton et al. 2015, arXiv:1503.02531).

Patch file + teacher -> teacher file: a patch file with the same inputs, whose target is the teacher's prediction. It
lies in the patch cache beside the patch file, and is made once. Teachers predict best what they were trained on, that
is patches degraded by the scale factor. Validation uses the native bands of the patch file.

A joint network has a teacher for each GSD, or another joint network. The target of its patches is the bands of all teachers.
Because these bands are known at one scale only, validation measures the distance to the teachers then.

A GSD may have a teacher for each level of products: each patch is predicted by the one that knows its level, so that one network
learns both.

A teacher also predicts patches for which no target exists. A teacher file can therefore hold several variants of each
patch: in all variants except the first, each band is brighter or darker by a random factor. A few scenes can then
replace many.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

import common.distributed as hvd
from common.errors import PatchFileError
from common.patches.cache import wait_for_files
from common.patches.file import LOCATIONS, PatchFile, check_content, check_older_file, write_patch_file
from common.pixels.degrade import MAX_DN
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, bands_within, input_gsds, sharpened_bands
from common.runs.progress import progress
from superres.networks.trained import TrainedNetwork
from superres.training.patch_source import FusionPatches, dn_offsets

logger = logging.getLogger(__name__)

BATCH = 32
MAX_FACTOR = 2.0  # of brightness; the SWIR of deserts is three times as bright as that of forests
Teachers = Mapping[int, TrainedNetwork]  # GSD -> network, for patches of one level; a joint network has both GSDs
Predict = Callable[[dict[str, tf.Tensor]], tf.Tensor]  # inputs by name -> estimate, both in network units


def prepare_teacher_files(
    files: Sequence[PatchFile], teachers: Sequence[Teachers], variants: int = 1, show_progress: bool = False
) -> list[PatchFile]:
    """Open the teacher files of all patch files, and make those that are missing. Every rank must call it.

    Args:
        files: patch files; for several GSDs, those of a joint network.
        teachers: those of each file, as `teachers_of_level` chooses them.
        variants: number of variants of each patch. The file holds all patches unchanged, then all in other colours, ...
        show_progress: show a bar.

    Raises:
        OutputError: a teacher file cannot be written.
        WeightsError: the weights do not fit the teacher's network.
    """
    paths = [teacher_file_path(*each, variants) for each in zip(files, teachers, strict=True)]
    missing = hvd.on_rank_zero(
        lambda: [
            index
            for index, (file, path) in enumerate(zip(files, paths, strict=True))
            if not is_teacher_file(path, file)
        ]
    )
    own_missing = missing[hvd.rank() :: hvd.size()]
    if own_missing:
        names = dict.fromkeys(sources(teachers[index]) for index in missing)
        logger.info("%s: predictions for the patches of %d files", ", ".join(names), len(missing))
        predictions = functools.cache(lambda *networks: prediction_of_all(dict(networks)))
        count = variants * sum(len(files[index]) for index in own_missing)
        with progress(count, "patches", "predictions of the teacher", show_progress) as advance:
            for index in own_missing:
                predict = predictions(*teachers[index].items())
                write_teacher_file(files[index], predict, teachers[index], variants, paths[index], advance)
    wait_for_files(paths[0].parent)
    return [PatchFile(path) for path in paths]


def teachers_of_level(trained: Sequence[TrainedNetwork], level: str) -> Teachers:
    """Return GSD -> the teacher of patches of a level: the one that was trained on it, or else the only one.

    Args:
        trained: all teachers, as `find_teachers` returns them.
        level: of the product, `L1C` or `L2A`.
    """
    best_last = sorted(trained, key=lambda teacher: level in teacher.levels)
    return {gsd: teacher for teacher in best_last for gsd in teacher.gsds}


def in_order(teachers: Teachers) -> list[TrainedNetwork]:
    """Return each teacher once, in the order of their bands."""
    return list(dict.fromkeys(teachers[gsd] for gsd in sorted(teachers)))


def sources(teachers: Teachers) -> str:
    """Return the teachers as the user gave them."""
    return " ".join(teacher.source for teacher in in_order(teachers))


def prediction_of_all(teachers: Teachers) -> Predict:
    """Return the teachers as one function, whose result has the bands of all GSDs.

    Raises:
        WeightsError: the weights do not fit a teacher's network.
    """
    models = {teacher: teacher.build("float32") for teacher in in_order(teachers)}

    def predict(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        results = {teacher: model({name: inputs[name] for name in model.input}) for teacher, model in models.items()}
        bands = [results[teachers[gsd]][..., bands_within(teachers[gsd].gsd, gsd)] for gsd in sorted(teachers)]
        return tf.concat(bands, axis=-1)

    return tf.function(predict, reduce_retracing=True)


def teacher_file_path(file: PatchFile, teachers: Teachers, variants: int) -> Path:
    """Return `<scene>-20m-by-<first digits of the weights' SHA-256>.h5`; several variants end in `-x<variants>.h5`."""
    digits = "-".join(teacher.sha256[:12] for teacher in in_order(teachers))
    suffix = f"-x{variants}" if variants > 1 else ""
    return file.path.with_name(f"{file.path.stem}-by-{digits}{suffix}.h5")


def is_teacher_file(path: Path, file: PatchFile) -> bool:
    """Return whether `path` is an undamaged teacher file that was made from this patch file."""
    try:
        teacher_file = PatchFile(path)
        check_content(teacher_file)
        check_older_file(teacher_file)
        return teacher_file.attributes.get("taught_from") == file.attributes["checksum"]
    except PatchFileError:
        return False


def write_teacher_file(
    file: PatchFile, predict: Predict, teachers: Teachers, variants: int, path: Path, advance: Callable[[int], None]
) -> None:
    """Write the variants of all patches of a patch file, with the teachers' predictions as targets.

    `advance` is called with the number of patches that have just been predicted.
    """
    gsd = JOINT if len(teachers) > 1 else next(iter(teachers))
    # One seed for all scenes, so that a file does not depend on the other scenes.
    inputs = variant_inputs(file, gsd, variants, np.random.default_rng(0))
    arrays = inputs | {"target": predict_targets(file, inputs, predict, gsd, advance)}
    arrays |= {name: np.concatenate([file.arrays[name]] * variants) for name in LOCATIONS}
    attributes = {
        "teacher": sources(teachers),
        "teacher_sha256": " ".join(teacher.sha256 for teacher in in_order(teachers)),
        "taught_from": file.attributes["checksum"],
        "variants": variants,
    }
    write_patch_file(path, arrays, file.attributes | attributes)


def variant_inputs(file: PatchFile, gsd: Gsd, variants: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the inputs of all patches as stored, followed by their recoloured variants.

    Args:
        file: the patch file.
        gsd: native GSD in metres of the bands to sharpen: 20, 60 or JOINT.
        variants: number of variants of each patch, including the stored one.
        rng: source of the brightness factors.

    Returns:
        `input_10m` (variants * N, P, P, 4) and so on, uint16 DN.
    """
    inputs = {}
    for input_gsd in input_gsds(gsd):
        name, bands = f"input_{input_gsd}m", BANDS_BY_GSD[input_gsd]
        images = np.concatenate([file.arrays[name][:]] * variants)
        images[len(file) :] = recolour(images[len(file) :], dn_offsets(file, bands), rng)
        inputs[name] = images
    return inputs


def recolour(images: np.ndarray, offsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return patches in which the reflectance of each band of each patch is multiplied by a random factor.

    Args:
        images: (N, P, P, bands) uint16 DN.
        offsets: (bands,) DN; reflectance is proportional to DN + offset.
        rng: source of the factors, which are log-uniform from 1 / MAX_FACTOR to MAX_FACTOR.

    Returns:
        (N, P, P, bands) uint16 DN, rounded and clipped.
    """
    limit = np.log(MAX_FACTOR)
    factors = np.exp(rng.uniform(-limit, limit, (len(images), 1, 1, len(offsets)))).astype(np.float32)
    return np.rint((images + offsets) * factors - offsets).clip(0, MAX_DN).astype(np.uint16)


def predict_targets(
    file: PatchFile, inputs: Mapping[str, np.ndarray], predict: Predict, gsd: Gsd, advance: Callable[[int], None]
) -> np.ndarray:
    """Predict the target of patches, with the radiometry of a patch file.

    Args:
        file: the patch file; its offsets and quantification hold for inputs and result.
        inputs: `input_10m` (N, P, P, 4) and so on, uint16 DN.
        predict: the teachers.
        gsd: native GSD in metres of the bands to sharpen: 20, 60 or JOINT.
        advance: called with the number of patches that have just been predicted.

    Returns:
        (N, P, P, bands) uint16 DN.
    """
    patches = FusionPatches([file], [np.arange(len(file))], gsd)
    scale = patches.scales[0]
    shift = scale * dn_offsets(file, sharpened_bands(gsd))
    any_patch = {name: tf.constant(array) for name, array in patches.read(np.arange(1)).items()}
    count = len(inputs["input_10m"])
    targets = np.empty((*inputs["input_10m"].shape[:3], len(shift)), np.uint16)
    for first in range(0, count, BATCH):
        batch = slice(first, min(first + BATCH, count))
        # `convert` also wants the target, if there is one, and the radiometry, which is the same for all patches.
        images, _ = patches.convert(any_patch | {name: tf.constant(array[batch]) for name, array in inputs.items()})
        dn = (predict(images).numpy() - shift) / scale
        targets[batch] = np.rint(dn).clip(0, MAX_DN)
        advance(batch.stop - batch.start)
    return targets
