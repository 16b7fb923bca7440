"""Colours of methods and of errors, broken names, wavelengths of bands."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from common.scenes.scene import Scene
from superres.figures.style import NO_DATA_GREY, TITLE_CHARACTERS, band_label, error_colours, method_colours, wrapped


def test_interpolation_is_grey_and_networks_are_not():
    bilinear, network, bicubic, other = method_colours(["bilinear", "dsen2", "bicubic", "vdsen2"])
    assert len({bilinear, network, bicubic, other}) == 4
    for colour, is_grey in ((bilinear, True), (bicubic, True), (network, False), (other, False)):
        assert (len({colour[1:3], colour[3:5], colour[5:7]}) == 1) == is_grey


def test_a_network_keeps_its_colour_without_interpolation():
    assert method_colours(["a", "b"]) == method_colours(["bilinear", "bicubic", "a", "b"])[2:]


def test_more_networks_than_colours():
    colours = method_colours([f"network {index}" for index in range(20)])
    assert len(colours) == 20
    assert all(first != second for first, second in itertools.pairwise(colours))


@pytest.mark.parametrize("name", ["dsen2", "dsen2 (runs/a folder with a name that does not fit above a picture)"])
def test_names_are_broken_between_words(name):
    lines = wrapped(name).split("\n")
    assert " ".join(lines) == name
    assert max(map(len, lines)) <= TITLE_CHARACTERS


def test_small_errors_are_dark_and_pixels_without_data_grey():
    small, large, missing = error_colours()(np.ma.masked_invalid([0.0, 1.0, np.nan]))[:, :3]
    assert small.max() < 0.05
    assert large.mean() > 0.6
    np.testing.assert_allclose(missing, NO_DATA_GREY, atol=0.01)


def test_bands_have_the_wavelength_of_their_satellite():
    a, b, d = (Scene("s", Path(), "L1C", "", satellite, "", "", {}, 10000.0, {}) for satellite in ("S2A", "S2B", "S2D"))
    assert (band_label(a, "B12"), band_label(b, "B12", "{}\n{:.0f}")) == ("B12 2202 nm", "B12\n2186")
    assert band_label(d, "B12") == "B12"
