"""Known numbers on real data; README.md in this folder says where each comes from."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from common.bands import read_bands
from common.files import cache_folder
from common.metrics import rmse
from common.patches import PatchSettings, reduce_scene
from common.scene import Scene
from common.sentinel2 import BANDS_BY_GSD
from common.tiles import open_scene
from common.wheels import Wheel, fetch_wheel
from common.windows import Window
from superres.config import DN_DIVISOR
from superres.inference import predict_scene
from superres.interpolation import interpolate
from superres.layers import Upsample
from superres.networks import build_network, margin_px
from superres.weights import load_weights

pytestmark = pytest.mark.real_data

PUBLISHED = Wheel(
    "remote-sensing-processor", "0.1", "fdb006079405000ffde5640957ef3627f72be262387d2ab3f5ce0144eeb1686e", 80
)
PUBLISHED_ORDER = ("B04", "B03", "B02", "B08")
BICUBIC = {("T33UUB", 20): 150.7, ("T33UUB", 60): 106.3, ("T49JGM", 20): 86.6, ("T49JGM", 60): 89.7}
DSEN2 = {("T33UUB", 60): 17.4, ("T49JGM", 60): 24.4}  # at 20 m a whole scene takes too long for a test


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published weights, from the wheel in the user's cache; nothing is downloaded."""
    name = "remote_sensing_processor-0.1-py3-none-any.whl"
    if not (cache_folder() / "downloads" / name).exists():
        pytest.skip(f"put {name} (published weights) into jeoparda/downloads of the user's cache to run this test")
    folder = tmp_path_factory.mktemp("published")
    with zipfile.ZipFile(fetch_wheel(PUBLISHED)) as archive:
        for member in archive.namelist():
            if Path(member).name.startswith("l1c_dsen2_"):
                (folder / Path(member).name).write_bytes(archive.read(member))
    return folder


def published_network(published: Path, gsd: int) -> keras.Model:
    model = build_network("dsen2", gsd)
    (weights,) = published.glob(f"l1c_dsen2_{gsd}m_*")
    load_weights(model, weights)
    return model


def tile(real_data: Path, name: str) -> Scene:
    (product,) = (real_data / "tiles").glob(f"*_{name}_*.SAFE")
    return open_scene(product)


@pytest.mark.parametrize("name, gsd", BICUBIC)
def test_bicubic(real_data, name, gsd):
    reduced = reduce_scene(tile(real_data, name), PatchSettings(gsd, 1))
    estimate = interpolate(reduced.inputs[f"input_{gsd}m"].astype(np.float32), reduced.target.shape, order=3)
    assert rmse(reduced.target, estimate) == pytest.approx(BICUBIC[name, gsd], abs=0.3)


@pytest.mark.parametrize("name, gsd", DSEN2)
def test_published_dsen2(real_data, published, name, gsd):
    reduced = reduce_scene(tile(real_data, name), PatchSettings(gsd, 1))
    inputs = {key: image.astype(np.float32) / np.float32(DN_DIVISOR) for key, image in reduced.inputs.items()}
    estimate = predict_scene(published_network(published, gsd), inputs, margin_px("dsen2", gsd)) * DN_DIVISOR
    assert rmse(reduced.target, estimate) == pytest.approx(DSEN2[name, gsd], abs=0.5)


def test_dsen2_output(real_data, published):
    """Our network, from its upsampled input on, computes what the authors' did."""
    golden = np.load(real_data / "golden" / "dsen2_published_20m_T33UUB_64px.npz")
    model = published_network(published, 20)
    core = keras.Model([model.input["input_10m"], model.get_layer("upsample_20m").output], model.output)
    ours = golden["in10"][..., [PUBLISHED_ORDER.index(band) for band in BANDS_BY_GSD[10]]]
    np.testing.assert_allclose(np.asarray(core([ours[None], golden["in20up"][None]]))[0], golden["out"], atol=1e-4)


def test_inputs_of_the_golden_output(real_data):
    """Band order, reading and upsampling of the same pixels, without the network.

    The golden input repeats the outermost pixels where ours mirrors them, so the edge is left out.
    """
    golden = np.load(real_data / "golden" / "dsen2_published_20m_T33UUB_64px.npz")
    scene = tile(real_data, "T33UUB")
    fine = read_bands(scene, PUBLISHED_ORDER, Window(0, 0, 64, 64)).astype(np.float32) / np.float32(DN_DIVISOR)
    np.testing.assert_allclose(fine, golden["in10"], atol=1e-6)
    coarse = read_bands(scene, BANDS_BY_GSD[20], Window(0, 0, 40, 40)).astype(np.float32) / np.float32(DN_DIVISOR)
    upsampled = np.asarray(Upsample(2)(coarse[None]))[0]
    np.testing.assert_allclose(upsampled[1:63, 1:63], golden["in20up"][1:63, 1:63], atol=1e-4)
