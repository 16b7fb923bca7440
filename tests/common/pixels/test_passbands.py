"""Widths of spectral responses, and passbands that products state well, badly or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.pixels.passbands import PASSBANDS, Passband, find_passband, read_passband, response_fwhm
from common.pixels.sentinel2 import BANDS


@settings(max_examples=30)
@given(
    centre=st.floats(40, 60), fwhm=st.floats(3, 40), step=st.sampled_from([0.5, 1.0, 2.5]), height=st.floats(0.1, 1.0)
)
def test_width_of_a_triangle(centre, fwhm, step, height):
    """A triangle is linear, but for its top: its width comes back to the rounding where the top is a value."""
    centre = round(centre)
    response = height * np.maximum(0, 1 - np.abs(np.arange(101) - centre) / fwhm)
    assert response_fwhm(response, step) == pytest.approx(fwhm * step, abs=0.051)


def test_outermost_crossings_count():
    assert response_fwhm([0, 1, 0.2, 1, 0], 1.0) == 3.0
    assert response_fwhm([0, 0.25, 1, 0.5, 0], 2.0) == pytest.approx(3.3)


@pytest.mark.parametrize(
    "response", [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, np.nan, 0.0], [-2.0, -1.0, -2.0]]
)
def test_response_without_a_width(response):
    assert response_fwhm(response, 1.0) is None


def test_stated_passband():
    assert read_passband("B05", "704.9", "700", "710", "2", "0 0 0.5 1 0 0") == Passband(704.9, 3.0)
    assert read_passband("B05", 704.9, 700.0, 710.0, 2, "0 0 0.5 1 0 0") == Passband(704.9, 3.0)


@pytest.mark.parametrize(
    "wavelength", [None, "", "nan", "inf", "blue", 0.7049, 740.5, -704.9, True, [704.9], {}, 1 << 2000]
)
def test_wavelength_that_is_not_that_of_the_band(wavelength):
    assert read_passband("B05", wavelength, "700", "710", "2", "0 0 0.5 1 0 0") is None


@pytest.mark.parametrize(
    "lowest, highest, step, response",
    [
        ("700", "711", "2", "0 0 0.5 1 0 0"),
        ("700", "710", "1", "0 0 0.5 1 0 0"),
        ("710", "700", "-2", "0 0 0.5 1 0 0"),
        (None, None, None, None),
        ("700", "inf", "inf", "0 0 0.5 1 0 0"),
        ("700", "710", "2", "0 0 half 1 0 0"),
        ("700", "710", "2", "0 0 nan 1 0 0"),
        ("700", "700", "0", ""),
        ("700", "701", "1", "0 1"),
    ],
)
def test_response_that_gives_no_width(lowest, highest, step, response):
    assert read_passband("B05", "704.9", lowest, highest, step, response) == Passband(704.9, None)


def test_the_table_completes_what_a_product_states():
    known = PASSBANDS["S2B"]["B12"]
    assert find_passband("B12", "S2B") == known == Passband(2185.7, 183.4)
    assert find_passband("B12", "S2B", Passband(2190.0, 170.0)) == Passband(2190.0, 170.0)
    assert find_passband("B12", "S2B", Passband(2190.0, None)) == Passband(2190.0, 183.4)
    assert find_passband("B12", "S2D") is None
    assert find_passband("B12", "S2D", Passband(2190.0, None)) == Passband(2190.0, None)


def test_all_satellites_have_their_bands_in_the_order_of_wavelengths():
    for satellite, passbands in PASSBANDS.items():
        assert list(passbands) == list(BANDS)
        wavelengths = [passband.wavelength_nm for passband in passbands.values()]
        assert wavelengths == sorted(wavelengths)
        for band, passband in passbands.items():
            assert read_passband(band, passband.wavelength_nm, 0, 0, 0, "") == Passband(passband.wavelength_nm, None)
            others = set(BANDS) - {band}
            assert not any(read_passband(other, passband.wavelength_nm, 0, 0, 0, "") for other in others), satellite
