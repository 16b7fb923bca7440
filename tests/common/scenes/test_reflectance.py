"""DN of a scene: offsets by band, valid pixels, reflectance."""

from pathlib import Path

import numpy as np
import pytest

from common.pixels.sentinel2 import BANDS, BANDS_20M
from common.scenes.reflectance import ScaledImage, band_offsets, is_valid, scaled_reflectance
from common.scenes.scene import Scene


@pytest.fixture
def scene() -> Scene:
    """Another offset for each band, unusual quantification, nodata and saturated DN."""
    offsets = {band: -100.0 * index for index, band in enumerate(BANDS)}
    return Scene("name", Path(), "L1C", "T32TNS", "S2A", "04.00", "", {}, 5000.0, offsets, nodata=7, saturated=32767)


def test_offsets_come_in_the_order_of_the_bands(scene: Scene) -> None:
    offsets = band_offsets(scene, ("B08", "B04", "B01"))
    assert offsets.tolist() == [-700, -300, 0]
    assert offsets.dtype == np.float32


def test_valid_is_neither_nodata_nor_saturated_of_this_scene(scene: Scene) -> None:
    dn = np.array([[0, 7, 8], [32766, 32767, 65535]], np.uint16)
    assert is_valid(scene, dn).tolist() == [[True, False, True], [True, False, True]]


def test_reflectance_uses_the_offset_of_each_band_of_the_gsd(scene: Scene) -> None:
    dn = np.full((2, 3, len(BANDS_20M)), 4000, np.uint16)
    scaled = scaled_reflectance(scene, dn, 20)
    assert scaled.dtype == np.float32
    for index, band in enumerate(BANDS_20M):
        np.testing.assert_allclose(scaled[..., index], (4000 + scene.offsets[band]) / 5000 * 10000)


@pytest.mark.parametrize(
    "index", [..., 3, slice(2, 5), (slice(1, 4), slice(0, 2)), (..., 4), (slice(None), slice(None), slice(2, 3))]
)
def test_a_part_of_a_scaled_image_is_that_part_of_the_reflectance(scene: Scene, index: object) -> None:
    dn = np.random.default_rng(0).integers(0, 2**16, (6, 5, len(BANDS_20M)), np.uint16)
    image, whole = ScaledImage(scene, dn, 20), scaled_reflectance(scene, dn, 20)
    assert (image.shape, image.ndim, len(image)) == (whole.shape, 3, 6)
    assert image[index].dtype == np.float32
    np.testing.assert_array_equal(image[index], whole[index])
    np.testing.assert_array_equal(np.asarray(image), whole)


def test_a_scaled_image_becomes_a_new_array(scene: Scene) -> None:
    image = ScaledImage(scene, np.ones((2, 3, len(BANDS_20M)), np.uint16), 20)
    assert np.array(image, np.float64, copy=True).dtype == np.float64
    with pytest.raises(ValueError, match="leave out copy=False"):
        np.array(image, copy=False)
