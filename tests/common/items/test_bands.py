"""Bands of a result as a STAC asset describes them."""

from pystac.extensions.eo import Band

from common.items.bands import COMMON_NAMES, describe_band, micrometres
from common.pixels.passbands import PASSBANDS
from common.pixels.sentinel2 import BANDS_BY_GSD


def test_every_band_of_a_result_has_a_common_name_of_its_wavelength():
    """The eo extension gives each common name a range of wavelengths."""
    rededge = (0.70, 0.79)  # as eo 1.1 has it; pystac 1.15 still ends it at 0.75, which leaves out B07
    for name in (band for bands in BANDS_BY_GSD.values() for band in bands):
        common_name = COMMON_NAMES[name]
        shortest, longest = rededge if common_name == "rededge" else Band.band_range(common_name)
        assert shortest <= PASSBANDS["S2A"][name].wavelength_nm / 1000 <= longest, name


def test_a_band_says_what_was_sharpened():
    assert describe_band("B02") == "B02, native GSD 10 m; DN 0 is nodata, DN 65535 saturated"
    assert describe_band("B09").startswith("B09, native GSD 60 m, sharpened to 10 m")


def test_wavelengths_have_no_digits_of_the_division():
    assert [micrometres(nm) for nm in (704.1, 1613.7, 2202.4)] == [0.7041, 1.6137, 2.2024]
    assert micrometres(None) is None
