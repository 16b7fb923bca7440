"""Facts of a product in the properties of its STAC item, as archives name them. EOPF products hold such properties, too.

Each function returns an empty text where the item does not state the fact; properties of other types count as absent.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from common.scenes.product_xml import tile_of as tile_in_name

Properties = Mapping[str, Any]

PRODUCT_NAMES = ("s2:product_uri", "sentinel:product_id")
LEVELS = ("processing:level", "product:type", "s2:product_type")
BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline", "eopf:baseline", "processing:version")
TILES = ("grid:code", "s2:mgrs_tile")


def product_name(properties: Properties) -> str:
    """Return the name of the product in SAFE, without `.SAFE`."""
    return _first(r"^(S2[A-D]_\w{,200}?)(?:\.SAFE)?$", _texts(properties, PRODUCT_NAMES))


def safe_name(identifier: str) -> str:
    """Return an identifier as a name of files: no character but letters, digits, `_` and `-`."""
    return re.sub(r"[^\w-]", "_", identifier.removesuffix(".SAFE"), flags=re.ASCII)[:200] or "item"


def level_of(properties: Properties, *names: str) -> str:
    """Return `L1C` or `L2A`, by the properties or by names of the product or item."""
    level = _first(r"(?:^|MSI|Level-)L?(1C|2A)$", _texts(properties, LEVELS))
    level = level or _first(r"(?:^|_)(?:MSI)?L(1C|2A)(?:_|$)", names)
    return f"L{level}" if level else ""


def satellite_of(properties: Properties, name: str) -> str:
    """Return `S2A`, `S2B`, `S2C` or `S2D`, by the platform, or by the name of the product if there is no platform."""
    platform = properties.get("platform")
    text = platform.lower() if isinstance(platform, str) else ""
    letter = _first(r"^sentinel-2([a-d])$", [text])
    if not letter and (not text or text.startswith("sentinel-2")):
        letter = _first(r"^S2([A-D])_", [name])
    return f"S2{letter.upper()}" if letter else ""


def baseline_of(properties: Properties, *names: str) -> str:
    """Return the processing baseline such as `05.11`, by the properties or by names of the product or tile."""
    if baseline := _first(r"^(\d\d\.\d\d)$", _texts(properties, BASELINES)):
        return baseline
    digits = _first(r"_N(\d\d\.?\d\d)(?:_|$)", names).replace(".", "")
    return f"{digits[:2]}.{digits[2:]}" if digits else ""


def tile_of(properties: Properties, name: str) -> str:
    """Return the MGRS tile such as `T33UUB`, by the name of the product or by the properties."""
    if tile := tile_in_name(name):
        return tile
    tile = _first(r"^(?:MGRS-)?(\d{1,2}[A-Z]{3})$", _texts(properties, TILES))
    return f"T{tile.zfill(5)}" if tile else ""


def start_time(properties: Properties) -> str:
    """Return the start of the acquisition in UTC, such as `2025-10-08T10:00:41.024Z`."""
    text = str(properties.get("start_datetime") or properties.get("datetime"))
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""


def _texts(properties: Properties, keys: Iterable[str]) -> list[str]:
    return [value for key in keys if isinstance(value := properties.get(key), str)]


def _first(pattern: str, texts: Iterable[str]) -> str:
    """Return the first group of a pattern in the first text that it matches."""
    return next((match[1] for text in texts if (match := re.search(pattern, text))), "")
