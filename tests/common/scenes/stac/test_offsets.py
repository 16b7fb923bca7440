"""The offset of each band comes from the first source that states it; contradictions are told in one warning."""

import logging
from pathlib import Path
from typing import Any

import pytest

from common.errors import ProductError
from common.scenes.product_xml import Metadata
from common.scenes.stac.assets import BandAsset
from common.scenes.stac.offsets import APPLIED, Radiometry, find_radiometry

FLAG, FLAG_V0 = APPLIED
ITEM = Path("item.json")


def asset(
    offset: float | None = None, scale: float | None = 0.0001, is_jpeg2000: bool = False, key: str = "red"
) -> BandAsset:
    return BandAsset(key, "B04.tif", "B04.tif", is_jpeg2000, scale, offset, None)


def metadata(offset: int | None) -> Metadata:
    """A product XML of L2A whose bands have this offset."""
    offsets = (
        "" if offset is None else "".join(f'<BOA_ADD_OFFSET band_id="{i}">{offset}</BOA_ADD_OFFSET>' for i in range(13))
    )
    fields = "<PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>"
    return Metadata.from_content(f"<xml>{fields}{offsets}</xml>".encode(), "the XML")


def find(
    caplog: pytest.LogCaptureFixture,
    assets: dict[str, BandAsset],
    baseline: str = "",
    xml: Metadata | None = None,
    **properties: Any,
) -> tuple[Radiometry, str, str]:
    """Return the radiometry, and the level and the text of the one log line."""
    with caplog.at_level(logging.INFO):
        radiometry = find_radiometry(ITEM, "scene", assets, properties, baseline, xml)
    ((_, level, text),) = caplog.record_tuples
    return radiometry, logging.getLevelName(level), text


@pytest.mark.parametrize(
    ("xml", "properties", "offset", "baseline", "expected", "source", "contradiction"),
    [
        # the product XML
        (-1000, {}, -0.1, "05.11", -1000, "the product XML", ""),
        (-1000, {}, None, "", -1000, "the product XML", ""),
        (None, {}, None, "02.12", 0, "the product XML", ""),
        (-1000, {}, 0.0, "05.11", -1000, "the product XML", "raster:offset says 0"),
        (-1000, {}, None, "02.12", -1000, "the product XML", "baseline 02.12 says 0"),
        (None, {}, None, "05.11", 0, "the product XML", "baseline 05.11 says -1000"),
        # the flag: the XML describes ESA's files, from which the archive subtracted the offset
        (-1000, {FLAG: True}, 0.0, "05.11", 0, "boa_offset_applied", ""),
        (-1000, {FLAG: True}, -0.1, "05.11", 0, "boa_offset_applied", "raster:offset says -1000"),
        (-1000, {FLAG: False}, -0.1, "05.11", -1000, "the product XML", ""),
        # the item
        ("", {}, -0.1, "05.11", -1000, "raster:offset", ""),
        ("", {}, 0.0, "03.01", 0, "raster:offset", ""),
        ("", {}, -0.1, "", -1000, "raster:offset", ""),
        ("", {FLAG: False}, -0.1, "04.00", -1000, "raster:offset", ""),
        ("", {}, 0.0, "05.11", 0, "raster:offset", "baseline 05.11 says -1000"),
        ("", {}, -0.1, "02.12", -1000, "raster:offset", "baseline 02.12 says 0"),
        ("", {FLAG: True}, 0.0, "05.11", 0, "boa_offset_applied", ""),
        ("", {FLAG: True}, None, "", 0, "boa_offset_applied", ""),
        ("", {FLAG_V0: True}, None, "04.00", 0, "boa_offset_applied", ""),
        ("", {FLAG: True, FLAG_V0: True}, None, "04.00", 0, "boa_offset_applied", ""),
        ("", {FLAG: True}, -0.1, "05.11", 0, "boa_offset_applied", "raster:offset says -1000"),  # Earth Search
        # the baseline
        ("", {}, None, "04.00", -1000, "baseline", ""),
        ("", {FLAG: False}, None, "05.11", -1000, "baseline", ""),
        ("", {}, None, "03.01", 0, "baseline", ""),
    ],
)
def test_the_order_of_the_sources(
    caplog: pytest.LogCaptureFixture,
    xml: int | str | None,
    properties: dict[str, Any],
    offset: float | None,
    baseline: str,
    expected: float,
    source: str,
    contradiction: str,
) -> None:
    product_xml = None if xml == "" else metadata(xml)
    radiometry, level, text = find(caplog, {"B04": asset(offset)}, baseline, product_xml, **properties)
    assert radiometry == Radiometry(10000.0, {"B04": expected})
    assert text.startswith(f"scene is read with offset {expected:g} from {source}")
    assert (level, f"but {contradiction}" in text) == (("WARNING", True) if contradiction else ("INFO", False))


def test_bands_may_differ(caplog: pytest.LogCaptureFixture) -> None:
    assets = {"B04": asset(-0.1), "B05": asset(-0.1, key="rededge1"), "B08": asset(-0.05, key="nir")}
    radiometry, level, text = find(caplog, assets)
    assert radiometry.offsets == {"B04": -1000, "B05": -1000, "B08": -500}
    assert (level, text) == (
        "INFO",
        "scene is read with offset -1000 from raster:offset (B04, B05), -500 from raster:offset (B08)",
    )


def test_the_flag_does_not_concern_jpeg_2000(caplog: pytest.LogCaptureFixture) -> None:
    """They are ESA's own files; an archive subtracts the offset in its GeoTIFFs."""
    assets = {"B04": asset(-0.1), "B08": asset(-0.1, is_jpeg2000=True)}
    radiometry, _, text = find(caplog, assets, **{FLAG: True})
    assert radiometry.offsets == {"B04": 0, "B08": -1000}
    assert "0 from boa_offset_applied (B04), -1000 from raster:offset (B08)" in text
    assert find_radiometry(ITEM, "scene", assets, {FLAG: True}, "", metadata(-900)).offsets == {"B04": 0, "B08": -900}


def test_other_scales(caplog: pytest.LogCaptureFixture) -> None:
    radiometry, _, _ = find(caplog, {"B04": asset(-0.1, scale=0.001), "B08": asset(-0.1, scale=None)})
    assert radiometry == Radiometry(1000.0, {"B04": -100, "B08": -100})


@pytest.mark.parametrize(
    ("assets", "properties", "message"),
    [
        ([asset(-1000.0)], {}, "red has the offset -1000; expected a reflectance, such as -0.1"),
        ([asset(0.0, scale=1.0)], {}, "red has the scale 1; expected 0.0001"),
        ([asset(0.0, scale=0.0)], {}, "red has the scale 0; expected 0.0001"),
        (
            [asset(0.0), asset(0.0, scale=0.001, key="nir")],
            {},
            r"has several scales \(red has 0.0001, nir has 0.001\); expected one for all bands",
        ),
        ([asset(0.0)], {FLAG: "true"}, "has earthsearch:boa_offset_applied 'true'; expected true or false"),
        ([asset(0.0)], {FLAG: True, FLAG_V0: False}, "says that its offset is subtracted .+, and that it is not"),
    ],
)
def test_items_with_impossible_values(assets: list[BandAsset], properties: dict[str, Any], message: str) -> None:
    by_band = dict(zip(("B04", "B08"), assets, strict=False))
    with pytest.raises(ProductError, match=message):
        find_radiometry(ITEM, "scene", by_band, properties, "", None)


@pytest.mark.parametrize("baseline", ["", "99.99"])
def test_an_item_without_any_offset(baseline: str) -> None:
    with pytest.raises(
        ProductError, match="states no offset for B04: it has no product XML at hand, no raster:offset and no"
    ):
        find_radiometry(ITEM, "scene", {"B04": asset()}, {}, baseline, None)
