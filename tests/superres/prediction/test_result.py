"""The content of a sharpened GeoTIFF: offsets, nodata, saturated and clipped pixels, the order of bands, tags."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.pixels.sentinel2 import BANDS, BANDS_10M, BANDS_20M, BANDS_60M, BANDS_BY_GSD
from common.pixels.windows import Window
from common.rasters.geotiff import RasterInfo
from common.rasters.grids import GeoReference
from common.runs.provenance import number_variables
from common.scenes.scene import Scene
from superres.networks.trained import TrainedNetwork
from superres.prediction import result
from superres.prediction.result import (
    describe_making,
    find_difference,
    prediction_tags,
    result_bands,
    result_dn,
    result_settings,
    scene_tags,
    sharpened_dn,
)
from superres.prediction.strip import Strip

SIDE = 12
NODATA, SATURATED = 0, 32767


@pytest.fixture
def scene() -> Scene:
    """Another offset for each band; saturated pixels as in JPEG 2000 files of 15 bits."""
    offsets = {band: -100.0 * index for index, band in enumerate(BANDS)}
    return Scene("s", Path(), "L1C", "", "S2A", "04.00", "", {}, 10000.0, offsets, NODATA, SATURATED)


def constant_strip(dn: int, reflectance: float) -> Strip:
    """A strip of 12 x 12 px in which all pixels are equal."""
    images = {
        gsd: np.full((SIDE * 10 // gsd, SIDE * 10 // gsd, len(bands)), dn, np.uint16)
        for gsd, bands in BANDS_BY_GSD.items()
    }
    estimates = {gsd: np.full((SIDE, SIDE, len(BANDS_BY_GSD[gsd])), reflectance + gsd, np.float32) for gsd in (20, 60)}
    return Strip(Window(0, 0, SIDE, SIDE), images, estimates)


@pytest.mark.parametrize("gsd", [20, 60])
def test_estimates_are_stored_with_the_offset_of_each_band(scene, gsd):
    strip = constant_strip(5000, 3000)
    stored = sharpened_dn(scene, gsd, strip.estimates[gsd], strip.dn)
    assert stored.dtype == np.uint16
    expected = [3000 + gsd - scene.offsets[band] for band in BANDS_BY_GSD[gsd]]
    np.testing.assert_array_equal(stored, np.broadcast_to(expected, stored.shape))


@pytest.mark.parametrize(("reflectance", "dn"), [(1e6, 65534), (-1e6, 1)])
def test_valid_pixels_never_become_nodata_or_saturated(scene, reflectance, dn):
    strip = constant_strip(5000, reflectance)
    assert (sharpened_dn(scene, 20, strip.estimates[20], strip.dn) == dn).all()


@pytest.mark.parametrize("gsd", [20, 60])
def test_nodata_of_a_coarse_band_concerns_that_band_alone(scene, gsd):
    strip, factor = constant_strip(5000, 3000), gsd // 10
    strip.dn[gsd][1, 0, 1] = NODATA
    expected = np.zeros((SIDE, SIDE, len(BANDS_BY_GSD[gsd])), bool)
    expected[factor : 2 * factor, :factor, 1] = True
    np.testing.assert_array_equal(sharpened_dn(scene, gsd, strip.estimates[gsd], strip.dn) == 0, expected)


def test_nodata_of_one_10m_band_concerns_no_other_band(scene):
    """A dark lake may have DN 0 in B08 alone."""
    strip = constant_strip(5000, 3000)
    strip.dn[10][3, 4, 3] = NODATA
    stored = result_dn(scene, strip, (*BANDS_10M, *BANDS_20M))
    assert stored[3, 4, 3] == 0
    assert (stored == 0).sum() == 1


@pytest.mark.parametrize("gsd", [20, 60])
def test_pixels_without_any_10m_band_are_nodata(scene, gsd):
    strip = constant_strip(5000, 3000)
    strip.dn[10][3, 4] = NODATA
    nodata = sharpened_dn(scene, gsd, strip.estimates[gsd], strip.dn) == 0
    assert nodata[3, 4].all()
    assert nodata.sum() == len(BANDS_BY_GSD[gsd])


def test_saturated_pixels_stay_saturated_unless_they_have_no_data(scene):
    strip = constant_strip(5000, 3000)
    strip.dn[20][0, 0, 5] = SATURATED
    strip.dn[10][0, 1] = NODATA
    strip.dn[10][4, 4, 0] = SATURATED  # of a 10 m band, which is not sharpened
    stored = sharpened_dn(scene, 20, strip.estimates[20], strip.dn)
    expected = np.zeros(stored.shape, bool)
    expected[:2, :2, 5] = True
    expected[0, 1, 5] = False
    np.testing.assert_array_equal(stored == 65535, expected)
    assert (stored[0, 1] == 0).all()


def test_copied_bands_have_the_special_dn_of_results(scene):
    """A product may state others: quicklooks and other programs know only those of the GeoTIFF."""
    scene = replace(scene, nodata=7)
    strip = constant_strip(5000, 3000)
    strip.dn[10][0, :4, 1] = 7, SATURATED, 0, 65535
    stored = result_dn(scene, strip, ("B03", "B05"))
    assert stored[0, :5, 0].tolist() == [0, 65535, 1, 65534, 5000]


@pytest.mark.parametrize("copy_10m", [False, True])
def test_bands_of_a_result(copy_10m):
    assert result_bands([20, 60], copy_10m) == (*(BANDS_10M if copy_10m else ()), *BANDS_20M, *BANDS_60M)


@pytest.mark.parametrize("bands", [(*BANDS_10M, *BANDS_20M, *BANDS_60M), ("B09", "B11", "B03", "B05"), ("B8A",)])
def test_pixels_have_the_order_of_the_bands(scene, bands):
    strip = constant_strip(5000, 3000)
    stored = result_dn(scene, strip, bands)
    expected = [5000 if band in BANDS_10M else 3000 + BANDS[band].gsd - scene.offsets[band] for band in bands]
    np.testing.assert_array_equal(stored, np.broadcast_to(expected, (SIDE, SIDE, len(bands))))


def test_a_strip_is_converted_in_parts(scene, monkeypatch):
    strip = replace(constant_strip(5000, 3000), window=Window(36, 42, SIDE, SIDE))
    for number, image in enumerate((*strip.dn.values(), *strip.estimates.values())):
        image += np.random.default_rng(number).integers(0, 900, image.shape).astype(image.dtype)
    bands = (*BANDS_10M, *BANDS_20M, *BANDS_60M)
    whole = result_dn(scene, strip, bands)
    monkeypatch.setattr(result, "PART_ROWS", 6)
    monkeypatch.setattr(result, "PART_COLS", 6)
    np.testing.assert_array_equal(result_dn(scene, strip, bands), whole)
    assert len(np.unique(whole[..., 4:])) > 100


@pytest.fixture
def trained_networks() -> dict[int, TrainedNetwork]:
    return {
        20: TrainedNetwork("dsen2-l1c-20m", Path("20.hdf5"), "dsen2", 20, "a" * 64),
        60: TrainedNetwork("runs/first", Path("runs/first/best.weights.h5"), "fuse", 60, "b" * 64, "nearest"),
    }


def test_each_gsd_names_its_network(trained_networks):
    tags = prediction_tags(trained_networks, "bfloat16", consistent=False)
    assert (tags["network_20m"], tags["upsample_20m"]) == ("dsen2", "bilinear")
    assert (tags["network_60m"], tags["upsample_60m"]) == ("fuse", "nearest")
    assert (tags["weights_60m"], tags["weights_60m_sha256"]) == ("runs/first", "b" * 64)
    assert tags["precision"] == "bfloat16"
    assert tags["engine"].startswith("tensorflow 2.")
    assert all(isinstance(text, str) for text in tags.values())


@pytest.mark.parametrize("consistent", [False, True])
def test_a_corrected_result_says_so(trained_networks, consistent):
    tags = prediction_tags({20: trained_networks[20]}, "float32", consistent)
    assert (tags.get("consistent") == "yes") == consistent
    assert not any("60m" in name for name in tags)


def test_variables_that_change_numbers_are_in_the_tags_and_the_item(trained_networks, monkeypatch):
    for name in number_variables():
        monkeypatch.delenv(name)
    tags = prediction_tags(trained_networks, "float32", False)
    assert "environment" not in tags
    assert "computed with" not in describe_making(trained_networks, tags).lineage
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    tags = prediction_tags(trained_networks, "float32", False)
    assert tags["environment"] == "ONEDNN_DEFAULT_FPMATH_MODE=BF16"
    assert describe_making(trained_networks, tags).lineage.endswith("; computed with ONEDNN_DEFAULT_FPMATH_MODE=BF16.")


def test_the_command_can_be_pasted_into_a_shell(trained_networks, monkeypatch):
    monkeypatch.setattr("sys.argv", ["superres/predict.py", "my scene.SAFE"])
    assert prediction_tags(trained_networks, "float32", False)["command"] == "superres/predict.py 'my scene.SAFE'"


def test_the_product_and_the_time(monkeypatch):
    monkeypatch.setattr(result, "utc_now", lambda: "2024-01-01T00:00:00+00:00")
    scene = Scene("name", Path(), "L2A", "T32TNS", "S2B", "04.00", "2020-07-01T10:10:31Z", {}, 10000.0, {})
    assert scene_tags(scene) == {
        "source_product": "name",
        "level": "L2A",
        "processing_baseline": "04.00",
        "sensing_time": "2020-07-01T10:10:31Z",
        "satellite": "S2B",
        "created_utc": "2024-01-01T00:00:00+00:00",
    }


def settings_of(
    networks: dict[int, TrainedNetwork], col: int = 0, mask: str | None = None, offset: float = -1000.0, **tags: str
) -> dict[str, str]:
    grid = GeoReference("", (600_000.0 + 10 * col, 10, 0, 5_300_000.0, 0, -10), 12, 24)
    made = prediction_tags(networks, "float32", False, mask)
    bands = result_bands(networks, False)
    tags = {**made, "source_product": "name", **tags}
    return result_settings(RasterInfo(grid, bands, 10000.0, dict.fromkeys(bands, offset), tags, {}))


def test_equal_settings_have_no_difference(trained_networks):
    """Time, revision, command and the path of the weights do not change the pixels; an empty tag is no tag."""
    moved = {gsd: replace(trained, source="elsewhere") for gsd, trained in trained_networks.items()}
    other = settings_of(moved, command="x", code_revision="y", created_utc="z", LAYOUT="", AREA_OR_POINT="Area")
    assert find_difference(settings_of(trained_networks), other) is None


def test_other_settings_are_a_difference(trained_networks):
    settings = settings_of(trained_networks)
    other_weights = {gsd: replace(trained, sha256="c" * 64) for gsd, trained in trained_networks.items()}
    for other, difference in (
        (settings_of(other_weights), f"weights_20m_sha256 {'c' * 64}, but this command has {'a' * 64}"),
        (
            settings_of({20: trained_networks[20]}),
            "bands B05, B06, B07, B8A, B11, B12, but this command has ",
        ),
        (
            settings_of(trained_networks, col=1),
            r"region 12 x 24 px from (600010, 5300000), but this command",
        ),
        (
            settings_of(trained_networks, offset=0),
            "offsets 0, 0, 0, 0, 0, 0, 0, 0, but this command has -1000, ",
        ),
        (settings_of(trained_networks, mask="SCL"), "mask SCL, but this command has none"),
        (settings_of(trained_networks, LAYOUT="COG"), "LAYOUT COG, but this command has none"),
        (settings_of(trained_networks, source_product="x"), "source_product x, but this command has name"),
        (
            settings_of(trained_networks, precision="bfloat16"),
            "precision bfloat16, but this command has float32",
        ),
        (settings_of(trained_networks, consistent="yes"), "consistent yes, but this command has none"),
    ):
        assert find_difference(settings, other).startswith(difference)
    assert find_difference(settings_of(trained_networks, mask="SCL"), settings) == (
        "mask none, but this command has SCL"
    )
