"""The disk file behind a path that GDAL opens."""

from pathlib import Path

import pytest

from common.files.places import find_place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/data/a.SAFE/GRANULE/b.jp2", (Path("/data/a.SAFE/GRANULE/b.jp2"), "")),
        ("a.zarr/measurements/b02", (Path("a.zarr/measurements/b02"), "")),
        ("/vsizip/{/data/a.zip}/a.SAFE/b.jp2", (Path("/data/a.zip"), "a.SAFE/b.jp2")),
        ("/vsizip/{/data/{1}/a.zip}/b.jp2", (Path("/data/{1}/a.zip"), "b.jp2")),
        ("/vsicurl/http://localhost/b.tif", None),
        ("/vsigzip//data/b.tif.gz", None),
    ],
)
def test_place(path: str, place: tuple[Path, str] | None) -> None:
    assert find_place(path) == place
