"""Known numbers on real data; README.md in this folder gives the origin of each."""

from pathlib import Path

import keras
import numpy as np
import pytest

from common.errors import DownloadError
from common.metrics.image_errors import rmse
from common.networks.upsample import Upsample
from common.patches.degraded_scene import degrade_scene
from common.patches.settings import PatchSettings
from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.bands import read_bands
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from superres.evaluation.full_scale import FullScaleSums, MomentSums, coarse_and_degraded_detail
from superres.evaluation.methods import Method, SceneMethod, fit_methods, network_method, pansharpening_methods
from superres.evaluation.reduced_scale import degraded_images, statistics_strips
from superres.networks.build import build_network
from superres.networks.margin import margin_px
from superres.networks.units import DN_DIVISOR
from superres.networks.weights import find_weights, load_weights
from superres.pansharpening.catalogue import METHODS
from superres.pansharpening.strips import ImageStrip
from superres.prediction.interpolation import interpolate

pytestmark = pytest.mark.real_data

PUBLISHED_ORDER = ("B04", "B03", "B02", "B08")
BICUBIC = {("T33UUB", 20): 150.7, ("T33UUB", 60): 106.3, ("T49JGM", 20): 86.6, ("T49JGM", 60): 89.7}
DSEN2 = {("T33UUB", 20): 35.6, ("T33UUB", 60): 17.4, ("T49JGM", 20): 26.7, ("T49JGM", 60): 24.4}
PANSHARPENING = {
    ("T33UUB", 20): {"gsa": 108.1, "mtf-glp-hpm": 77.3, "atprk": 74.9, "ressr": 73.5, "local-regression": 52.8},
    ("T33UUB", 60): {"gsa": 47.2, "mtf-glp-hpm": 33.5, "atprk": 32.7, "ressr": 38.4, "local-regression": 29.3},
    ("T49JGM", 20): {"gsa": 164.6, "mtf-glp-hpm": 58.5, "atprk": 50.6, "ressr": 65.7, "local-regression": 39.2},
    ("T49JGM", 60): {"gsa": 61.5, "mtf-glp-hpm": 30.9, "atprk": 27.1, "ressr": 40.8, "local-regression": 22.3},
}
TOLERANCE = {("T33UUB", 20): 0.5, ("T33UUB", 60): 0.6, ("T49JGM", 20): 0.4, ("T49JGM", 60): 0.6}


@pytest.fixture(scope="module")
def published() -> dict[int, Path]:
    """The files of the published weights, by GSD; those that are not in the cache are fetched."""
    try:
        return {gsd: find_weights(f"dsen2-l1c-{gsd}m") for gsd in (20, 60)}
    except DownloadError as error:
        pytest.skip(str(error))


def published_network(published: dict[int, Path], gsd: int, precision: str = "float32") -> keras.Model:
    model = build_network("dsen2", gsd, precision)
    load_weights(model, published[gsd])
    return model


def tile(real_data: Path, name: str) -> Scene:
    (product,) = (real_data / "tiles").glob(f"*_{name}_*.SAFE")
    return open_scene(product)


@pytest.mark.parametrize("name, gsd", BICUBIC)
def test_bicubic(real_data, name, gsd):
    degraded = degrade_scene(tile(real_data, name), PatchSettings(gsd, 1))
    estimate = interpolate(degraded.inputs[f"input_{gsd}m"].astype(np.float32), degraded.target.shape, order=3)
    assert rmse(degraded.target, estimate) == pytest.approx(BICUBIC[name, gsd], abs=0.3)


@pytest.mark.parametrize("name, gsd", DSEN2)
def test_published_dsen2(real_data, published, name, gsd):
    value = network_rmse(tile(real_data, name), published_network(published, gsd))
    assert value == pytest.approx(DSEN2[name, gsd], abs=TOLERANCE[name, gsd])


@pytest.mark.parametrize("name, gsd", PANSHARPENING)
def test_pansharpening(real_data, name, gsd):
    """ATPRK is better than GSA and MTF-GLP-HPM, as Wang et al. 2016 found, and DSen2 than these, as Lanaras et al. 2018 did."""
    settings = PatchSettings(gsd, 1)
    values = measured_rmse(tile(real_data, name), pansharpening_methods(list(METHODS), settings), settings)
    assert values == pytest.approx(PANSHARPENING[name, gsd], abs=0.1)
    assert DSEN2[name, gsd] < min(value for method, value in values.items() if method != "local-regression")
    assert values["atprk"] < 0.6 * BICUBIC[name, gsd]
    assert values["local-regression"] < values["atprk"] < min(values["gsa"], values["mtf-glp-hpm"])


def test_bfloat16_costs_less_than_half_a_percent(real_data, published):
    """At 60 m, where the scenes are small, because most processors emulate bfloat16."""
    scene = tile(real_data, "T33UUB")
    values = {
        precision: network_rmse(scene, published_network(published, 60, precision))
        for precision in ("float32", "bfloat16")
    }
    assert values["bfloat16"] == pytest.approx(values["float32"], rel=0.005)
    assert values["bfloat16"] != values["float32"]


def network_rmse(scene: Scene, model: keras.Model) -> float:
    """The RMSE of a network at reduced scale, as `superres-evaluate` measures it."""
    gsd = 60 if "input_60m" in model.input else 20
    method = network_method("dsen2", model, margin_px("dsen2", gsd))
    return measured_rmse(scene, [method], PatchSettings(gsd, 1))["dsen2"]


def measured_rmse(scene: Scene, methods: list[Method | SceneMethod], settings: PatchSettings) -> dict[str, float]:
    """The RMSE of each method at reduced scale. All pixels of these scenes count."""
    degraded = degraded_images(scene, settings)
    assert degraded.valid.all()
    fitted = fit_methods(methods, scene.name, settings, statistics_strips(degraded, settings))
    return {method.name: rmse(degraded.truth, method.sharpen(degraded.inputs)) for method in fitted}


@pytest.mark.parametrize("name, sharp", [("T33UUB", 0.87), ("T49JGM", 0.91)])
def test_truth_is_sharp_and_interpolation_is_not(real_data, name, sharp):
    """At reduced scale, because the measure needs a truth for this test."""
    settings = PatchSettings(20, 1)
    degraded = degraded_images(tile(real_data, name), settings)
    rows, cols = degraded.valid.shape
    strip = ImageStrip(degraded.inputs, degraded.valid[::2, ::2], Window(0, 0, rows, cols))
    coarse_detail = MomentSums()
    coarse_detail.add(*coarse_and_degraded_detail(strip, settings))

    def sharpness(image: np.ndarray) -> float:
        sums = FullScaleSums(settings)
        sums.add(strip, image)
        return sums.metrics(coarse_detail)["sharpness"].mean()

    assert sharpness(degraded.truth) == pytest.approx(sharp, abs=0.01)
    bilinear, bicubic = (interpolate(degraded.inputs["input_20m"], degraded.truth.shape, order) for order in (1, 3))
    assert sharpness(bilinear) == pytest.approx(0.305, abs=0.01)
    assert sharpness(bicubic) == pytest.approx(0.405, abs=0.01)


def test_dsen2_output(real_data, published):
    """From its upsampled input on, our network computes the output of the authors' network."""
    golden = np.load(real_data / "golden" / "dsen2_published_20m_T33UUB_64px.npz")
    model = published_network(published, 20)
    core = keras.Model([model.input["input_10m"], model.get_layer("upsample_20m").output], model.output)
    ours = golden["in10"][..., [PUBLISHED_ORDER.index(band) for band in BANDS_BY_GSD[10]]]
    np.testing.assert_allclose(np.asarray(core([ours[None], golden["in20up"][None]]))[0], golden["out"], atol=1e-4)


def test_inputs_of_the_golden_output(real_data):
    """Reading, band order and upsampling give the golden input.

    The edge is left out: the golden input repeats the outermost pixels, and our upsampling mirrors them.
    """
    golden = np.load(real_data / "golden" / "dsen2_published_20m_T33UUB_64px.npz")
    scene = tile(real_data, "T33UUB")
    fine = read_bands(scene, PUBLISHED_ORDER, Window(0, 0, 64, 64)).astype(np.float32) / np.float32(DN_DIVISOR)
    np.testing.assert_allclose(fine, golden["in10"], atol=1e-6)
    coarse = read_bands(scene, BANDS_BY_GSD[20], Window(0, 0, 40, 40)).astype(np.float32) / np.float32(DN_DIVISOR)
    upsampled = np.asarray(Upsample(2)(coarse[None]))[0]
    np.testing.assert_allclose(upsampled[1:63, 1:63], golden["in20up"][1:63, 1:63], atol=1e-4)
