"""The reader of plain GeoTIFFs reads what GDAL reads, and refuses damaged files."""

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from bigearthnet.archive import tiff
from common.errors import ProductError, ProductNotFoundError
from tests.support.fake_safe import expected_dn, write_patch_folder, write_s1_patch

DN = np.dtype(np.uint16)


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_patch_folder(tmp_path_factory.mktemp("patch"))


def recoded(path: Path, target: Path, *options: str) -> Path:
    """Write the same image, stored in another way."""
    gdal.GetDriverByName("GTiff").CreateCopy(str(target), gdal.Open(str(path)), options=list(options))
    return target


@pytest.mark.parametrize(("band", "size"), [("B02", 120), ("B8A", 60), ("B09", 20)])
def test_pixels(patch: Path, band: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "read_with_gdal", None)  # GDAL is not needed for files stored like the archive's
    image = tiff.read_tiff(patch / f"{patch.name}_{band}.tif", size, DN)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, expected_dn(band, size, size))


def test_float32(tmp_path: Path) -> None:
    folder = write_s1_patch(tmp_path, "S1A_IW_GRDH_1SDV_20180415T160451_35VLG_90_7", "S2")
    path = folder / f"{folder.name}_VV.tif"
    image = tiff.read_tiff(path, 120, np.dtype(np.float32))
    np.testing.assert_array_equal(image, gdal.Open(str(path)).ReadAsArray())


@pytest.mark.parametrize(
    "options",
    [
        ["COMPRESS=DEFLATE"],
        ["COMPRESS=LZW", "PREDICTOR=2"],
        ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32"],
        ["BIGTIFF=YES"],
        ["ENDIANNESS=BIG"],
        ["BLOCKYSIZE=1"],
        ["BLOCKYSIZE=60"],
    ],
)
def test_images_stored_in_other_ways(patch: Path, tmp_path: Path, options: list[str]) -> None:
    path = recoded(patch / f"{patch.name}_B04.tif", tmp_path / "other.tif", *options)
    np.testing.assert_array_equal(tiff.read_tiff(path, 120, DN), expected_dn("B04", 120, 120))


def test_strips_in_another_order() -> None:
    """The second strip comes first in the file."""
    import struct

    pixels = np.arange(8, dtype="<u2").reshape(2, 4)
    tags = [(256, 3, 1, 4), (257, 3, 1, 2), (258, 3, 1, 16), (273, 4, 2, 200), (278, 3, 1, 1), (279, 4, 2, 208)]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    data = head.ljust(200, b"\0") + struct.pack("<IIII", 224, 216, 8, 8) + pixels[1].tobytes() + pixels[0].tobytes()
    np.testing.assert_array_equal(tiff.decode_plain(data), pixels)


def test_strips_that_share_bytes_are_refused() -> None:
    import struct

    strips, width = 50, 4000
    tags = [(256, 3, 1, width), (257, 3, 1, strips), (258, 3, 1, 16), (273, 4, strips, 200), (279, 4, strips, 400)]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    tables = struct.pack(f"<{2 * strips}I", *[600] * strips, *[2 * width] * strips)
    with pytest.raises(ValueError, match="strips share bytes"):
        tiff.decode_plain(head.ljust(200, b"\0") + tables + bytes(2 * width))


@pytest.mark.parametrize("keep", [0, 3, 9, 100, 365, 5000, 29183])
def test_cut_short(patch: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "short.tif"
    path.write_bytes((patch / f"{patch.name}_B02.tif").read_bytes()[:keep])
    with pytest.raises(ProductError, match=rf"short.tif is damaged or cut short at {keep} bytes"):
        tiff.read_tiff(path, 120, DN)


def test_wrong_size_type_or_missing(patch: Path, tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"B8A.tif must have 120 x 120 px of uint16; got 60 x 60 px of uint16"):
        tiff.read_tiff(patch / f"{patch.name}_B8A.tif", 120, DN)
    with pytest.raises(ProductError, match="must have 120 x 120 px of float32; got 120 x 120 px of uint16"):
        tiff.read_tiff(patch / f"{patch.name}_B02.tif", 120, np.dtype(np.float32))
    with pytest.raises(ProductNotFoundError, match=r"none.tif is missing"):
        tiff.read_tiff(tmp_path / "none.tif", 120, DN)
