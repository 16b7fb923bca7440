"""Measuring at reduced scale: all rows, reflectance with the product's offset, pixels near nodata left out."""

import tracemalloc
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from common.metrics import image_pairs
from common.metrics.fusion import FusionMetric
from common.patches.settings import PatchSettings
from common.pixels import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.scenes.tile_list import open_scene
from superres.evaluation import error_statistics, pixel_groups, reduced_scale
from superres.evaluation.methods import Method
from superres.evaluation.reduced_scale import (
    SceneResult,
    agreement_with_input,
    bilinear_rows,
    degraded_images,
    distance_from_holes,
    evaluate_scene,
    far_from_holes,
    measure_scene,
)
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, Network
from superres.networks.dsen2 import residual_network
from superres.prediction import interpolation
from superres.prediction.interpolation import interpolate
from tests.support.checks import set_random_weights
from tests.support.fake_safe import L2A_BANDS, textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import residual_reach

OVERALL = {"rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"}
BY_BAND = OVERALL - {"sam", "ergas"}
OPENSR = {"opensr_" + name for name in ("improvement", "omission", "hallucination", "reflectance", "spectral")}
OF_BLOCKS = {"q2n", "shift", "opensr_spatial"}  # need 32 x 32 pixels, the last of the input


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    body = partial(residual_network, blocks=1, features=4)
    monkeypatch.setitem(NETWORKS, "small", Network(body, residual_reach(1)))


@pytest.fixture(scope="module")
def pixels() -> dict[str, np.ndarray]:
    images = textured_pixels(np.random.default_rng(3), 144)
    return {band: images[band] for band in L2A_BANDS}


def random_network(gsd: int) -> keras.Model:
    model = build_network("small", gsd)
    set_random_weights(model, spread=0.05)
    return model


def evaluate(product: Path, gsd: int) -> SceneResult:
    return evaluate_scene(open_scene(product), random_network(gsd), "small", PatchSettings(gsd, 1))


@pytest.mark.parametrize("gsd", [20, 60])
def test_a_row_for_every_method_band_and_metric(tmp_path, pixels, gsd):
    product = write_safe(tmp_path, level="L2A", size=144, pixels=pixels)
    result = evaluate(product, gsd)
    size = 1440 // gsd
    assert result.truth.shape == (size, size, len(BANDS_BY_GSD[gsd]))
    assert result.coarse.shape == (size * 10 // gsd, size * 10 // gsd, len(BANDS_BY_GSD[gsd]))
    assert set(result.estimates) == {"bilinear", "bicubic", "small"}
    rows = [row[:4] for row in result.rows]
    of_blocks = {20: OF_BLOCKS, 60: set()}[gsd]  # a scene of 72 px, and of 24 px
    bands = {"all": OVERALL | OPENSR | of_blocks} | dict.fromkeys(BANDS_BY_GSD[gsd], BY_BAND | of_blocks & {"shift"})
    assert sorted(rows) == sorted(
        (product.stem, method, band, metric)
        for method in result.estimates
        for band, metrics in bands.items()
        for metric in metrics
    )
    assert np.isfinite([row.value for row in result.rows]).all()


@pytest.mark.parametrize(("level", "gsd"), [("L1C", 20), ("L2A", 60)])
def test_the_offset_of_the_product_is_applied(tmp_path, pixels, level, gsd):
    """The same reflectances, stored as DN with offset 0 and with offset -1000, give the same metrics."""
    raised = {band: image + np.uint16(1000) for band, image in pixels.items()}
    before = write_safe(tmp_path, level=level, baseline="02.14", size=144, pixels=pixels)
    after = write_safe(tmp_path, level=level, baseline="04.00", size=144, pixels=raised)
    old, new = evaluate(before, gsd), evaluate(after, gsd)
    np.testing.assert_array_equal(old.truth, new.truth)
    np.testing.assert_allclose(new.coarse, old.coarse, atol=1)  # rounded to DN
    for old_row, new_row in zip(old.rows, new.rows, strict=True):
        assert old_row[1:4] == new_row[1:4]
        assert new_row.value == pytest.approx(old_row.value, rel=2e-3), old_row


def test_values_are_reflectances_times_10000(tmp_path, pixels):
    result = evaluate(write_safe(tmp_path, level="L2A", size=144, pixels=pixels), 20)
    truth = np.stack([pixels[band] for band in BANDS_BY_GSD[20]], axis=-1)
    np.testing.assert_array_equal(result.truth, truth)
    values = {(row.method, row.band, row.metric): row.value for row in result.rows}
    for method, estimate in result.estimates.items():
        error = estimate.astype(np.float64) - truth
        assert values[method, "all", "rmse"] == pytest.approx(np.sqrt((error**2).mean()))
        assert values[method, "B11", "rmse"] == pytest.approx(np.sqrt((error[..., 4] ** 2).mean()))


def test_a_network_that_adds_nothing_equals_bilinear(tmp_path, pixels):
    """The last convolution of a new network is zero."""
    scene = open_scene(write_safe(tmp_path, level="L2A", size=144, pixels=pixels))
    result = evaluate_scene(scene, build_network("small", 20), "small", PatchSettings(20, 1))
    np.testing.assert_allclose(result.estimates["small"], result.estimates["bilinear"], atol=0.01)


@pytest.mark.parametrize("gsd", [20, 60])
def test_pixels_that_depend_on_nodata_do_not_count(tmp_path, gsd, monkeypatch):
    """A hole changes no estimate at the pixels that count, even with a network that has the reach of DSen2."""
    monkeypatch.setitem(NETWORKS, "small", Network(partial(residual_network, blocks=6, features=4), residual_reach(6)))
    monkeypatch.setattr(reduced_scale, "PICTURE_PX", 432)  # the whole scene
    pixels = {
        band: image for band, image in textured_pixels(np.random.default_rng(3), 432).items() if band in L2A_BANDS
    }
    scenes = [
        open_scene(write_safe(tmp_path / name, level="L2A", size=432, pixels=images))
        for name, images in (("whole", pixels), ("holed", with_nodata(pixels, 0, 0, 432, 48)))
    ]
    whole, holed = (evaluate_scene(scene, random_network(gsd), "small", PatchSettings(gsd, 1)) for scene in scenes)
    counts = degraded_images(scenes[1], PatchSettings(gsd, 1)).valid
    edge = 480 // gsd + {20: 16, 60: 36}[gsd]
    assert not counts[:, :edge].any()
    assert counts[:, edge:].all()
    for method, estimate in holed.estimates.items():
        np.testing.assert_array_equal(np.isnan(estimate).any(axis=2), ~counts)
        differences = np.abs(estimate[counts] - whole.estimates[method][counts])
        assert np.percentile(differences, 98) < 1, method  # bicubic is clipped to the range of the scene
        error = (estimate.astype(np.float64) - holed.truth)[counts]
        values = [row.value for row in holed.rows if (row.method, row.band, row.metric) == (method, "all", "rmse")]
        assert values == [pytest.approx(np.sqrt((error**2).mean()))]


@pytest.mark.parametrize("rows", [slice(0, 36), slice(0, 1), slice(5, 6), slice(7, 30), slice(35, 36)])
@pytest.mark.parametrize("scale_factor", [2, 6])
def test_bilinear_rows_are_those_of_the_whole_image(rows, scale_factor):
    coarse = np.random.default_rng(0).normal(3000, 500, (36 // scale_factor, 4, 2)).astype(np.float32)
    whole = interpolate(coarse, (36, 4 * scale_factor, 2), order=1)
    np.testing.assert_array_equal(bilinear_rows(coarse, scale_factor, rows), whole[rows])


def test_agreement_with_the_input(tmp_path, pixels):
    """The truth agrees but for rounding to DN; a bias and a shift are seen, each by its metric."""
    scene = open_scene(write_safe(tmp_path, level="L2A", size=144, pixels=pixels))
    settings = PatchSettings(20, 1)
    degraded = degraded_images(scene, settings)
    truth = agreement_with_input(degraded, degraded.truth, settings)
    biased = agreement_with_input(degraded, degraded.truth + np.float32(100), settings)
    shifted = agreement_with_input(degraded, np.roll(degraded.truth, 2, axis=0), settings)
    assert truth["opensr_reflectance"] == pytest.approx(0.25, abs=0.05)
    assert biased["opensr_reflectance"] == pytest.approx(100, abs=0.5)
    assert truth["opensr_spectral"] < 0.02 < biased["opensr_spectral"]
    assert truth["opensr_spatial"] == biased["opensr_spatial"] == 0
    assert shifted["opensr_spatial"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("gsd", "distance"), [(20, 16), (60, 36)])
def test_the_distance_from_holes_covers_dsen2_and_the_ringing_of_splines(gsd, distance):
    assert distance_from_holes(PatchSettings(gsd, 1)) == distance


@pytest.mark.parametrize("distance", [0, 1, 3])
def test_pixels_far_from_holes(distance):
    holds_data = np.ones((12, 15), bool)
    holds_data[5, 6] = holds_data[0, 14] = False
    expected = np.ones((12, 15), bool)
    for row, col in ((5, 6), (0, 14)):
        expected[max(row - distance, 0) : row + distance + 1, max(col - distance, 0) : col + distance + 1] = False
    np.testing.assert_array_equal(far_from_holes(holds_data, distance), expected)


def test_a_scene_without_holes_counts_to_its_edge():
    assert far_from_holes(np.ones((4, 4), bool), 3).all()


def test_methods_do_not_share_results(tmp_path, pixels):
    """Each method has its own rows, and the truth is not changed."""
    scene = open_scene(write_safe(tmp_path, level="L2A", size=144, pixels=pixels))
    methods = [Method(name, lambda images, name=name: constant_image(images, name), 0) for name in ("3000", "4000")]
    result = measure_scene(scene, methods, PatchSettings(20, 1))
    assert list(result.estimates) == ["3000", "4000"]
    for name, estimate in result.estimates.items():
        assert (estimate == int(name)).all()
        (value,) = [row.value for row in result.rows if row[1:4] == (name, "B05", "rmse")]
        assert value == pytest.approx(np.sqrt(((result.truth[..., 0] - int(name)) ** 2).mean()))


def test_memory_holds_the_dn_of_a_scene_and_one_estimate(tmp_path, monkeypatch):
    """Several arrays of a scene more would exceed 3 GiB for a full tile. The arrays of a strip are small here."""
    for module in (image_pairs, pixel_groups):
        monkeypatch.setattr(module, "STRIP_PIXELS", 2**12)
    monkeypatch.setattr(degrade, "STRIP_BYTES", 2**16)
    monkeypatch.setattr(interpolation, "STRIP_ROWS", 4)
    monkeypatch.setattr(
        reduced_scale, "fusion_metrics", lambda *images: [FusionMetric("all", "rmse", 0.0)]
    )  # have strips
    monkeypatch.setattr(reduced_scale, "shift_per_band", lambda *images: None)
    monkeypatch.setattr(error_statistics, "MAP_PX", 10)
    monkeypatch.setattr(reduced_scale, "PICTURE_PX", 10)
    images = textured_pixels(np.random.default_rng(3), 720)
    scene = open_scene(write_safe(tmp_path, level="L2A", size=720, pixels={band: images[band] for band in L2A_BANDS}))
    methods = [Method(name, partial(constant_image, name=name), 0) for name in ("3000", "4000")]
    measure_scene(scene, methods[:1], PatchSettings(20, 1))  # imports, which are not measured
    tracemalloc.start()
    result = measure_scene(scene, methods, PatchSettings(20, 1))
    kept, peak = (size / 360**2 for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    assert len(result.estimates) == 2
    assert kept < 4  # bytes for a pixel of the truth
    assert peak < 64  # 23 of DN, 24 of an estimate; another one would be 74


def constant_image(images: dict[str, np.ndarray], name: str) -> np.ndarray:
    """An estimate of 6 bands in which all pixels have the value of the method's name."""
    return np.full((*images["input_10m"].shape[:2], 6), int(name), np.float32)
