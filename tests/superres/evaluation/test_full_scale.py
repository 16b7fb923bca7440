"""Full scale: known consistency, sharpness and correlation, nodata left out, strips that leave no trace."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from common.errors import ProductError
from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade
from common.pixels.sentinel2 import BANDS_20M, BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from common.scenes.tile_list import open_scene
from superres.evaluation import full_scale
from superres.evaluation.full_scale import (
    FullScale,
    Moments,
    Strip,
    add_coarse_detail,
    detail,
    measure_full_scale,
    read_images,
)
from superres.evaluation.methods import Method, interpolation_methods
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe

SETTINGS = {gsd: PatchSettings(gsd, 1) for gsd in (20, 60)}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    return textured_pixels(np.random.default_rng(3), 144)


def strip_of(estimate: np.ndarray, rng: np.random.Generator, gsd: int) -> Strip:
    """All of a scene, whose coarse bands are the estimate's, degraded."""
    rows, cols = estimate.shape[:2]
    images = {
        f"input_{g}m": rng.normal(3000, 500, (rows * 10 // g, cols * 10 // g, len(BANDS_BY_GSD[g]))).astype(np.float32)
        for g in input_gsds(gsd)
    }
    images[f"input_{gsd}m"] = degrade(estimate, gsd // 10, SETTINGS[gsd].sigmas(gsd))
    return Strip(images, np.ones((rows * 10 // gsd, cols * 10 // gsd), bool), Window(0, 0, rows, cols))


@pytest.mark.parametrize("gsd", [20, 60])
def test_consistency_is_what_degrading_leaves(rng, gsd):
    """0 for an estimate that gives the input back; a constant, where each band is off by one."""
    estimate = rng.normal(3000, 500, (36, 48, len(BANDS_BY_GSD[gsd]))).astype(np.float32)
    strip = strip_of(estimate, rng, gsd)
    offsets = np.arange(estimate.shape[2], dtype=np.float32)
    for offset, expected in ((0, 0 * offsets), (offsets, offsets)):
        found = measured(strip, estimate + offset, gsd)
        np.testing.assert_allclose(found["consistency"], expected, atol=2e-3)


def measured(strip: Strip, estimate: np.ndarray, gsd: int) -> dict[str, np.ndarray]:
    """Metric -> value of each band."""
    coarse_detail, found = Moments(), FullScale(SETTINGS[gsd])
    add_coarse_detail(coarse_detail, strip, SETTINGS[gsd])
    found.add(strip, estimate)
    return found.result(coarse_detail)


def test_sharpness_and_correlation_are_one_for_the_partner(rng):
    """For multiples of it, that is, of both signs; 0 for a band without detail."""
    bands = rng.normal(3000, 500, (48, 48, 4)).astype(np.float32)
    estimate = np.concatenate([0.5 * bands + 700, 2 * bands[..., :1], 0 * bands[..., :1] + 1234], axis=2)
    strip = strip_of(estimate, rng, 20)
    strip.images["input_10m"] = bands
    once, twice = (measured(strip, factor * estimate, 20) for factor in (1, -2))
    np.testing.assert_allclose(once["sharpness"], [1, 1, 1, 1, 1, 0], rtol=1e-3)
    np.testing.assert_allclose(once["correlation"], [1, 1, 1, 1, 1, 0], rtol=1e-3)
    np.testing.assert_allclose(twice["sharpness"], 2 * once["sharpness"], rtol=1e-5)
    np.testing.assert_allclose(twice["correlation"], -once["correlation"], rtol=1e-5)


def test_blur_is_less_sharp(rng):
    """But goes with the partner as well: what correlation alone would miss."""
    bands = rng.normal(3000, 500, (48, 48, 4)).astype(np.float32)
    estimate = bands[..., [0, 1, 2, 3, 0, 1]]
    strip = strip_of(estimate, rng, 20)
    strip.images["input_10m"] = bands
    found = measured(strip, estimate - 0.5 * detail(estimate), 20)
    assert (found["sharpness"] < 0.9).all()
    assert (found["correlation"] > 0.9).all()


def test_detail_is_a_laplacian(rng):
    image = rng.normal(3000, 500, (9, 7, 2)).astype(np.float32)
    kernel = -np.ones((3, 3))
    kernel[1, 1] = 8
    for band in range(2):
        expected = convolve(image[..., band].astype(np.float64), kernel, mode="reflect") / 9
        np.testing.assert_allclose(detail(image)[..., band], expected, atol=1e-2)


def test_moments_come_in_parts(rng):
    x, y = rng.normal(2, 3, (100, 2)), rng.normal(-1, 2, (100, 3))
    y[:, 1] += x[:, 0]
    y[:, 2] = 5
    found = Moments()
    found.add(x[:30], y[:30])
    found.add(x[30:], y[30:])
    expected = np.corrcoef(x.T, y[:, :2].T)[:2, 2:]
    np.testing.assert_allclose(found.correlation()[:, :2], expected)
    np.testing.assert_array_equal(found.correlation()[:, 2], 0)
    for mine, variables in zip(found.deviations(), (x, y), strict=True):
        np.testing.assert_allclose(mine, variables.std(axis=0), atol=1e-9)


@pytest.mark.parametrize("gsd", [20, 60])
def test_strips_leave_no_trace(tmp_path, pixels, monkeypatch, gsd):
    holed = with_nodata(pixels, 24, 12, 72, 30)
    product = write_safe(tmp_path, size=144, pixels=holed, level="L1C", baseline="04.00")
    scene = open_scene(product)
    methods = interpolation_methods(gsd, clip=False)
    whole = measure_full_scale(scene, methods, SETTINGS[gsd])
    monkeypatch.setattr(full_scale, "STRIP_PIXELS", 30 * 144)
    parts = measure_full_scale(scene, methods, SETTINGS[gsd])
    assert [row[:4] for row in parts] == [row[:4] for row in whole]
    np.testing.assert_allclose([row.value for row in parts], [row.value for row in whole], rtol=1e-5)
    assert len({row.value for row in whole}) == len(whole)


def test_partner_is_the_band_that_goes_best_with_the_coarse_one(tmp_path, pixels):
    """Each 20 m band is a 10 m band made coarse; a method that copies its detail goes with it, another one's does not."""
    from_10m = dict(zip(BANDS_20M, ("B08", "B04", "B03", "B02", "B02", "B03"), strict=True))
    images = {
        **pixels,
        **{
            band: pixels[fine].reshape(72, 2, 72, 2).mean(axis=(1, 3)).astype(np.uint16)
            for band, fine in from_10m.items()
        },
    }
    scene = open_scene(write_safe(tmp_path, size=144, pixels=images))
    order = {"right": [3, 2, 1, 0, 0, 1], "wrong": [0, 3, 0, 1, 1, 3]}
    methods = [
        Method(name, lambda images, chosen=chosen: images["input_10m"][..., chosen], 0)
        for name, chosen in order.items()
    ]
    found = {row[1:4]: row.value for row in measure_full_scale(scene, methods, SETTINGS[20])}
    for band in BANDS_20M:
        assert found["right", band, "correlation"] == pytest.approx(1, abs=1e-4)
        assert found["wrong", band, "correlation"] < 0.99
    assert found["right", "all", "consistency"] < found["wrong", "all", "consistency"]


def test_pixels_that_nodata_enters_do_not_count(tmp_path, pixels):
    """Whatever a method puts there."""
    scene = open_scene(write_safe(tmp_path, size=144, pixels=with_nodata(pixels, 0, 0, 144, 48)))
    clean, dirty = (
        {
            row.metric: row.value
            for row in measure_full_scale(scene, [Method("m", sharpen, 16)], SETTINGS[20])
            if row.band == "all"
        }
        for sharpen in (blocks, lambda images: blocks(images) + 1e6 * (np.arange(144) < 46)[:, None])
    )
    assert clean == pytest.approx(dirty, rel=1e-5)


@pytest.mark.parametrize("gsd", [20, 60])
def test_methods_see_no_cliff_where_data_ends(tmp_path, pixels, gsd):
    """What is beside a hole counts, so the hole holds what is beside it, and not DN 0."""
    scene = open_scene(write_safe(tmp_path, size=144, pixels=with_nodata(pixels, 0, 0, 144, 48), baseline="04.00"))
    images, _ = read_images(scene, Window(0, 0, 144, 144), SETTINGS[gsd], reach=144)
    for image in images.values():
        beside = image.shape[1] // 3
        np.testing.assert_array_equal(image[:, :beside], np.repeat(image[:, beside : beside + 1], beside, axis=1))


def blocks(images: dict[str, np.ndarray]) -> np.ndarray:
    return images["input_20m"].repeat(2, axis=0).repeat(2, axis=1)


def test_scene_of_nodata(tmp_path, pixels):
    scene = open_scene(write_safe(tmp_path, size=144, pixels=with_nodata(pixels, 0, 0, 144, 144)))
    with pytest.raises(ProductError, match="has no pixel without nodata to measure at"):
        measure_full_scale(scene, interpolation_methods(20), SETTINGS[20])
