"""JSON file -> STAC item of Sentinel-2, read with pystac, without any network. Other STAC objects are refused."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import ProductError, ProductNotFoundError, some_of
from common.files.limits import parse_json, read_regular_file
from common.files.read_errors import describe_failed_read, describe_missing

if TYPE_CHECKING:
    import pystac

_EXPECTED = "give the JSON file of one STAC item of Sentinel-2"
_FIELDS = {"stac_version": str, "id": str, "properties": dict, "assets": dict}
_OTHER_OBJECTS = {
    "FeatureCollection": "a list of STAC items, as a search returns it; write each item to a file of its own",
    "Collection": "a STAC collection; " + _EXPECTED,
    "Catalog": "a STAC catalog; " + _EXPECTED,
}


def is_item_file(path: Path) -> bool:
    """Return whether a path is a file whose name ends as that of a STAC item."""
    return path.suffix.lower() in (".json", ".geojson") and path.is_file()


def read_item(path: Path) -> "pystac.Item":
    """Read a STAC item.

    Raises:
        ProductNotFoundError: the file does not exist.
        ProductError: the file is no STAC item, or an item of a data cube.
    """
    content = _load(path)
    if not isinstance(content, dict):
        raise ProductError(f"{path} holds no JSON object; {_EXPECTED}.")
    kind = content.get("type")
    if isinstance(kind, str) and kind in _OTHER_OBJECTS:
        raise ProductError(f"{path} is {_OTHER_OBJECTS[kind]}.")
    lacks = [name for name, kind in _FIELDS.items() if not isinstance(content.get(name), kind)]
    if kind != "Feature" or lacks:
        raise ProductError(f"{path} is no STAC item: it lacks {some_of(lacks) or 'the type Feature'}; {_EXPECTED}.")
    item = _parse(path, content)
    owners = (item.properties, *(asset.extra_fields for asset in item.assets.values()))
    if any("cube:dimensions" in fields for fields in owners):
        raise ProductError(f"{path} is an item of a data cube, not of a Sentinel-2 product; {_EXPECTED}.")
    return item


def _load(path: Path) -> Any:
    """Read a JSON file of limited size."""
    try:
        content = read_regular_file(path)
    except FileNotFoundError as error:
        raise ProductNotFoundError(f"{path} {describe_missing(path)}; {_EXPECTED}.") from error
    except OSError as error:
        raise ProductError(f"{path} {describe_failed_read(error, _EXPECTED)}.") from error
    except ValueError as error:
        raise ProductError(f"{path} is no STAC item ({error}); {_EXPECTED}.") from error
    try:
        return parse_json(content)
    except ValueError as error:
        reason = f"it begins with {content[:20].decode(errors='replace')!r}" if content.strip()[:1] == b"<" else error
        raise ProductError(f"{path} is no JSON ({reason}); {_EXPECTED}.") from error


def _parse(path: Path, content: dict[str, Any]) -> "pystac.Item":
    """Make the item. pystac raises errors of many kinds for wrong fields."""
    import pystac

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pystac.Item.from_dict(content, preserve_dict=False)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ProductError(f"{path} is no valid STAC item ({type(error).__name__}: {reason}); {_EXPECTED}.") from error
