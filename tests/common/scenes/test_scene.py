"""The bands that a scene has at one GSD, and their wavelengths."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import ProductError
from common.pixels.passbands import Passband
from common.pixels.sentinel2 import BANDS, BANDS_BY_GSD
from common.scenes.scene import Scene


def scene_with(bands: list[str], level: str = "L1C") -> Scene:
    paths = dict.fromkeys(bands, "file.jp2")
    return Scene("S2A_X", Path(), level, "T32TNS", "S2A", "04.00", "", paths, 10000.0, dict.fromkeys(BANDS, 0.0))


@pytest.mark.parametrize("gsd", [10, 20, 60])
def test_bands_come_in_their_fixed_order(gsd: int) -> None:
    assert scene_with(sorted(BANDS, reverse=True)).bands_at(gsd) == BANDS_BY_GSD[gsd]


def test_missing_bands_are_named() -> None:
    scene = scene_with([band for band in BANDS if band not in ("B05", "B12")])
    assert scene.bands_at(10) == BANDS_BY_GSD[10]
    with pytest.raises(ProductError, match=r"S2A_X has no B05, B12; the 20 m bands are B05, B06, .*: download"):
        scene.bands_at(20)


def test_passbands_of_the_product_come_before_those_of_its_satellite() -> None:
    scene = replace(scene_with([]), passbands={"B02": Passband(496.6, None), "B03": Passband(560.0, 34.8)})
    assert scene.passband("B02") == Passband(496.6, 64.3)
    assert scene.passband("B03") == Passband(560.0, 34.8)
    assert scene.passband("B12") == Passband(2202.4, 173.6)
    assert replace(scene, satellite="S2C").passband("B12") == Passband(2191.3, 183.2)
    assert replace(scene, satellite="S2D").passband("B12") is None


def test_l2a_of_one_resolution() -> None:
    scene = scene_with([name for name, band in BANDS.items() if band.gsd != 10], "L2A")
    with pytest.raises(
        ProductError, match=r"no bands at 10 m \(B02, B03, B04, B08\), only at 20 and 60 m, as sen2cor .* 20;"
    ):
        scene.bands_at(10)
    with pytest.raises(ProductError, match="has no B02, B03, B04, B08; the 10 m bands"):
        scene_with([], "L2A").bands_at(10)
