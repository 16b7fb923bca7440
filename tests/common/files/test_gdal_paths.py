"""The disk file behind a path that GDAL opens."""

from pathlib import Path

import pytest

from common.files.gdal_paths import Place, find_place


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/data/a.SAFE/GRANULE/b.jp2", Place(Path("/data/a.SAFE/GRANULE/b.jp2"))),
        ("a.zarr/measurements/b02", Place(Path("a.zarr/measurements/b02"))),
        ("/vsizip/{/data/a.zip}/a.SAFE/b.jp2", Place(Path("/data/a.zip"), "a.SAFE/b.jp2")),
        ("/vsizip/{/data/{1}/a.zip}/b.jp2", Place(Path("/data/{1}/a.zip"), "b.jp2")),
        ("/vsisubfile/1536_4000,/data/a,b.tar", Place(Path("/data/a,b.tar"), offset=1536, size=4000)),
        ("/vsicurl/http://localhost/b.tif", None),
        ("/vsigzip//data/b.tif.gz", None),
    ],
)
def test_place(path: str, place: Place | None) -> None:
    assert find_place(path) == place
