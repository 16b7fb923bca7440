"""Prepared patches -> normalised tensors: the right bands with the right statistics."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from bigearthnet.archive.band_sets import BAND_STATISTICS, band_statistics
from bigearthnet.archive.groups import GROUP_BANDS, group_shapes
from bigearthnet.archive.labels import CLASSES_19
from bigearthnet.networks.normalisation import Normalize
from bigearthnet.prepared.file import BigEarthNetFile
from bigearthnet.prepared.patch_source import ClassificationPatches
from common.errors import SettingError
from common.training.batches import training_batches, validation_batches
from tests.support.made_patches import write_prepared_file

N = 6


def band_means(row: int) -> dict[str, float]:
    """Return pixel values whose normalised value is `row`: the band's mean plus `row` standard deviations."""
    return {band: mean + row * deviation for band, (mean, deviation) in BAND_STATISTICS.items()}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> BigEarthNetFile:
    images = {}
    for name, shape in group_shapes(True).items():
        values = np.array([[band_means(row)[band] for band in GROUP_BANDS[name]] for row in range(N)])
        array = np.broadcast_to(values[:, None, None, :], (N, *shape))
        images[name] = array.astype(np.float32) if name == "s1" else np.rint(array).astype(np.uint16)
    path = tmp_path_factory.mktemp("data") / "data.h5"
    write_prepared_file(
        path, images, np.eye(N, 19, dtype=np.uint8), CLASSES_19, [f"p{n}" for n in range(N)], ["train"] * N
    )
    return BigEarthNetFile(path)


def normalise(images: dict, bands: str) -> dict:
    return {name: Normalize(*values)(images[name]) for name, values in band_statistics(bands).items()}


@pytest.mark.parametrize(
    ("bands", "groups"),
    [
        ("rgb", {"s2_10m": 3}),
        ("10m", {"s2_10m": 4}),
        ("10bands", {"s2_10m": 4, "s2_20m": 6}),
        ("s2", {"s2_10m": 4, "s2_20m": 6, "s2_60m": 2}),
        ("s1", {"s1": 2}),
        ("s1_10bands", {"s2_10m": 4, "s2_20m": 6, "s1": 2}),
        ("s1s2", {"s2_10m": 4, "s2_20m": 6, "s2_60m": 2, "s1": 2}),
    ],
)
def test_band_sets(file: BigEarthNetFile, bands: str, groups: dict[str, int]) -> None:
    source = ClassificationPatches(file, np.array([4, 2, 0, 1]), bands)
    assert len(source) == 4
    images, labels = source.convert({name: tf.constant(array) for name, array in source.read(np.array([1, 3])).items()})
    assert {name: tuple(image.shape[1:]) for name, image in images.items()} == source.image_shapes
    normalised = normalise(images, bands)
    assert {name: image.shape[-1] for name, image in normalised.items()} == groups
    for image in normalised.values():
        assert image.dtype == tf.float32
        for row, patch in zip((2, 1), image.numpy(), strict=True):
            np.testing.assert_allclose(patch, row, atol=0.002)  # DN are whole numbers
    np.testing.assert_array_equal(labels, np.eye(N, 19)[[2, 1]])
    assert labels.dtype == tf.float32


@pytest.mark.parametrize("bands", ["rgb", "s1s2"])
def test_pipelines(file: BigEarthNetFile, bands: str) -> None:
    source = ClassificationPatches(file, np.arange(N), bands)
    images, labels = next(iter(training_batches(source, 4, seed=0)))
    rows = labels.numpy().argmax(axis=1)
    for image in normalise(images, bands).values():
        np.testing.assert_allclose(image.numpy().mean(axis=(1, 2, 3)), rows, atol=0.002)
    sizes = [len(labels) for _, labels in validation_batches(source, 4)]
    assert sizes == [4, 2]


def test_unknown_band_set_and_missing_sentinel_1(file: BigEarthNetFile, tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match="--bands must be one of rgb, 10m, 10bands, s2, s1, s1_10bands, s1s2; got s3"
    ):
        ClassificationPatches(file, np.arange(N), "s3")
    images = {name: np.ones((1, *shape), np.uint16) for name, shape in group_shapes(False).items()}
    write_prepared_file(tmp_path / "s2.h5", images, np.ones((1, 19)), CLASSES_19, ["p"], ["test"])
    with pytest.raises(
        SettingError,
        match=r"s2.h5 holds no Sentinel-1, which --bands s1s2 needs; prepare it with --s1-root, or choose rgb, 10m, 10bands, s2",
    ):
        ClassificationPatches(BigEarthNetFile(tmp_path / "s2.h5"), np.arange(1), "s1s2")
