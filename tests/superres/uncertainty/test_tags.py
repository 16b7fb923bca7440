"""Tags of a file of expected errors, and the line about them in a STAC item."""

import json

from common.pixels.sentinel2 import BANDS_20M
from superres.uncertainty.file import read_calibration
from superres.uncertainty.tags import describe_calibration, uncertainty_tags
from tests.support.calibrations import made_calibration

BANDS = ("B12", "B05")
MADE = {20: made_calibration(20, ("digest",))}
BOUNDS = "expected error times B12 1.250, B05 1.250"


def test_a_calibration_on_other_scenes_is_named_by_its_checksum() -> None:
    tags = uncertainty_tags(MADE, BANDS)
    assert tags["bound_68"] == BOUNDS and tags["bound_95"] == BOUNDS.replace("1.250", "2.500")
    assert tags["calibration_20m_sha256"] == MADE[20].checksum and "calibrated_on" not in tags
    assert describe_calibration(tags) == (
        "expected absolute error of each band, in DN; calibrated on made scene; 68 % of the errors are within the "
        f"{BOUNDS}; 95 % of the errors are within the {tags['bound_95']}"
    )


def test_a_calibration_of_a_scene_on_itself_is_in_the_tags(tmp_path) -> None:
    """It follows from the other settings, so a result can be recognised before it is measured."""
    tags = uncertainty_tags(MADE, BANDS, on_itself=True)
    (tmp_path / "tag.json").write_text(tags["calibration_20m"])
    assert read_calibration(tmp_path / "tag.json") == MADE[20]
    assert list(json.loads(tags["calibration_20m"])["bands"]) == list(BANDS_20M)
    assert "; calibrated on the scene itself, at reduced scale; " in describe_calibration(tags)
    before = uncertainty_tags({}, BANDS, on_itself=True)
    assert before.items() < tags.items() and not any(name.endswith("_sha256") for name in tags)
