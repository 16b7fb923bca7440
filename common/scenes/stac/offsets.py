"""Offset and quantification of the bands of a STAC item, from the first source that states them.

1. The item's flag that the offset is subtracted already (`earthsearch:boa_offset_applied`, in version 0
   `sentinel:boa_offset_applied`): then 0. It concerns the GeoTIFFs that the archive made, not ESA's JPEG 2000 files.
2. The product XML, where it is at hand. It describes ESA's files, from which the archive made its own.
3. `raster:bands` or `raster:offset`.
4. The processing baseline.

Sources that contradict each other are decided by this order, and told in one warning: archives are known to state -0.1
for pixels from which it is subtracted. A flag does not contradict the XML and the baseline: these say how large the
offset was.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import ProductError, some_of
from common.pixels.radiometry import usual_offset
from common.scenes.product_xml import Metadata
from common.scenes.stac.assets import BandAsset

logger = logging.getLogger(__name__)

APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_QUANTIFICATION = 10000.0
_XML, _FLAG, _RASTER, _BASELINE = "the product XML", "boa_offset_applied", "raster:offset", "baseline "


@dataclass(frozen=True)
class Radiometry:
    """reflectance = (DN + offset) / quantification.

    Attributes:
        quantification: of all bands.
        offsets: band -> offset in DN.
    """

    quantification: float
    offsets: dict[str, float]


def find_radiometry(
    path: Path,
    name: str,
    assets: Mapping[str, BandAsset],
    properties: Mapping[str, Any],
    baseline: str,
    metadata: Metadata | None,
) -> Radiometry:
    """Return the radiometry of the bands, and log its source in one line.

    Args:
        path: of the item, for messages.
        name: of the scene, for log messages.
        assets: band -> asset.
        properties: of the item.
        baseline: such as `05.11`; empty if unknown.
        metadata: the product XML; None if it is not at hand.

    Raises:
        ProductError: no source states an offset, a value is impossible, or two flags contradict each other.
    """
    applied = _is_applied(path, properties)
    quantification = metadata.quantification(metadata.level()) if metadata else _quantification(path, assets)
    in_xml = metadata.offsets(metadata.level()) if metadata else {}
    offsets: dict[str, float] = {}
    used: dict[str, list[str]] = {}
    contradictions: dict[str, list[str]] = {}
    for band, asset in assets.items():
        offset_by_source = {
            _FLAG: 0.0 if applied and not asset.is_jpeg2000 else None,
            _XML: in_xml.get(band),
            _RASTER: _raster_offset(path, asset, quantification),
            _BASELINE + baseline: _baseline_offset(baseline, quantification),
        }
        stated = {source: offset for source, offset in offset_by_source.items() if offset is not None}
        if not stated:
            raise ProductError(
                f"{path} states no offset for {band}: it has no product XML at hand, no raster:offset and no baseline "
                f"that tells; add s2:processing_baseline to its properties."
            )
        source = next(iter(stated))
        offsets[band] = stated[source]
        used.setdefault(f"{stated[source]:g} from {source}", []).append(band)
        for other, offset in stated.items():
            is_original = source == _FLAG and other in (_XML, _BASELINE + baseline)
            if offset != stated[source] and not is_original:
                contradictions.setdefault(f"{other} says {offset:g}", []).append(band)
    _log(name, used, contradictions, len(assets))
    return Radiometry(quantification, offsets)


def _log(name: str, used: Mapping[str, list[str]], contradictions: Mapping[str, list[str]], count: int) -> None:
    """Log the source of the offsets: a warning if other sources contradict it. `count`: number of bands."""
    text = f"{name} is read with offset {_listed(used, count)}"
    if contradictions:
        logger.warning(
            "%s, but %s; if the result is too dark or too bright, correct the item",
            text,
            _listed(contradictions, count),
        )
    else:
        logger.info("%s", text)


def _listed(bands_by_text: Mapping[str, list[str]], count: int) -> str:
    """Join texts, with their bands where these are not all."""
    return ", ".join(
        text if len(bands) == count else f"{text} ({some_of(bands)})" for text, bands in bands_by_text.items()
    )


def _is_applied(path: Path, properties: Mapping[str, Any]) -> bool:
    """Return whether the item says that the offset is subtracted already."""
    flags = {key: properties[key] for key in APPLIED if properties.get(key) is not None}
    for key, flag in flags.items():
        if not isinstance(flag, bool):
            raise ProductError(f"{path} has {key} {str(flag)[:60]!r}; expected true or false: correct the item.")
    if len(set(flags.values())) > 1:
        raise ProductError(
            f"{path} says that its offset is subtracted ({some_of(flags)}), and that it is not; correct it."
        )
    return any(flags.values())


def _quantification(path: Path, assets: Mapping[str, BandAsset]) -> float:
    """Return the quantification value that all bands share: 1 / scale; 10000 if no band states a scale."""
    scales = {asset.scale: asset.key for asset in assets.values() if asset.scale is not None}
    for scale, key in scales.items():
        if not 1e-6 <= scale <= 0.1:
            raise ProductError(
                f"{path}: {key} has the scale {scale:g}; expected 0.0001, reflectance of one DN: correct it."
            )
    if len(scales) > 1:
        listed = some_of(f"{key} has {scale:g}" for scale, key in scales.items())
        raise ProductError(f"{path} has several scales ({listed}); expected one for all bands: correct the item.")
    return round(1 / next(iter(scales)), 6) if scales else _QUANTIFICATION


def _raster_offset(path: Path, asset: BandAsset, quantification: float) -> float | None:
    """Return the offset in DN that an asset states; None if it states none."""
    if asset.offset is None:
        return None
    if abs(asset.offset) > 1:
        raise ProductError(
            f"{path}: {asset.key} has the offset {asset.offset:g}; expected a reflectance, such as -0.1: correct the item."
        )
    return round(asset.offset * quantification, 6)


def _baseline_offset(baseline: str, quantification: float) -> float | None:
    """Return the usual offset in DN of a baseline; None if the baseline does not tell."""
    offset = usual_offset(baseline)
    return None if offset is None else round(offset * quantification, 6)
