"""JSON files as STAC items; anything else is one clear error."""

import json
import tracemalloc
from pathlib import Path

import pytest

from common.errors import ProductError, ProductNotFoundError
from common.scenes.stac.item import is_item_file, read_item
from tests.support.fake_stac import edit_item, write_item


@pytest.fixture
def item(tmp_path: Path) -> Path:
    """An item without files."""
    return write_item(tmp_path, with_files=False)


def test_a_whole_item(item: Path) -> None:
    read = read_item(item)
    assert (read.id, read.properties["platform"]) == ("S2A_T32TNS_20200701T101031_L2A", "sentinel-2a")
    assert {"blue", "nir08", "visual"} <= read.assets.keys()


def test_names_of_item_files(item: Path, tmp_path: Path) -> None:
    assert is_item_file(item)
    assert not is_item_file(tmp_path / "missing.json")
    (tmp_path / "folder.json").mkdir()
    assert not is_item_file(tmp_path / "folder.json")
    assert is_item_file(item.rename(tmp_path / "item.GEOJSON"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"<!DOCTYPE html><html>Sign in",
            r"is no JSON \(it begins with '<!DOCTYPE html><html'\); give the JSON file of one",
        ),
        (b"", "is no JSON"),
        (b'{"type": "Feature", "assets"', "is no JSON"),
        (b"\xff\xfe\x00\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is no JSON"),
        (b"[1, 2]", "holds no JSON object"),
        (b"{}", "is no STAC item: it lacks stac_version, id, properties and 1 more; give"),
        (b'{"type": ["Feature"]}', "is no STAC item"),
        (b'{"stac_version": "1.0.0", "id": "x", "properties": {}, "assets": {}}', "it lacks the type Feature"),
        (
            b'{"type": "Feature", "stac_version": "1.0.0", "id": "x", "properties": {}, "assets": {"a": 1}}',
            "no valid STAC",
        ),
        (b'{"type": "FeatureCollection", "features": []}', "is a list of STAC items, as a search returns it"),
        (b'{"type": "Collection", "id": "sentinel-2-l2a"}', "is a STAC collection; give the JSON file of one"),
        (b'{"type": "Catalog", "id": "root"}', "is a STAC catalog"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "item.json"
    path.write_bytes(content)
    with pytest.raises(ProductError, match=message):
        read_item(path)


@pytest.mark.parametrize("key", ["id", "properties", "assets", "stac_version"])
def test_missing_fields(item: Path, key: str) -> None:
    edit_item(item, lambda content: content.pop(key))
    with pytest.raises(ProductError, match=rf"is no STAC item: it lacks {key}; give the JSON file of one"):
        read_item(item)


def test_a_data_cube(item: Path) -> None:
    edit_item(item, lambda content: content["properties"].update({"cube:dimensions": {"x": {}}}))
    with pytest.raises(ProductError, match="is an item of a data cube, not of a Sentinel-2 product"):
        read_item(item)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ProductNotFoundError, match="does not exist; give the JSON file of one STAC item"):
        read_item(tmp_path / "missing.json")
    with pytest.raises(ProductError, match="cannot be read"):
        read_item(tmp_path)


def test_a_huge_file_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    with path.open("wb") as file:
        file.truncate(2**36)  # takes no space on the disk
    tracemalloc.start()
    with pytest.raises(ProductError, match=r"is no STAC item \(it is larger than 16 MiB\)"):
        read_item(path)
    assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    tracemalloc.stop()


def test_numbers_that_are_none(item: Path) -> None:
    """Python's JSON takes NaN and Infinity, and integers of any length."""
    text = json.dumps(json.loads(item.read_text()))
    item.write_text(text.replace('"datetime"', f'"a": NaN, "b": {"9" * 5000}, "datetime"', 1))
    with pytest.raises(ProductError, match="is no JSON"):
        read_item(item)
