"""Band sets: which bands they take from each group, and their statistics."""

import pytest

from bigearthnet.archive.band_sets import BAND_SETS, BAND_STATISTICS, band_statistics
from bigearthnet.archive.groups import GROUP_BANDS


@pytest.mark.parametrize("bands", BAND_SETS)
def test_bands_are_the_first_of_their_group(bands: str) -> None:
    """The normalisation takes them by a slice."""
    for group, chosen in BAND_SETS[bands].items():
        assert GROUP_BANDS[group][: len(chosen)] == chosen


def test_rgb_is_blue_green_red() -> None:
    assert BAND_SETS["rgb"]["s2_10m"] == ("B02", "B03", "B04")


@pytest.mark.parametrize("bands", BAND_SETS)
def test_statistics_are_those_of_the_bands_in_their_order(bands: str) -> None:
    statistics = band_statistics(bands)
    assert list(statistics) == list(BAND_SETS[bands])
    for group, (means, deviations) in statistics.items():
        pairs = list(zip(means, deviations, strict=True))
        assert pairs == [BAND_STATISTICS[band] for band in BAND_SETS[bands][group]]
