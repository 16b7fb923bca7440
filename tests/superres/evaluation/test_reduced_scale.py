"""Measuring at reduced scale: complete rows, the product's offset applied, nodata left out."""

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.scenes.tile_list import open_scene
from superres.evaluation import reduced_scale as measure
from superres.evaluation.reduced_scale import SceneResult, degraded_images, evaluate_scene
from superres.networks.build import build_network
from superres.networks.catalogue import NETWORKS, Network
from superres.networks.dsen2 import residual_network
from tests.support.checks import set_random_weights
from tests.support.fake_safe import L2A_BANDS, textured_pixels, with_nodata, write_safe
from tests.support.tiny_training import residual_reach

OVERALL = {"rmse", "sre", "sam", "ergas", "uiq", "psnr", "ssim"}
BY_BAND = OVERALL - {"sam", "ergas"}


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
    found = [(row.scene, row.method, row.band, row.metric) for row in result.rows]
    bands = {"all": OVERALL} | dict.fromkeys(BANDS_BY_GSD[gsd], BY_BAND)
    assert sorted(found) == sorted(
        (product.stem, method, band, metric)
        for method in result.estimates
        for band, metrics in bands.items()
        for metric in metrics
    )
    assert np.isfinite([row.value for row in result.rows]).all()


@pytest.mark.parametrize("gsd", [20, 60])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_offset_of_baseline_4_is_applied(tmp_path, pixels, level, gsd):
    """The same reflectances, stored with and without 1000 DN on top, give the same metrics."""
    raised = {band: image + np.uint16(1000) for band, image in pixels.items()}
    before = write_safe(tmp_path, level=level, baseline="02.14", size=144, pixels=pixels)
    after = write_safe(tmp_path, level=level, baseline="04.00", size=144, pixels=raised)
    old, new = evaluate(before, gsd), evaluate(after, gsd)
    np.testing.assert_array_equal(old.truth, new.truth)
    np.testing.assert_allclose(new.coarse, old.coarse, atol=1)  # rounded to DN
    for a, b in zip(old.rows, new.rows, strict=True):
        assert (a.method, a.band, a.metric) == (b.method, b.band, b.metric)
        assert b.value == pytest.approx(a.value, rel=2e-3), a


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
    """The last convolution starts at zero."""
    scene = open_scene(write_safe(tmp_path, level="L2A", size=144, pixels=pixels))
    result = evaluate_scene(scene, build_network("small", 20), "small", PatchSettings(20, 1))
    np.testing.assert_allclose(result.estimates["small"], result.estimates["bilinear"], atol=0.01)


@pytest.mark.parametrize("gsd", [20, 60])
def test_what_nodata_reaches_does_not_count(tmp_path, gsd, monkeypatch):
    """With a hole, methods give the same at all pixels that still count, even a network that looks as far as DSen2."""
    monkeypatch.setitem(NETWORKS, "small", Network(partial(residual_network, blocks=6, features=4), residual_reach(6)))
    monkeypatch.setattr(measure, "PICTURE_PX", 432)  # all of it
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
        assert np.percentile(differences, 98) < 1, method  # bicubic is clipped to the scene's range, which has changed
        error = (estimate.astype(np.float64) - holed.truth)[counts]
        found = [row.value for row in holed.rows if (row.method, row.band, row.metric) == (method, "all", "rmse")]
        assert found == [pytest.approx(np.sqrt((error**2).mean()))]
