"""Full scale: known consistency, sharpness and correlation, nodata left out, the same result for any strips."""

import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter

from common.errors import ProductError
from common.metrics import image_pairs
from common.metrics.blocks import BlockMean, whole_blocks
from common.metrics.without_truth import block_uiq
from common.patches.settings import PatchSettings
from common.pixels.degrade import degrade, mtf_matched_sigmas
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_BY_GSD, input_gsds
from common.pixels.windows import Window
from common.scenes.tile_list import open_scene
from superres.evaluation import full_scale_strips
from superres.evaluation.full_scale import (
    FullScaleSums,
    MomentSums,
    coarse_and_degraded_detail,
    coarse_and_degraded_guides,
    detail,
    full_scale_rows,
    measure_full_scale,
)
from superres.evaluation.full_scale_strips import BLOCK_PX
from superres.evaluation.methods import Method, interpolation_methods
from superres.pansharpening.strips import ImageStrip
from tests.support.fake_safe import textured_pixels, with_nodata, write_safe

SETTINGS = {gsd: PatchSettings(gsd, 1) for gsd in (20, 60)}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    return textured_pixels(np.random.default_rng(3), 144)


def strip_of(estimate: np.ndarray, rng: np.random.Generator, gsd: int) -> ImageStrip:
    """A strip that holds a whole scene; its coarse bands are the degraded estimate."""
    rows, cols = estimate.shape[:2]
    images = {
        f"input_{g}m": rng.normal(3000, 500, (rows * 10 // g, cols * 10 // g, len(BANDS_BY_GSD[g]))).astype(np.float32)
        for g in input_gsds(gsd)
    }
    images[f"input_{gsd}m"] = degrade(estimate, gsd // 10, SETTINGS[gsd].sigmas(gsd))
    return ImageStrip(images, np.ones((rows * 10 // gsd, cols * 10 // gsd), bool), Window(0, 0, rows, cols))


@pytest.mark.parametrize("gsd", [20, 60])
def test_consistency_is_the_residual_after_degrading(rng, gsd):
    """It is 0 for an estimate that degrades to the input, and the offset of each band for a shifted estimate."""
    estimate = rng.normal(3000, 500, (36, 48, len(BANDS_BY_GSD[gsd]))).astype(np.float32)
    strip = strip_of(estimate, rng, gsd)
    offsets = np.arange(estimate.shape[2], dtype=np.float32)
    for offset, expected in ((0, 0 * offsets), (offsets, offsets)):
        metrics = measured(strip, estimate + offset, gsd)
        np.testing.assert_allclose(metrics["consistency"], expected, atol=2e-3)


def measured(strip: ImageStrip, estimate: np.ndarray, gsd: int) -> dict[str, np.ndarray]:
    """Metric -> value of each band."""
    coarse_detail, sums = MomentSums(), FullScaleSums(SETTINGS[gsd])
    coarse_detail.add(*coarse_and_degraded_detail(strip, SETTINGS[gsd]))
    sums.add(strip, estimate)
    return sums.metrics(coarse_detail)


def test_sharpness_and_correlation_are_one_for_the_partner(rng):
    """So they are for its multiples, but for size and sign; they are 0 for a band without detail."""
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
    """Correlation does not show it: it stays high."""
    bands = rng.normal(3000, 500, (48, 48, 4)).astype(np.float32)
    estimate = bands[..., [0, 1, 2, 3, 0, 1]]
    strip = strip_of(estimate, rng, 20)
    strip.images["input_10m"] = bands
    metrics = measured(strip, estimate - 0.5 * detail(estimate), 20)
    assert (metrics["sharpness"] < 0.9).all()
    assert (metrics["correlation"] > 0.9).all()


def test_detail_is_a_laplacian(rng):
    image = rng.normal(3000, 500, (9, 7, 2)).astype(np.float32)
    kernel = -np.ones((3, 3))
    kernel[1, 1] = 8
    for band in range(2):
        expected = convolve(image[..., band].astype(np.float64), kernel, mode="reflect") / 9
        np.testing.assert_allclose(detail(image)[..., band], expected, atol=1e-2)


def test_moments_add_up_over_parts(rng, monkeypatch):
    monkeypatch.setattr(image_pairs, "STRIP_PIXELS", 8)
    x, y = rng.normal(2, 3, (100, 2)), rng.normal(-1, 2, (100, 3))
    y[:, 1] += x[:, 0]
    y[:, 2] = 5
    moments = MomentSums()
    moments.add(x[:30], y[:30])
    moments.add(x[30:], y[30:])
    expected = np.corrcoef(x.T, y[:, :2].T)[:2, 2:]
    np.testing.assert_allclose(moments.correlation()[:, :2], expected)
    np.testing.assert_array_equal(moments.correlation()[:, 2], 0)
    for deviations, variables in zip(moments.deviations(), (x, y), strict=True):
        np.testing.assert_allclose(deviations, variables.std(axis=0), atol=1e-9)


def test_moments_copy_no_image(monkeypatch):
    """A strip of a full tile would need 0.7 GiB in float64."""
    monkeypatch.setattr(image_pairs, "STRIP_PIXELS", 2**10)
    x, y = np.ones((2, 2**16, 4), np.float32)
    tracemalloc.start()
    MomentSums().add(x, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < x.nbytes / 2


def test_overall_consistency_is_the_rms_over_bands():
    metrics = {"consistency": np.array([3.0, 4.0]), "sharpness": np.array([0.5, 1.0])}
    rows = full_scale_rows("s", "m", metrics, 60)
    assert [row[2:4] for row in rows[:2]] == [("all", "consistency"), ("all", "sharpness")]
    assert [row.value for row in rows[:2]] == pytest.approx([12.5**0.5, 0.75])
    assert {row[:4]: row.value for row in rows[2:]} == {
        ("s", "m", "B01", "consistency"): 3.0,
        ("s", "m", "B01", "sharpness"): 0.5,
        ("s", "m", "B09", "consistency"): 4.0,
        ("s", "m", "B09", "sharpness"): 1.0,
    }


@pytest.mark.parametrize("gsd", [20, 60])
def test_qnr_is_that_of_the_input_degraded_with_the_mtf_and_of_the_partners(rng, gsd):
    """An estimate that gives the input back, and input and estimate that are equally like their guides, are perfect."""
    factor, bands = gsd // 10, len(BANDS_BY_GSD[gsd])
    estimate = gaussian_filter(rng.normal(0, 9000, (96, 96, 6)), (2, 2, 0))[..., :bands].astype(np.float32) + 3000
    strip = strip_of(estimate, rng, gsd)
    sigmas = mtf_matched_sigmas(BANDS_BY_GSD[gsd], factor)
    strip.images[f"input_{gsd}m"] = degrade(estimate, factor, sigmas)
    strip.images["input_10m"] = guides = np.concatenate([estimate[..., :1] + 100, 3 * estimate[..., 1:2]] * 2, axis=-1)
    partner = [0, 1] + [0] * (bands - 2)
    coarse_quality, sums = BlockMean(block_uiq, BLOCK_PX[gsd]), FullScaleSums(SETTINGS[gsd])
    coarse_quality.add(*coarse_and_degraded_guides(strip, SETTINGS[gsd]))
    sums.add(strip, estimate)
    assert coarse_quality.count == sums.quality.uiq.count == (96 // (BLOCK_PX[gsd] * factor)) ** 2
    values = sums.quality.metrics(coarse_quality, partner)
    assert values["d_lambda_khan"] == pytest.approx(0, abs=1e-6)
    degraded = degrade(guides, factor, mtf_matched_sigmas(BANDS_10M, factor))
    expected = np.abs(
        np.diag(uiq_matrix(estimate, guides, BLOCK_PX[gsd] * factor)[:bands, bands:][:, partner])
        - np.diag(uiq_matrix(strip.images[f"input_{gsd}m"], degraded, BLOCK_PX[gsd])[:bands, bands:][:, partner])
    ).mean()
    assert values["d_s"] == pytest.approx(expected)


def uiq_matrix(bands: np.ndarray, guides: np.ndarray, side: int) -> np.ndarray:
    """The mean UIQ of each two of bands and guides over the blocks of an image."""
    matrix = BlockMean(block_uiq, side)
    matrix.add((bands, guides), whole_blocks(np.ones(bands.shape[:2], bool), side))
    return matrix.mean()


@pytest.mark.parametrize("gsd", [20, 60])
def test_the_result_does_not_depend_on_the_strips(tmp_path, pixels, monkeypatch, gsd):
    holed = with_nodata(pixels, 24, 12, 72, 30)
    product = write_safe(tmp_path, size=144, pixels=holed, level="L1C", baseline="04.00")
    scene = open_scene(product)
    methods = interpolation_methods(gsd, clip=False)
    whole = measure_full_scale(scene, methods, SETTINGS[gsd])
    monkeypatch.setattr(full_scale_strips, "STRIP_PIXELS", 30 * 144)
    parts = measure_full_scale(scene, methods, SETTINGS[gsd])
    assert [row[:4] for row in parts] == [row[:4] for row in whole]
    np.testing.assert_allclose([row.value for row in parts], [row.value for row in whole], rtol=1e-5)
    assert len({row.value for row in whole}) == len(whole)


@pytest.mark.usefixtures("line_after_each_piece")
def test_a_line_a_minute_tells_how_far_a_scene_is(tmp_path, pixels, monkeypatch, caplog):
    scene = open_scene(write_safe(tmp_path, size=144, pixels=pixels))
    monkeypatch.setattr(full_scale_strips, "STRIP_PIXELS", 1)
    measure_full_scale(scene, interpolation_methods(20, clip=False), SETTINGS[20])
    lines = [message.split(" rows,")[0] for message in caplog.messages if " rows," in message]
    assert lines == [f"{scene.name}, full scale: {rows} of 144" for rows in (32, 64, 96, 128, 144)]


def test_the_partner_is_the_10m_band_most_like_the_coarse_band(tmp_path, pixels):
    """Each 20 m band is a degraded 10 m band. Copying that band gives correlation 1, copying another one less."""
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
    values = {row[1:4]: row.value for row in measure_full_scale(scene, methods, SETTINGS[20])}
    for band in BANDS_20M:
        assert values["right", band, "correlation"] == pytest.approx(1, abs=1e-4)
        assert values["wrong", band, "correlation"] < 0.99
    assert values["right", "all", "consistency"] < values["wrong", "all", "consistency"]
    assert values["right", "all", "d_s"] < 0.05 < values["wrong", "all", "d_s"]


def test_pixels_that_depend_on_nodata_do_not_count(tmp_path, pixels):
    """Estimates there do not change the metrics."""
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


def blocks(images: dict[str, np.ndarray]) -> np.ndarray:
    return images["input_20m"].repeat(2, axis=0).repeat(2, axis=1)


def test_a_scene_of_nodata_is_refused(tmp_path, pixels):
    scene = open_scene(write_safe(tmp_path, size=144, pixels=with_nodata(pixels, 0, 0, 144, 144)))
    with pytest.raises(ProductError, match="has no pixel without nodata to measure at"):
        measure_full_scale(scene, interpolation_methods(20), SETTINGS[20])
