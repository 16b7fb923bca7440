"""Patches from patch files in network units."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.training.batches import training_batches, validation_batches
from superres.training.patch_source import FusionPatches, dn_offsets
from tests.support.patch_files import PATCH_PX, write_random_patches

DIVISOR = 2000


def converted(source: FusionPatches, patch_indices: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    patches = {name: tf.constant(array) for name, array in source.read(patch_indices).items()}
    inputs, target = source.convert(patches)
    return {name: tensor.numpy() for name, tensor in inputs.items()}, target.numpy()


@pytest.mark.parametrize("gsd", [20, 60])
def test_network_units_are_reflectance_times_5(tmp_path: Path, gsd: int) -> None:
    """(DN + offset) / quantification * 10000 / 2000, for files with different offsets and quantification."""
    radiometry = [(0.0, 10000), (-1000.0, 10000), (-1000.0, 5000)]
    files = [
        write_random_patches(tmp_path, f"scene{i}", gsd, i, offset, quantification)
        for i, (offset, quantification) in enumerate(radiometry)
    ]
    rows = [np.array([1, 4]), np.array([0, 2, 5]), np.array([3])]
    source = FusionPatches(files, rows, gsd)
    assert len(source) == 6
    file_and_row = [(i, row) for i in range(3) for row in rows[i]]
    patch_indices = np.array([5, 0, 3, 1, 2, 4, 0])
    assert source.origins(patch_indices) == [f"scene{file_and_row[index][0]}" for index in patch_indices]
    inputs, target = converted(source, patch_indices)
    assert set(inputs) == {f"input_{g}m" for g in input_gsds(gsd)}
    for name, images in (*inputs.items(), ("target", target)):
        assert images.dtype == np.float32
        for image, index in zip(images, patch_indices, strict=True):
            file_index, row = file_and_row[index]
            offset, quantification = radiometry[file_index]
            dn = files[file_index].arrays[name][row].astype(np.float64)
            np.testing.assert_allclose(image, (dn + offset) / quantification * 10000 / DIVISOR, rtol=1e-6, atol=1e-5)


def test_each_band_has_its_own_offset(tmp_path: Path) -> None:
    offsets = [-100.0 * i for i in range(12)]
    file = write_random_patches(tmp_path, "scene", 60, 0, offsets)
    assert dn_offsets(file, ("B02", "B08")).tolist() == [0, -300]
    assert dn_offsets(file, ("B05", "B12")).tolist() == [-400, -900]
    assert dn_offsets(file, ("B09", "B01")).tolist() == [-1100, -1000]
    inputs, target = converted(FusionPatches([file], [np.arange(6)], 60), np.arange(6))
    expected = (file.arrays["target"][:].astype(np.float64) + np.array([-1000, -1100])) / DIVISOR
    np.testing.assert_allclose(target, expected, rtol=1e-6, atol=1e-5)
    expected = (file.arrays["input_20m"][:].astype(np.float64) + offsets[4:10]) / DIVISOR
    np.testing.assert_allclose(inputs["input_20m"], expected, rtol=1e-6, atol=1e-5)


def test_a_file_without_selected_rows(tmp_path: Path) -> None:
    files = [write_random_patches(tmp_path, f"scene{i}", seed=i) for i in range(2)]
    source = FusionPatches(files, [np.array([], int), np.array([2])], 20)
    _, target = converted(source, np.array([0]))
    np.testing.assert_allclose(target[0], files[1].arrays["target"][2] / DIVISOR, rtol=1e-6)
    assert len(FusionPatches(files, [np.array([], int)] * 2, 20)) == 0


@pytest.mark.parametrize("gsd", [20, 60])
def test_batches_of_tf_data(tmp_path: Path, gsd: int) -> None:
    """Batches have the shapes that a network needs, also after flips and quarter turns."""
    files = [write_random_patches(tmp_path, f"scene{i}", gsd, i, -1000.0 * i) for i in range(2)]
    source = FusionPatches(files, [np.arange(6), np.arange(3)], gsd)
    size = PATCH_PX[gsd]
    for inputs, target in itertools.islice(training_batches(source, 4, 0).as_numpy_iterator(), 4):
        assert target.shape == (4, size, size, len(BANDS_BY_GSD[gsd]))
        assert {name: image.shape[1] for name, image in inputs.items()} == {
            f"input_{g}m": size * 10 // g for g in input_gsds(gsd)
        }
    all_targets = converted(source, np.arange(9))[1]
    batches = [target for _, target in validation_batches(source, 4).as_numpy_iterator()]
    assert [len(batch) for batch in batches] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(batches), all_targets)
