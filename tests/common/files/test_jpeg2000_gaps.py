"""Gaps of zeros in JPEG 2000 files are found; whole files of any content have none."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.errors import ProductError
from common.files.jpeg2000_gaps import most_zeros, require_no_gap
from common.rasters.bands import read_band
from common.scenes.tile_list import open_scene
from tests.support.fake_layouts import tar_product
from tests.support.fake_safe import band_file

GAP = r"holds more than \d+ zero bytes in a row from byte \d+ on, where JPEG 2000 has pixels: a part of it was not written"


def write_jp2(path: Path, pixels: np.ndarray, *options: str, quality: str = "100") -> Path:
    memory = gdal.GetDriverByName("MEM").Create("", *pixels.shape[::-1], 1, gdal.GDT_UInt16)
    memory.GetRasterBand(1).WriteArray(pixels)
    lossless = [f"QUALITY={quality}", "REVERSIBLE=YES", "NBITS=15"]
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(str(path), memory, options=[*lossless, *options])
    return path


def make_gap(path: Path, zeros: int) -> None:
    """Overwrite the middle of a file with zeros."""
    content = path.read_bytes()
    start = len(content) // 2
    path.write_bytes(content[:start] + bytes(zeros) + content[start + zeros :])


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, (size, size), dtype=np.uint16)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("RESOLUTIONS=6",),
        ("RESOLUTIONS=1",),
        ("BLOCKXSIZE=64", "BLOCKYSIZE=64"),
        ("CODEBLOCK_WIDTH=4", "CODEBLOCK_HEIGHT=4"),
        ("PRECINCTS={64,64},{64,64}",),
        ("PROGRESSION=RPCL", "PRECINCTS={64,64},{32,32}"),
        ("PROGRESSION=CPRL", "SOP=YES", "EPH=YES"),
    ],
)
def test_whole_files_of_any_content(tmp_path: Path, options: tuple[str, ...]) -> None:
    half = noise(600)
    half[:, 200:] = 0
    for number, pixels in enumerate((np.zeros((600, 600), np.uint16), half, np.full((600, 600), 32767, np.uint16))):
        path = write_jp2(tmp_path / f"{number}.jp2", pixels, *options)
        require_no_gap("B02", path)


def test_layers_have_more_empty_packets(tmp_path: Path) -> None:
    one, two = (
        most_zeros(write_jp2(tmp_path / f"{quality}.jp2", noise(99), quality=quality).read_bytes())
        for quality in ("100", "50,100")
    )
    assert two > one


def test_a_gap_in_the_file_of_a_band(fake_product: Path, tmp_path: Path) -> None:
    product = Path(shutil.copytree(fake_product, tmp_path / fake_product.name))
    path = write_jp2(band_file(product, "B02"), noise(240))
    reference = gdal.Open(str(band_file(product, "B03")))
    gdal.Open(str(path), gdal.GA_Update).SetGeoTransform(reference.GetGeoTransform())
    require_no_gap("B02", path)
    zeros = most_zeros(path.read_bytes())
    make_gap(path, zeros + 1)
    with pytest.raises(ProductError, match=rf"_B02\.jp2 {GAP}"):
        read_band(open_scene(product), "B02")
    with pytest.raises(ProductError, match=GAP):
        read_band(open_scene(tar_product(product, tmp_path / "a.tar")), "B02")


@pytest.mark.parametrize("content", [b"", b"II*\0" + bytes(9999), b"\0\0\0\x0cjP  " + bytes(9999)])
def test_other_files_are_left_to_other_checks(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "B02.tif").write_bytes(content)
    require_no_gap("B02", tmp_path / "B02.tif")
    require_no_gap("B02", tmp_path)


def test_real_files_have_none(real_data: Path) -> None:
    paths = sorted(real_data.glob("tiles/*/GRANULE/*/IMG_DATA/**/*.jp2"))
    assert len(paths) > 30
    for path in paths:
        require_no_gap(path.name, path)


def test_a_gap_across_two_blocks_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_jp2(tmp_path / "a.jp2", noise(240))
    zeros = most_zeros(path.read_bytes())
    make_gap(path, zeros + 1)
    for block in (1000, zeros + 1, 4099):
        monkeypatch.setattr("common.files.jpeg2000_gaps._BLOCK_BYTES", block)
        with pytest.raises(ProductError, match=GAP):
            require_no_gap("B02", path)
