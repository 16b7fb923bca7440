"""The band table and the spellings of band names."""

import pytest

from common.pixels.sentinel2 import (
    BANDS,
    BANDS_10M,
    BANDS_20M,
    BANDS_60M,
    BANDS_BY_GSD,
    input_gsds,
    normalize_band,
    scale_factor,
)


def test_order_of_bands():
    """Patch files and published weights depend on this order."""
    assert BANDS_10M == ("B02", "B03", "B04", "B08")
    assert BANDS_20M == ("B05", "B06", "B07", "B8A", "B11", "B12")
    assert BANDS_60M == ("B01", "B09")


def test_table_agrees_with_the_groups():
    assert len(BANDS) == 13
    for gsd, names in BANDS_BY_GSD.items():
        assert {name for name, band in BANDS.items() if band.gsd == gsd} - {"B10"} == set(names)
    assert all(name == band.name for name, band in BANDS.items())


def test_mtf_is_that_of_the_paper():
    mtf = {name: band.mtf_nyquist for name, band in BANDS.items()}
    values = (0.32, 0.26, 0.28, 0.24, 0.38, 0.34, 0.34, 0.26, 0.33, 0.26, None, 0.22, 0.23)
    assert tuple(mtf.values()) == values


@pytest.mark.parametrize("name", BANDS)
def test_normal_names_stay(name):
    assert normalize_band(name) == name


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("B2", "B02"),
        ("b02", "B02"),
        ("2", "B02"),
        (" B02 ", "B02"),
        ("8A", "B8A"),
        ("b8a", "B8A"),
        ("B8", "B08"),
        ("12", "B12"),
    ],
)
def test_other_spellings(spelling, name):
    assert normalize_band(spelling) == name


@pytest.mark.parametrize("name", ["", "B", "B0", "B13", "B08A", "8B", "red", "B-1", "TCI"])
def test_unknown_bands(name):
    with pytest.raises(ValueError, match="unknown Sentinel-2 band"):
        normalize_band(name)


def test_scale_factor():
    assert (scale_factor(20), scale_factor(60)) == (2, 6)
    with pytest.raises(ValueError, match="gsd must be 20 or 60 m; got 10"):
        scale_factor(10)


def test_networks_for_60_m_read_all_gsds():
    assert input_gsds(20) == (10, 20)
    assert input_gsds(60) == (10, 20, 60)
