"""Patch files -> network units."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from common.patches.file import PatchFile, write_patch_file
from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds
from common.training.batches import training_batches, validation_batches
from superres.training.patch_source import FusionPatches, file_offsets

DIVISOR = 2000


def make_file(
    folder: Path,
    name: str,
    gsd: int,
    seed: int,
    offsets: float | list[float],
    quantification: float = 10000,
    count: int = 6,
) -> PatchFile:
    rng = np.random.default_rng(seed)
    size = {20: 4, 60: 6}[gsd]

    def images(side: int, bands: tuple[str, ...]) -> np.ndarray:
        return rng.integers(1, 65535, (count, side, side, len(bands)), np.uint16)

    arrays = {f"input_{g}m": images(size * 10 // g, BANDS_BY_GSD[g]) for g in input_gsds(gsd)}
    arrays["target"] = images(size, BANDS_BY_GSD[gsd])
    bands = {g: BANDS_BY_GSD[g] if g <= gsd else () for g in (10, 20, 60)}
    total = sum(map(len, bands.values()))
    offsets = offsets if isinstance(offsets, list) else [offsets] * total
    attributes = {"offsets": offsets, "quantification_value": quantification, "scene": name}
    attributes |= {f"bands_{g}m": ",".join(names) for g, names in bands.items()}
    write_patch_file(folder / f"{name}.h5", arrays, attributes)
    return PatchFile(folder / f"{name}.h5")


def converted(source: FusionPatches, numbers: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    inputs, target = source.convert({name: tf.constant(array) for name, array in source.read(numbers).items()})
    return {name: tensor.numpy() for name, tensor in inputs.items()}, target.numpy()


@pytest.mark.parametrize("gsd", [20, 60])
def test_units_are_reflectance_times_5(tmp_path, gsd):
    """(DN + offset) / quantification * 10000 / 2000, with files of different offsets and quantification mixed."""
    radiometry = [(0.0, 10000), (-1000.0, 10000), (-1000.0, 5000)]
    files = [
        make_file(tmp_path, f"scene{i}", gsd, i, offset, quantification)
        for i, (offset, quantification) in enumerate(radiometry)
    ]
    rows = [np.array([1, 4]), np.array([0, 2, 5]), np.array([3])]
    source = FusionPatches(files, rows, gsd)
    assert len(source) == 6
    where = [(i, row) for i in range(3) for row in rows[i]]
    numbers = np.array([5, 0, 3, 1, 2, 4, 0])
    inputs, target = converted(source, numbers)
    assert set(inputs) == {f"input_{g}m" for g in input_gsds(gsd)}
    for name, images in (*inputs.items(), ("target", target)):
        assert images.dtype == np.float32
        for image, number in zip(images, numbers, strict=True):
            file, row = where[number]
            offset, quantification = radiometry[file]
            dn = files[file].arrays[name][row].astype(np.float64)
            np.testing.assert_allclose(image, (dn + offset) / quantification * 10000 / DIVISOR, rtol=1e-6, atol=1e-5)


def test_each_band_has_its_own_offset(tmp_path):
    offsets = [-100.0 * i for i in range(12)]
    file = make_file(tmp_path, "scene", 60, 0, offsets)
    assert file_offsets(file, ("B02", "B08")).tolist() == [0, -300]
    assert file_offsets(file, ("B05", "B12")).tolist() == [-400, -900]
    assert file_offsets(file, ("B09", "B01")).tolist() == [-1100, -1000]
    inputs, target = converted(FusionPatches([file], [np.arange(6)], 60), np.arange(6))
    expected = (file.arrays["target"].astype(np.float64) + np.array([-1000, -1100])) / DIVISOR
    np.testing.assert_allclose(target, expected, rtol=1e-6, atol=1e-5)
    expected = (file.arrays["input_20m"].astype(np.float64) + offsets[4:10]) / DIVISOR
    np.testing.assert_allclose(inputs["input_20m"], expected, rtol=1e-6, atol=1e-5)


def test_a_file_without_chosen_rows(tmp_path):
    files = [make_file(tmp_path, f"scene{i}", 20, i, 0.0) for i in range(2)]
    source = FusionPatches(files, [np.array([], int), np.array([2])], 20)
    _, target = converted(source, np.array([0]))
    np.testing.assert_allclose(target[0], files[1].arrays["target"][2] / DIVISOR, rtol=1e-6)
    assert len(FusionPatches(files, [np.array([], int)] * 2, 20)) == 0


@pytest.mark.parametrize("gsd", [20, 60])
def test_through_tf_data(tmp_path, gsd):
    """Batches have the shapes that a network needs, turned or not."""
    files = [make_file(tmp_path, f"scene{i}", gsd, i, -1000.0 * i) for i in range(2)]
    source = FusionPatches(files, [np.arange(6), np.arange(3)], gsd)
    size = {20: 4, 60: 6}[gsd]
    for inputs, target in itertools.islice(training_batches(source, 4, 0).as_numpy_iterator(), 4):
        assert target.shape == (4, size, size, len(BANDS_BY_GSD[gsd]))
        assert {name: image.shape[1] for name, image in inputs.items()} == {
            f"input_{g}m": size * 10 // g for g in input_gsds(gsd)
        }
    whole = converted(source, np.arange(9))[1]
    batches = [target for _, target in validation_batches(source, 4).as_numpy_iterator()]
    assert [len(batch) for batch in batches] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(batches), whole)
