"""DN to reflectance and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pixels.radiometry import (
    dn_to_reflectance,
    dn_to_scaled_reflectance,
    scaled_reflectance_to_dn,
    usual_offset,
)

VALID_DN = np.arange(1, 65535, dtype=np.uint16).reshape(-1, 2)
QUANTIFICATIONS = st.sampled_from([1000.0, 10000.0, 12345.0])
OFFSETS = st.lists(st.integers(-2000, 2000), min_size=2, max_size=2)


def test_worked_example() -> None:
    dn = np.array([[[1234, 3000]]], dtype=np.uint16)
    np.testing.assert_allclose(dn_to_reflectance(dn, 10000, [0, -1000]), [[[0.1234, 0.2]]], rtol=1e-6)
    np.testing.assert_allclose(dn_to_scaled_reflectance(dn, 10000, [0, -1000]), [[[1234, 2000]]])
    np.testing.assert_allclose(dn_to_scaled_reflectance(dn, 1000, [0, -1000]), [[[12340, 20000]]])


def test_results_are_float32_and_leave_the_input_alone() -> None:
    dn = np.full((2, 3, 2), 500, dtype=np.uint16)
    for convert in (dn_to_reflectance, dn_to_scaled_reflectance):
        result = convert(dn, 10000, np.array([-1000.0, 0.0]))
        assert result.dtype == np.float32
        assert (result[..., 0] < 0).all()  # below the offset: negative, not wrapped
    assert (dn == 500).all()
    scaled = np.full((2, 2), 5000, dtype=np.float32)
    scaled_reflectance_to_dn(scaled, 10000, -1000)
    assert (scaled == 5000).all()


@given(QUANTIFICATIONS, OFFSETS)
def test_every_valid_dn_survives_the_round_trip(quantification: float, offsets: list[int]) -> None:
    scaled = dn_to_scaled_reflectance(VALID_DN, quantification, offsets)
    np.testing.assert_array_equal(scaled_reflectance_to_dn(scaled, quantification, offsets), VALID_DN)
    reflectance = dn_to_reflectance(VALID_DN, quantification, offsets)
    np.testing.assert_allclose(scaled, reflectance * 10000, rtol=1e-6)


def test_equal_offsets_are_as_good_as_one_number() -> None:
    dn = np.array([[[1, 500]], [[7000, 65534]]], dtype=np.uint16)
    np.testing.assert_array_equal(
        dn_to_scaled_reflectance(dn, 9000, [-1000, -1000]), dn_to_scaled_reflectance(dn, 9000, -1000)
    )
    assert dn_to_scaled_reflectance(dn[..., :0], 9000, []).shape == (2, 1, 0)


@pytest.mark.parametrize("offsets", [[], [0], [0, 0, 0], [1, 2, 3]])
def test_offsets_for_another_number_of_bands_are_refused(offsets: list[int]) -> None:
    image = np.full((3, 1, 2), 500, dtype=np.uint16)
    for convert in (dn_to_reflectance, dn_to_scaled_reflectance, scaled_reflectance_to_dn):
        with pytest.raises(ValueError, match=rf"offsets must be one number, or one a band; got {len(offsets)} for an"):
            convert(image, 10000, offsets)


@given(st.floats(allow_nan=False, width=32))
def test_values_beyond_uint16_are_clipped_not_wrapped(scaled: float) -> None:
    (dn,) = scaled_reflectance_to_dn(np.array([scaled], dtype=np.float32), 10000, -1000)
    assert abs(int(dn) - min(max(scaled + 1000, 1), 65534)) <= 0.51


def test_results_are_rounded_and_clipped_to_valid_dn() -> None:
    scaled = np.array([-np.inf, -5.0, 0.4, 1.6, 65534.4, 70000.0, np.inf], dtype=np.float32)
    assert scaled_reflectance_to_dn(scaled, 10000).tolist() == [1, 1, 1, 2, 65534, 65534, 65534]


def test_nodata_stays_nodata() -> None:
    scaled = np.array([[[1000, 2000]], [[np.nan, 4000]]], dtype=np.float32)  # (2 rows, 1 col, 2 bands)
    dn = scaled_reflectance_to_dn(scaled, 10000, nodata=np.array([[[False]], [[True]]]))
    assert dn.tolist() == [[[1000, 2000]], [[0, 0]]]
    assert dn.dtype == np.uint16


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a number \(NaN\); check the network"):
        scaled_reflectance_to_dn(np.array([1000, np.nan], dtype=np.float32), 10000)


def test_empty_image() -> None:
    assert scaled_reflectance_to_dn(np.empty((0, 4), np.float32), 10000).shape == (0, 4)


@pytest.mark.parametrize(
    "baseline, offset",
    [
        ("02.04", 0),
        ("03.01", 0),
        ("04.00", -0.1),
        ("05.12", -0.1),
        ("99.33", None),
        ("99.99", None),
        ("", None),
    ],
)
def test_the_usual_offset_of_a_baseline(baseline, offset):
    assert usual_offset(baseline) == offset
