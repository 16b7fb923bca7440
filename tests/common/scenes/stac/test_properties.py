"""Facts in the properties of items, as each archive writes them; absent or of another type is an empty text."""

import pytest

from common.scenes.stac import properties as facts


@pytest.mark.parametrize(
    ("properties", "names", "level"),
    [
        ({"processing:level": "L1C"}, (), "L1C"),
        ({"processing:level": "L2", "product:type": "S2MSI2A"}, (), "L2A"),  # CDSE
        ({"processing:level": "Level-2A"}, (), "L2A"),
        ({"s2:product_type": "S2MSI1C"}, (), "L1C"),
        ({"product:type": "S02MSIL2A"}, (), "L2A"),  # EOPF
        ({}, ("S2A_MSIL2A_20200714T115221_N0214_R123_T28QCH_20200714T191310",), "L2A"),
        ({}, ("", "S2A_28QCH_20200714_0_L2A"), "L2A"),  # Earth Search v0
        ({"processing:level": "L2H", "s2:product_type": ["S2MSI2A"]}, ("S2A_T32TNS", "HLS.S30.T32TNS"), ""),
        ({"processing:level": 2}, (), ""),
    ],
)
def test_level(properties: dict, names: tuple[str, ...], level: str) -> None:
    assert facts.level_of(properties, *names) == level


@pytest.mark.parametrize(
    ("properties", "names", "baseline"),
    [
        ({"s2:processing_baseline": "05.11"}, (), "05.11"),
        ({"processing:version": "05.11"}, (), "05.11"),
        ({"sentinel:processing_baseline": "04.00"}, (), "04.00"),
        ({"processing:version": "2.6.2"}, ("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157",), "05.09"),
        ({}, ("", "S2B_OPER_MSI_L2A_TL_S2RP_20230315T224658_A018417_T01VCG_N05.00"), "05.00"),
        ({"s2:processing_baseline": 5.11}, ("S2A_T01WCP_20230625T234624_L2A",), ""),
    ],
)
def test_baseline(properties: dict, names: tuple[str, ...], baseline: str) -> None:
    assert facts.baseline_of(properties, *names) == baseline


@pytest.mark.parametrize(
    ("properties", "name", "tile"),
    [
        ({"grid:code": "MGRS-33UWP"}, "", "T33UWP"),
        ({"grid:code": "MGRS-1VCG"}, "", "T01VCG"),
        ({"s2:mgrs_tile": "06VVN"}, "", "T06VVN"),
        ({"s2:mgrs_tile": "06VVN"}, "S2A_MSIL2A_20200714T115221_N0214_R123_T28QCH_20200714T191310", "T28QCH"),
        ({"grid:code": "WRS2-193024"}, "", ""),
    ],
)
def test_tile(properties: dict, name: str, tile: str) -> None:
    assert facts.tile_of(properties, name) == tile


@pytest.mark.parametrize(
    ("properties", "name", "satellite"),
    [
        ({"platform": "sentinel-2c"}, "", "S2C"),
        ({"platform": "Sentinel-2B"}, "", "S2B"),
        ({"platform": None}, "S2D_MSIL1C_20260101T000000", "S2D"),
        ({"platform": "Sentinel-2"}, "S2D_MSIL1C_20260101T000000", "S2D"),
        ({"platform": "landsat-8"}, "S2D_MSIL1C_20260101T000000", ""),
        ({}, "LC08_L2SP", ""),
    ],
)
def test_satellite(properties: dict, name: str, satellite: str) -> None:
    assert facts.satellite_of(properties, name) == satellite


@pytest.mark.parametrize(
    ("properties", "time"),
    [
        ({"datetime": "2020-07-14T11:55:52Z"}, "2020-07-14T11:55:52.000Z"),
        ({"datetime": None, "start_datetime": "2025-10-08T12:00:41.024+02:00"}, "2025-10-08T10:00:41.024Z"),
        ({"datetime": "2025-10-08"}, "2025-10-08T00:00:00.000Z"),
        ({"datetime": "yesterday"}, ""),
        ({"datetime": "0001-01-01T00:00:00+14:00"}, ""),
        ({}, ""),
    ],
)
def test_start_time(properties: dict, time: str) -> None:
    assert facts.start_time(properties) == time


def test_names() -> None:
    assert facts.product_name({"s2:product_uri": "S2A_MSIL1C_1_T46RER_2.SAFE"}) == "S2A_MSIL1C_1_T46RER_2"
    assert facts.product_name({"s2:product_uri": "../S2A_x.SAFE", "sentinel:product_id": "S2A_y"}) == "S2A_y"
    assert facts.product_name({"s2:product_uri": "S2A_../../x"}) == ""
    assert facts.safe_name("../a b/S2A_28QCH.SAFE") == "___a_b_S2A_28QCH"
    assert facts.safe_name("") == "item"
