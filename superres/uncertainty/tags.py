"""Tags of a file of expected errors: what its pixels mean, and how they were calibrated."""

import json
from collections.abc import Mapping, Sequence

from superres.uncertainty.calibration import LEVELS, Calibration
from superres.uncertainty.file import calibration_record

PERCENTS = tuple(round(100 * level) for level in LEVELS)


def uncertainty_tags(
    calibrations: Mapping[int, Calibration], bands: Sequence[str], on_itself: bool = False
) -> dict[str, str]:
    """Return the tags of a file of expected errors that say what its pixels mean.

    Args:
        calibrations: GSD -> calibration; empty if it is not measured yet: then only the tags that are known before.
        bands: of the file, all sharpened.
        on_itself: whether the scene is its own calibration. Then the calibration follows from the other settings.
    """
    tags = {"content": "expected absolute error of each band, in DN"}
    if on_itself:
        tags["calibrated_on"] = "the scene itself, at reduced scale"
    if not calibrations:
        return tags
    curves = {band: curve for calibration in calibrations.values() for band, curve in calibration.curves.items()}
    for index, percent in enumerate(PERCENTS):
        bounds = ", ".join(f"{band} {curves[band].bounds[index]:.3f}" for band in bands)
        tags[f"bound_{percent}"] = f"expected error times {bounds}"
    for gsd, calibration in calibrations.items():
        tags[f"calibration_{gsd}m_scenes"] = ", ".join(calibration.scenes)
        if on_itself:
            tags[f"calibration_{gsd}m"] = json.dumps(calibration_record(calibration))
        else:
            tags[f"calibration_{gsd}m_sha256"] = calibration.checksum
    return tags


def describe_calibration(tags: Mapping[str, str]) -> str:
    """Return what the tags of a file of expected errors say about them, in one line."""
    scenes = {text: None for name, text in tags.items() if name.endswith("m_scenes")}
    calibrated_on = tags.get("calibrated_on") or ", ".join(scenes)
    bounds = [f"{percent} % of the errors are within the {tags[f'bound_{percent}']}" for percent in PERCENTS]
    return "; ".join([tags["content"], f"calibrated on {calibrated_on}", *bounds])
