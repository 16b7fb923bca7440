"""The content of a sharpened GeoTIFF: bands and the networks that they need, pixels and tags.

Estimates in reflectance * 10000 become uint16 DN. A pixel is nodata (DN 0) where the band itself has no data, or where no
10 m band has data that could give detail. It is DN 65535 where the band itself is saturated. All other DN lie in 1 to
65534.
"""

import logging
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone

import numpy as np

from common.errors import SettingError
from common.items.item import Processing
from common.networks.engines import TENSORFLOW, describe_engine
from common.pixels.degrade import repeat_pixels
from common.pixels.radiometry import scaled_reflectance_to_dn
from common.pixels.sentinel2 import BANDS, BANDS_10M, BANDS_BY_GSD, NODATA_DN, SATURATED_DN
from common.pixels.windows import Window, grid
from common.rasters.geotiff import RasterInfo
from common.runs import cli
from common.runs.provenance import code_revision, describe_variables, number_variables, utc_now
from common.scenes.reflectance import band_offsets
from common.scenes.scene import Scene
from superres.networks.ensemble import Ensemble
from superres.networks.trained import TrainedNetwork
from superres.prediction.strip import Dn, Strip

logger = logging.getLogger(__name__)

PART_ROWS, PART_COLS = 48, 576  # pixels converted at a time: they stay in the processor's cache; multiples of 6


def result_bands(gsds: Iterable[int], copy_10m: bool) -> tuple[str, ...]:
    """Return the bands of a result without --bands, in their order.

    Args:
        gsds: native GSDs of the sharpened bands.
        copy_10m: whether the result begins with the 10 m bands.
    """
    return (*(BANDS_10M if copy_10m else ()), *(band for gsd in gsds for band in BANDS_BY_GSD[gsd]))


def needed_networks(
    bands: Sequence[str], trained_networks: dict[int, TrainedNetwork | Ensemble]
) -> dict[int, TrainedNetwork | Ensemble]:
    """Return the networks that sharpen some bands; 10 m bands are copied and need none.

    Args:
        bands: from --bands, or all bands of the networks.
        trained_networks: GSD -> trained network, from the weights.

    Raises:
        SettingError: a band is there twice, no network sharpens it, or there are only 10 m bands.
    """
    twice = [band for band, count in Counter(bands).items() if count > 1]
    if twice:
        raise SettingError(f"--bands names {twice[0]} twice; name each band once.")
    gsds = {BANDS[band].gsd for band in bands} - {10}
    if not gsds:
        raise SettingError(
            f"--bands {' '.join(bands)} has only 10 m bands, which are copied; name a 20 m or 60 m band, too."
        )
    for band in bands:
        if BANDS[band].gsd not in {10, *trained_networks}:
            raise SettingError(
                f"--bands {band}: it has {BANDS[band].gsd} m pixels, and there are no weights for {BANDS[band].gsd} m; give "
                f"them with --weights or --run-dir, or leave {band} out."
            )
    needed = {gsd: trained for gsd, trained in trained_networks.items() if gsd in gsds}
    for gsd, trained in trained_networks.items():
        if trained not in needed.values():
            logger.info("%s is not used: no band of --bands has %d m pixels", trained.source, gsd)
    return needed


def result_dn(scene: Scene, strip: Strip, bands: Sequence[str]) -> np.ndarray:
    """Return the stored pixels of a strip, as `store_result` writes them: (rows, cols, bands) uint16 DN."""
    stored = empty_result(strip.window, bands, with_errors=bool(strip.errors))
    store_result(scene, strip, bands, stored)
    return stored


def empty_result(window: Window, bands: Sequence[str], with_errors: bool) -> np.ndarray:
    """Return an array for `store_result`, whose pixels are not set yet."""
    return np.empty((window.height, window.width, len(bands) + with_errors * len(error_bands(bands))), np.uint16)


def store_result(scene: Scene, strip: Strip, bands: Sequence[str], stored: np.ndarray) -> None:
    """Write the stored pixels of a strip; if it has expected errors, these follow as further bands.

    The bands of the errors are `error_bands(bands)`. Expected errors are DN without offset, at least 1. They are nodata (0)
    where the result is nodata or saturated.

    Args:
        scene: of the strip.
        strip: DN, estimates, and expected errors or none.
        bands: of the result, in their order.
        stored: gets the pixels, (rows, cols, bands) uint16 DN.
    """
    for window in grid(strip.window.height, strip.window.width, PART_ROWS, PART_COLS):
        part = strip.part(window.moved(strip.window.row, strip.window.col))
        _store_bands(scene, part, bands, stored[window.slices])
        if strip.errors:
            _store_errors(part, bands, stored[window.slices])


def _store_bands(scene: Scene, part: Strip, bands: Sequence[str], stored: np.ndarray) -> None:
    for gsd in {BANDS[band].gsd for band in bands}:
        image = copied_dn(scene, part.dn[10]) if gsd == 10 else sharpened_dn(scene, gsd, part.estimates[gsd], part.dn)
        for index, band in enumerate(BANDS_BY_GSD[gsd]):
            if band in bands:  # band by band: NumPy is slower with the few numbers of each pixel
                stored[..., bands.index(band)] = image[..., index]


def _store_errors(part: Strip, bands: Sequence[str], stored: np.ndarray) -> None:
    for number, band in enumerate(error_bands(bands), start=len(bands)):
        gsd = BANDS[band].gsd
        expected = part.errors[gsd][..., BANDS_BY_GSD[gsd].index(band)]
        band_dn = stored[..., bands.index(band)]
        known = (band_dn != NODATA_DN) & (band_dn != SATURATED_DN)
        stored[..., number] = expected * known


def error_bands(bands: Sequence[str]) -> tuple[str, ...]:
    """Return those of some bands that are sharpened, and so have an expected error: the 10 m bands are copied."""
    return tuple(band for band in bands if BANDS[band].gsd != 10)


def copied_dn(scene: Scene, dn: np.ndarray) -> np.ndarray:
    """Return DN of the scene as a result stores them: (rows, cols, bands) uint16; nodata and saturated pixels are 0 and 65535."""
    if (scene.nodata, scene.saturated) == (NODATA_DN, SATURATED_DN):
        return dn
    stored = dn.clip(NODATA_DN + 1, SATURATED_DN - 1)
    stored[dn == scene.nodata] = NODATA_DN
    stored[dn == scene.saturated] = SATURATED_DN
    return stored


def sharpened_dn(scene: Scene, gsd: int, estimate: np.ndarray, dn: Dn) -> np.ndarray:
    """Convert an estimate to DN with the product's own offsets.

    Args:
        scene: gives quantification, offsets, and the DN of nodata and saturated pixels.
        gsd: native GSD of the sharpened bands.
        estimate: (rows, cols, bands) float32, reflectance * 10000.
        dn: stored DN of the same ground, of the 10 m bands and of the bands of `gsd`.

    Returns:
        Shape of estimate, uint16.
    """
    factor = gsd // 10
    no_10m_data, no_data, saturated = dn[10] == scene.nodata, dn[gsd] == scene.nodata, dn[gsd] == scene.saturated
    nodata = None
    if no_data.any() or no_10m_data.any():
        nodata = repeat_pixels(no_data, factor) | no_10m_data.all(axis=2, keepdims=True)
    stored = scaled_reflectance_to_dn(estimate, scene.quantification, band_offsets(scene, BANDS_BY_GSD[gsd]), nodata)
    if saturated.any():
        stored[repeat_pixels(saturated, factor) & (stored != NODATA_DN)] = SATURATED_DN
    return stored


def prediction_tags(
    trained_networks: dict[int, TrainedNetwork | Ensemble],
    precision: str,
    consistent: bool,
    mask: str | None = None,
    engine: str = TENSORFLOW,
) -> dict[str, str]:
    """Return the tags that say how a result was made; they are the same for all scenes.

    Args:
        trained_networks: GSD -> trained network.
        precision: of the convolutions.
        consistent: whether the estimates were corrected.
        mask: the value of --mask.
        engine: computes the networks.
    """
    tags = {
        "code_revision": code_revision(),
        "command": shlex.join(sys.argv),
        "precision": precision,
        "engine": describe_engine(engine),
        "TIFFTAG_SOFTWARE": f"jeoparda {cli.package_version()}",
    }
    if consistent:
        tags["consistent"] = "yes"
    if mask is not None:
        tags["mask"] = mask
    variables = describe_variables(number_variables())
    if variables:
        tags["environment"] = variables
    for gsd, trained in trained_networks.items():
        tags |= {
            f"network_{gsd}m": trained.network_name,
            f"upsample_{gsd}m": trained.upsample,
            f"weights_{gsd}m": trained.source,
            f"weights_{gsd}m_sha256": trained.sha256,
        }
    return tags


def describe_making(trained_networks: dict[int, TrainedNetwork | Ensemble], tags: dict[str, str]) -> Processing:
    """Return the same facts as `prediction_tags` for a STAC item.

    Args:
        trained_networks: GSD -> trained network.
        tags: from `prediction_tags`.
    """
    steps = [
        f"{gsd} m bands sharpened to 10 m by {trained.network_name} with the weights {trained.weights_name} (SHA-256 "
        f"{trained.sha256})"
        for gsd, trained in trained_networks.items()
    ]
    if "consistent" in tags:
        steps.append("corrected so that degrading them returns the input")
    if "environment" in tags:
        steps.append(f"computed with {tags['environment']}")
    engine, _, engine_version = tags["engine"].partition(" ")
    software = {"jeoparda": f"{cli.package_version()} ({tags['code_revision']})", engine: engine_version}
    return Processing(software, "; ".join(steps) + ".", datetime.now(timezone.utc).replace(microsecond=0))


def is_setting(tag: str) -> bool:
    """Return whether a tag names an input or a setting, so that results that differ in it have other pixels."""
    return (
        tag
        in (
            "source_product",
            "level",
            "processing_baseline",
            "precision",
            "consistent",
            "mask",
            "LAYOUT",
            "calibrated_on",
        )
        or tag.startswith(("network_", "upsample_"))
        or tag.endswith("_sha256")
    )


def result_settings(info: RasterInfo) -> dict[str, str]:
    """Return the bands, region and radiometry of a result, and its tags that name an input or a setting."""
    grid = info.grid
    x, y = grid.geotransform[0], grid.geotransform[3]
    return {
        "bands": ", ".join(info.bands),
        "region": f"{grid.rows} x {grid.cols} px from ({x:.0f}, {y:.0f})",
        "quantification": f"{info.quantification:.6g}",
        "offsets": ", ".join(f"{info.offsets[band]:.6g}" for band in info.bands),
        **{name: text for name, text in info.tags.items() if is_setting(name)},
    }


def find_difference(wanted: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Return one difference between two `result_settings`, or None: of a result to write, and of one that exists."""
    for name in {**found, **wanted}:
        here, there = wanted.get(name) or "none", found.get(name) or "none"
        if here != there:
            return f"{name} {there}, but this command has {here}"
    return None


def scene_tags(scene: Scene) -> dict[str, str]:
    """Return the tags that describe the product, and the present time."""
    return {
        "source_product": scene.name,
        "level": scene.level,
        "processing_baseline": scene.baseline,
        "sensing_time": scene.sensing_time,
        "satellite": scene.satellite,
        "created_utc": utc_now(),
    }
