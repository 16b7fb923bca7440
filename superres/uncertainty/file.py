"""The file `uncertainty.json`: a calibration, as superres-evaluate writes it and superres-predict reads it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import RunFolderError, SettingError
from common.files.atomic import write_text
from common.files.limits import parse_json, read_regular_file
from common.files.read_errors import describe_failed_read
from common.pixels.sentinel2 import BANDS_BY_GSD
from superres.uncertainty.calibration import KNOTS, LEVELS, Calibration, Curve

CALIBRATION = "uncertainty.json"
SCHEMA_VERSION = 1


def write_calibration(path: Path, calibration: Calibration, provenance: Mapping[str, Any]) -> None:
    """Write a calibration.

    Args:
        path: of the file.
        calibration: to write.
        provenance: further entries: command, versions and so on.

    Raises:
        OutputError: there is no space, or the folder is missing or read-only.
    """
    record = {**provenance, **calibration_record(calibration)}
    write_text(path, json.dumps(record, indent=2) + "\n")


def calibration_record(calibration: Calibration) -> dict[str, Any]:
    """Return the entries of the file that describe a calibration."""
    return {
        "schema_version": SCHEMA_VERSION,
        "gsd": calibration.gsd,
        "weights_sha256": list(calibration.weights),
        "degradation": calibration.degradation,
        "scenes": list(calibration.scenes),
        "levels": list(LEVELS),
        "bands": {
            band: {"scores": curve.scores, "expected_errors": curve.expected, "bounds": curve.bounds}
            for band, curve in calibration.curves.items()
        },
    }


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Args:
        path: the file, or the folder of an evaluation that holds it.

    Raises:
        RunFolderError: the file is missing or damaged, or of another version.
    """
    file = path / CALIBRATION if path.is_dir() else path
    try:
        record = parse_json(read_regular_file(file))
        if record["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"it has schema {record['schema_version']}, this code reads {SCHEMA_VERSION}")
        return _calibration(record)
    except OSError as error:
        reason = describe_failed_read(error, "measure it with superres-evaluate --uncertainty")
        raise RunFolderError(f"{file} {reason}.") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise RunFolderError(
            f"{file} is no calibration that this version can read ({reason}); measure it again with superres-evaluate "
            f"--uncertainty."
        ) from error


def _calibration(record: Mapping[str, Any]) -> Calibration:
    gsd = record["gsd"]
    if gsd not in (20, 60):
        raise ValueError(f"its gsd is {gsd}")
    if tuple(record["levels"]) != LEVELS or tuple(record["bands"]) != BANDS_BY_GSD[gsd]:
        raise ValueError(f"it has not the levels {LEVELS} and the bands {', '.join(BANDS_BY_GSD[gsd])}")
    curves = {band: _curve(band, entry) for band, entry in record["bands"].items()}
    texts = {name: tuple(map(str, record[name])) for name in ("weights_sha256", "scenes")}
    return Calibration(int(gsd), texts["weights_sha256"], str(record["degradation"]), texts["scenes"], curves)


def _curve(band: str, entry: Mapping[str, Any]) -> Curve:
    """Return a curve, checked: finite numbers, in the right order."""
    parts = [np.array(entry[name], np.float64) for name in ("scores", "expected_errors", "bounds")]
    scores, expected, bounds = parts
    if [part.shape for part in parts] != [(KNOTS,), (KNOTS,), (len(LEVELS),)]:
        raise ValueError(f"{band} has not {KNOTS} scores and errors and {len(LEVELS)} bounds")
    in_order = all((np.diff(part) >= 0).all() for part in parts)
    if (
        not np.isfinite(np.concatenate(parts)).all()
        or not in_order
        or scores[0] < 0
        or expected[0] <= 0
        or bounds[0] < 0
    ):
        raise ValueError(f"the numbers of {band} are not finite, or do not rise")
    return Curve(*(tuple(part.tolist()) for part in parts))


def read_calibrations(paths: Sequence[Path]) -> dict[int, Calibration]:
    """Read calibrations: files, or folders of evaluations -> GSD -> calibration.

    Raises:
        RunFolderError: as `read_calibration`.
        SettingError: two are of one GSD.
    """
    found: dict[int, Calibration] = {}
    for path in paths:
        calibration = read_calibration(path)
        if calibration.gsd in found:
            raise SettingError(f"--uncertainty has two calibrations for {calibration.gsd} m; give one of them.")
        found[calibration.gsd] = calibration
    return found


def find_calibrations(found: Mapping[int, Calibration], weights: Mapping[int, Sequence[str]]) -> dict[int, Calibration]:
    """Return the calibrations of some networks.

    Args:
        found: GSD -> calibration, of any weights.
        weights: GSD -> SHA-256 of the weights of each member.

    Returns:
        GSD -> its calibration, for each GSD of `weights`.

    Raises:
        SettingError: a GSD has no calibration, or one of other weights.
    """
    for gsd, digests in weights.items():
        again = f"measure one with superres-evaluate --uncertainty --gsd {gsd} and the same weights, and give its {CALIBRATION}"
        if gsd not in found:
            others = " and ".join(f"{other} m" for other in found)
            raise SettingError(f"--uncertainty has no calibration for {gsd} m, but for {others}; {again}.")
        if found[gsd].weights != tuple(sorted(digests)):
            raise SettingError(f"the calibration for {gsd} m is of other weights; {again}.")
    return {gsd: found[gsd] for gsd in weights}
