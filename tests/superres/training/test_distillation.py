"""Teacher files: recoloured variants, the teacher's predictions as targets, and when a file is made again."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.patches.file import write_patch_file
from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, Gsd, input_gsds
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS
from superres.networks.trained import TrainedNetwork, read_trained
from superres.training.distillation import (
    BATCH,
    MAX_FACTOR,
    is_teacher_file,
    predict_targets,
    prediction_of_all,
    prepare_teacher_files,
    recolour,
    teachers_of_level,
    variant_inputs,
)
from superres.training.patch_source import FusionPatches, dn_offsets
from tests.support.checks import set_random_weights
from tests.support.patch_files import write_random_patches
from tests.support.tiny_training import tiny_joint_network, tiny_network


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainedNetwork:
    """A tiny network with random weights."""
    monkeypatch.setitem(NETWORKS, "dsen2", tiny_network())
    monkeypatch.setitem(NETWORKS, "joint", tiny_joint_network())
    model = build_network("dsen2", 20)
    set_random_weights(model)
    model.save_weights(tmp_path / "teacher.weights.h5")
    return read_trained(str(tmp_path / "teacher.weights.h5"))


@pytest.mark.parametrize("seed", range(3))
def test_recolouring_multiplies_reflectance(seed: int) -> None:
    """By one factor for each band of each patch, between 1 / MAX_FACTOR and MAX_FACTOR."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1500, 30000, (5, 4, 4, 6)).astype(np.uint16)  # room for twice as much
    offsets = rng.uniform(-1000, 0, 6).astype(np.float32)
    recoloured = recolour(images, offsets, rng)
    assert recoloured.dtype == np.uint16
    before, after = (dn.astype(np.float64) + offsets for dn in (images, recoloured))
    factors = after.sum(axis=(1, 2), keepdims=True) / before.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(after, factors * before, atol=2)
    assert factors.min() >= 0.99 / MAX_FACTOR and factors.max() <= 1.01 * MAX_FACTOR
    assert len(np.unique(factors.round(5))) == factors.size


def test_recolouring_clips_to_uint16() -> None:
    images = np.stack([np.full((4, 4, 1), 60000, np.uint16), np.full((4, 4, 1), 1, np.uint16)] * 20)
    recoloured = recolour(images, np.array([-1000.0], np.float32), np.random.default_rng(0))
    assert recoloured[::2].max() == 65535
    assert 0 <= recoloured[1::2].min() < recoloured[1::2].max() < 1000  # their reflectance is negative


@pytest.mark.parametrize("gsd", [20, 60])
def test_variants_follow_the_stored_patches(tmp_path: Path, gsd: int) -> None:
    file = write_random_patches(tmp_path, "scene", gsd)
    inputs = variant_inputs(file, gsd, 3, np.random.default_rng(0))
    assert set(inputs) == {f"input_{g}m" for g in input_gsds(gsd)}
    for name, images in inputs.items():
        stored, *variants = np.split(images, 3)
        np.testing.assert_array_equal(stored, file.arrays[name])
        assert all((variant != stored).any(axis=(1, 2)).all() for variant in variants)
        assert (variants[0] != variants[1]).any()


@pytest.mark.parametrize("gsd", [20, 60])
def test_targets_have_the_radiometry_of_the_patch_file(tmp_path: Path, gsd: int) -> None:
    """A teacher that repeats the coarse pixels returns their DN, over several batches."""
    file = write_random_patches(tmp_path, "scene", gsd, offsets=-1000.0, quantification=5000, count=BATCH + 3)
    name, factor = f"input_{gsd}m", {20: 2, 60: 6}[gsd]

    def repeat(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.repeat(tf.repeat(inputs[name], factor, axis=1), factor, axis=2)

    inputs = {f"input_{g}m": file.arrays[f"input_{g}m"][:] for g in input_gsds(gsd)}
    predicted: list[int] = []
    targets = predict_targets(file, inputs, repeat, gsd, predicted.append)
    assert predicted == [BATCH, 3]
    assert targets.dtype == np.uint16
    expected = file.arrays[name][:].repeat(factor, axis=1).repeat(factor, axis=2)
    np.testing.assert_allclose(targets.astype(int), expected.astype(int), atol=1)


@pytest.mark.usefixtures("line_after_each_piece")
def test_teacher_file_holds_the_predictions_for_all_variants(
    tmp_path: Path, teacher: TrainedNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_random_patches(tmp_path, "scene", offsets=-1000.0)
    (teacher_file,) = prepare_teacher_files([file], [{20: teacher}], variants=2)
    count = len(file)
    assert f"predictions of the teacher: {2 * count} of {2 * count} patches, " in caplog.text
    assert teacher_file.path == tmp_path / f"scene-20m-by-{teacher.sha256[:12]}-x2.h5"
    assert teacher_file.attributes["taught_from"] == file.attributes["checksum"]
    assert len(teacher_file) == 2 * count
    np.testing.assert_array_equal(teacher_file.arrays["input_10m"][:count], file.arrays["input_10m"])
    np.testing.assert_array_equal(teacher_file.arrays["block"], np.tile(file.arrays["block"], 2))
    source = FusionPatches([teacher_file], [np.arange(2 * count)], 20)
    inputs, _ = source.convert(source.read(np.arange(2 * count)))
    offsets = dn_offsets(file, BANDS_BY_GSD[20])
    expected = (2000 * np.asarray(teacher.build()(inputs)) - offsets).clip(0, 65535)
    np.testing.assert_allclose(teacher_file.arrays["target"], expected, atol=0.52)


def test_teacher_files_are_made_once_and_for_each_number_of_variants(tmp_path: Path, teacher: TrainedNetwork) -> None:
    file = write_random_patches(tmp_path, "scene")
    (single,) = prepare_teacher_files([file], [{20: teacher}])
    made = single.path.stat().st_mtime_ns
    assert prepare_teacher_files([file], [{20: teacher}])[0].path.stat().st_mtime_ns == made
    assert prepare_teacher_files([file], [{20: teacher}], variants=2)[0].path != single.path
    other = write_random_patches(tmp_path, "scene", seed=1)  # the patch file changed
    (again,) = prepare_teacher_files([other], [{20: teacher}])
    assert again.path == single.path
    assert again.attributes["taught_from"] == other.attributes["checksum"] != file.attributes["checksum"]


def test_the_teachers_of_a_joint_network_predict_all_bands(tmp_path: Path, teacher: TrainedNetwork) -> None:
    """Each from its own inputs; the patch file has no target. The order in which they are given does not matter."""
    model = build_network("dsen2", 60)
    set_random_weights(model, seed=1)
    model.save_weights(tmp_path / "coarse.weights.h5")
    coarse = read_trained(str(tmp_path / "coarse.weights.h5"))
    file = write_random_patches(tmp_path, "scene", JOINT, offsets=-1000.0)
    assert "target" not in file.arrays
    (teacher_file,) = prepare_teacher_files([file], [{60: coarse, 20: teacher}])
    assert teacher_file.path.stem == f"{file.path.stem}-by-{teacher.sha256[:12]}-{coarse.sha256[:12]}"
    assert teacher_file.attributes["teacher"] == f"{teacher.source} {coarse.source}"
    source = FusionPatches([teacher_file], [np.arange(len(file))], JOINT)
    inputs, target = source.convert(source.read(np.arange(len(file))))
    fine_inputs = {name: inputs[name] for name in ("input_10m", "input_20m")}
    expected = [np.asarray(teacher.build()(fine_inputs)), np.asarray(coarse.build()(inputs))]
    lowest, highest = -1000 / 2000, (65535 - 1000) / 2000
    np.testing.assert_allclose(target, np.concatenate(expected, axis=-1).clip(lowest, highest), atol=0.52 / 2000)


def test_each_file_is_predicted_by_the_teacher_of_its_level(tmp_path: Path, teacher: TrainedNetwork) -> None:
    model = build_network("dsen2", 20)
    set_random_weights(model, seed=1)
    model.save_weights(tmp_path / "surface.weights.h5")
    surface = replace(read_trained(str(tmp_path / "surface.weights.h5")), levels=("L2A",))
    top = replace(teacher, levels=("L1C",))
    files = [write_random_patches(tmp_path, name) for name in ("top", "surface")]
    teachers = [teachers_of_level((surface, top), level) for level in ("L1C", "L2A")]
    for file, own, taught in zip(files, (top, surface), prepare_teacher_files(files, teachers), strict=True):
        assert taught.attributes["teacher_sha256"] == own.sha256
        source = FusionPatches([taught], [np.arange(len(file))], 20)
        inputs, target = source.convert(source.read(np.arange(len(file))))
        np.testing.assert_allclose(target, np.asarray(own.build()(inputs)).clip(0, 65535 / 2000), atol=0.52 / 2000)


def test_a_level_that_no_teacher_knows_has_the_only_one() -> None:
    def network(source: str, gsd: Gsd, *levels: str) -> TrainedNetwork:
        return TrainedNetwork(source, Path(source), "dsen2", gsd, levels=levels)

    fine, coarse, surface = network("fine", 20, "L1C"), network("coarse", 60, "L1C"), network("surface", 60, "L2A")
    for order in itertools.permutations((fine, coarse, surface)):
        assert teachers_of_level(order, "L1C") == {20: fine, 60: coarse}
        assert teachers_of_level(order, "L2A") == {20: fine, 60: surface}
    both = network("both", JOINT, "L1C")
    assert teachers_of_level((both, surface), "L2A") == {20: both, 60: surface}


def test_bands_of_a_joint_teacher_are_taken_for_the_gsd_that_it_teaches(
    tmp_path: Path, teacher: TrainedNetwork
) -> None:
    """A joint network and one for 60 m: each predicts its own bands only."""
    for name, gsd in (("joint", JOINT), ("dsen2", 60)):
        model = build_network(name, gsd)
        set_random_weights(model, seed=1)
        model.save_weights(tmp_path / f"{name}.weights.h5")
    both = read_trained(str(tmp_path / "joint.weights.h5"), "joint")
    coarse = read_trained(str(tmp_path / "dsen2.weights.h5"))
    file = write_random_patches(tmp_path, "scene", JOINT)
    inputs = FusionPatches([file], [np.arange(len(file))], JOINT)
    images, _ = inputs.convert(inputs.read(np.arange(len(file))))
    predicted = prediction_of_all({20: both, 60: coarse})(images)
    of_both, of_coarse = both.build()(images), coarse.build()(images)
    expected = np.concatenate([of_both[..., :6], of_coarse], axis=-1)
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)


def test_a_teacher_file_that_lacks_an_array_is_not_valid(tmp_path: Path) -> None:
    file = write_random_patches(tmp_path, "scene")
    attributes = file.attributes | {"taught_from": file.attributes["checksum"]}
    for missing in (None, "row", "target"):
        arrays = {name: array[:] for name, array in file.arrays.items() if name != missing}
        write_patch_file(tmp_path / "teacher.h5", arrays, attributes)
        assert is_teacher_file(tmp_path / "teacher.h5", file) == (missing is None)
    assert not is_teacher_file(tmp_path / "none.h5", file)
