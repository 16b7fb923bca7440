"""GeoTIFF as other programs read it: pixels, georeference, names, reflectance; and files that cannot be written."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

from common.errors import OutputError, ProductError
from common.pixels.passbands import Passband
from common.pixels.windows import Window
from common.rasters import geotiff
from common.rasters.geotiff import (
    RasterInfo,
    check_output,
    check_space,
    read_geotiff,
    read_info,
    write_float_geotiff,
    write_geotiff,
)
from common.rasters.grids import georeference
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import EPSG, UPPER_LEFT, write_safe

REGION = Window(row=7, col=13, height=650, width=700)
BANDS = ("B05", "B11", "B01")


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> RasterInfo:
    """A region of a product with offsets, that of B11 unlike the others."""
    scene = open_scene(write_safe(tmp_path_factory.mktemp("product"), level="L2A", baseline="04.00"))
    scene = replace(scene, offsets={**scene.offsets, "B11": -500.0})
    return RasterInfo.of_region(scene, georeference(scene, 10), REGION, BANDS, {"source_product": scene.name})


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """DN (rows, cols, bands); the lower rows are nodata in all bands."""
    rng = np.random.default_rng(0)
    image = rng.integers(1, 65535, (REGION.height, REGION.width, len(BANDS)), dtype=np.uint16)
    image[600:] = 0
    return image


def strips(image: np.ndarray, rows: int = 90) -> Iterator[np.ndarray]:
    return (image[top : top + rows] for top in range(0, len(image), rows))


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "cog"])
def written(request, info, pixels, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("written") / "out.tif"
    write_geotiff(path, info, strips(pixels), cloud_optimized=request.param)
    assert [item.name for item in path.parent.iterdir()] == ["out.tif"]
    return path


def test_pixels(written, pixels):
    np.testing.assert_array_equal(gdal.Open(str(written)).ReadAsArray().transpose(1, 2, 0), pixels)
    part = read_geotiff(written, Window(500, 10, 120, 90), ("B01", "B05"))
    np.testing.assert_array_equal(part, pixels[500:620, 10:100][..., [2, 0]])


def test_georeference(written):
    dataset = gdal.Open(str(written))
    assert dataset.GetGeoTransform() == (UPPER_LEFT[0] + 130, 10, 0, UPPER_LEFT[1] - 70, 0, -10)
    assert osr.SpatialReference(wkt=dataset.GetProjection()).GetAuthorityCode(None) == str(EPSG)


def test_metadata_of_the_bands(written):
    dataset = gdal.Open(str(written))
    bands = [dataset.GetRasterBand(number) for number in (1, 2, 3)]
    assert [band.GetDescription() for band in bands] == list(BANDS)
    assert [band.GetMetadataItem("WAVELENGTH") for band in bands] == ["704.1", "1613.7", "442.7"]
    assert [band.GetMetadataItem("BANDWIDTH") for band in bands] == ["14", "89.7", "19.7"]
    assert {band.GetMetadataItem(f"{name}_UNIT") for band in bands for name in ("WAVELENGTH", "BANDWIDTH")} == {"nm"}
    assert [band.GetMetadata("IMAGERY") for band in bands] == [
        {"CENTRAL_WAVELENGTH_UM": "0.7041", "FWHM_UM": "0.014"},
        {"CENTRAL_WAVELENGTH_UM": "1.6137", "FWHM_UM": "0.0897"},
        {"CENTRAL_WAVELENGTH_UM": "0.4427", "FWHM_UM": "0.0197"},
    ]
    assert {band.GetNoDataValue() for band in bands} == {0}
    assert {gdal.GetDataTypeName(band.DataType) for band in bands} == {"UInt16"}
    assert dataset.GetMetadataItem("source_product").startswith("S2A_MSIL2A_")


def test_unknown_wavelengths_have_no_tags(info, pixels, tmp_path):
    path = tmp_path / "out.tif"
    write_geotiff(path, replace(info, passbands={"B05": Passband(704.9, None)}), strips(pixels))
    dataset = gdal.Open(str(path))
    bands = [dataset.GetRasterBand(number) for number in (1, 2)]
    assert bands[0].GetMetadata("IMAGERY") == {"CENTRAL_WAVELENGTH_UM": "0.7049"}
    assert bands[0].GetMetadataItem("BANDWIDTH") is None
    assert bands[1].GetMetadata() == {"BANDNAME": "B11", "NATIVE_GSD": "20"}
    assert bands[1].GetMetadata("IMAGERY") == {}


def test_reflectance_as_gdal_computes_it(written, pixels):
    """`gdal_translate -unscale` gives the input's (DN + offset) / quantification."""
    unscaled = gdal.Translate(
        "", str(written), format="MEM", unscale=True, outputType=gdal.GDT_Float64, srcWin=[0, 0, 700, 600]
    ).ReadAsArray()
    for number, offset in enumerate((-1000, -500, -1000)):
        np.testing.assert_allclose(
            unscaled[number], (pixels[:600, :, number].astype(np.float64) + offset) / 10000, atol=1e-12
        )


def test_layout(written):
    dataset = gdal.Open(str(written))
    band = dataset.GetRasterBand(1)
    assert band.GetBlockSize() == [512, 512]
    assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "DEFLATE"
    assert [(band.GetOverview(i).YSize, band.GetOverview(i).XSize) for i in range(band.GetOverviewCount())] == [
        (325, 350),
        (163, 175),
    ]
    stored = sum(int(band.GetMetadataItem(f"BLOCK_SIZE_{x}_{y}", "TIFF") or 0) for x in range(2) for y in range(2))
    assert written.stat().st_size < 1.8 * stored  # overviews, and no tile that was written twice


def test_overviews_are_means_without_nodata(written, pixels):
    dataset = gdal.Open(str(written))  # bands do not outlive their dataset
    overview = dataset.GetRasterBand(1).GetOverview(0).ReadAsArray()
    blocks = pixels[..., 0].reshape(325, 2, 350, 2).astype(np.float64)
    np.testing.assert_allclose(overview[:300], blocks.mean(axis=(1, 3))[:300], atol=1)
    assert (overview[300:] == 0).all()


def test_cog_is_valid(written, request):
    is_cog = request.node.callspec.params["written"]
    assert (gdal.Open(str(written)).GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG") == is_cog
    if is_cog:
        warnings, errors, _ = validate(str(written), full_check=True)
        assert (warnings, errors) == ([], [])


def test_file_does_not_depend_on_the_heights_of_strips(tmp_path, info, pixels):
    for rows in (1000, 7):
        write_geotiff(tmp_path / f"{rows}.tif", info, strips(pixels, rows))
    assert (tmp_path / "7.tif").read_bytes() == (tmp_path / "1000.tif").read_bytes()


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path, info, pixels):
    path = tmp_path / "out.tif"
    path.write_text("old")

    def damaged() -> Iterator[np.ndarray]:
        yield pixels[:600]
        assert path.read_text() == "old"
        raise ProductError("B05 is damaged.")

    for cloud_optimized in (False, True):
        with pytest.raises(ProductError, match="B05 is damaged"):
            write_geotiff(path, info, damaged(), cloud_optimized)
        assert [item.name for item in tmp_path.iterdir()] == ["out.tif"]
        assert path.read_text() == "old"


def test_missing_rows_are_an_error(tmp_path, info, pixels):
    with pytest.raises(ValueError, match="the grid has 650 rows; got strips of 640 rows"):
        write_geotiff(tmp_path / "out.tif", info, strips(pixels[:640]))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def float_image() -> np.ndarray:
    """Values (rows, cols, bands) of 0 to 1; one pixel is NaN."""
    image = np.random.default_rng(0).random((40, 50, 2)).astype(np.float32)
    image[1, 2] = np.nan
    return image


def test_floats_are_written_as_they_are(tmp_path, info, float_image):
    grid = replace(info.grid, rows=40, cols=50)
    write_float_geotiff(tmp_path / "out.tif", grid, float_image, ("Pastures", "Inland waters"), {"SCENE": "a scene"})
    dataset = gdal.Open(str(tmp_path / "out.tif"))
    np.testing.assert_array_equal(dataset.ReadAsArray().transpose(1, 2, 0), float_image)
    assert dataset.GetGeoTransform() == grid.geotransform
    assert osr.SpatialReference(wkt=dataset.GetProjection()).GetAuthorityCode(None) == str(EPSG)
    bands = [dataset.GetRasterBand(number) for number in (1, 2)]
    assert [band.GetDescription() for band in bands] == ["Pastures", "Inland waters"]
    assert np.isnan([band.GetNoDataValue() for band in bands]).all()
    assert dataset.GetMetadataItem("SCENE") == "a scene"
    assert dataset.GetMetadataItem("INTERLEAVE", "IMAGE_STRUCTURE") == "BAND"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from common.rasters import geotiff
from common.rasters.grids import GeoReference
from common.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
rng = np.random.default_rng(0)
info = geotiff.RasterInfo(GeoReference("", (0, 10, 0, 0, 0, -10), 1100, 900), ("B05",), 10000, {"B05": 0}, {}, {})
image = rng.integers(1, 60000, (1100, 900, 1), dtype=np.uint16)
path = Path(sys.argv[1])
def write(kind, most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    if kind == "float":
        geotiff.write_float_geotiff(path, info.grid, image.astype(np.float32), info.bands, {})
    else:
        geotiff.write_geotiff(path, info, iter([image]), kind == "cog")
whole = {}
for kind in ("plain", "cog", "float"):
    write(kind, resource.RLIM_INFINITY)
    whole[kind] = path.stat().st_size
    path.unlink()
for case in sys.argv[2:]:
    kind, size = case.split("-", 1)
    try:
        write(kind, int(size) if int(size) > 0 else whole[kind] + int(size))
    except OutputError as error:
        print(case, error, list(path.parent.iterdir()))
"""


def test_full_disk(tmp_path):
    """A limit to the size of files acts like a full disk. The file reaches it at different steps, also in its last bytes.

    GDAL 3.10 raises no error if it cannot write these.
    """
    sizes = dict.fromkeys(("plain", "cog"), (1_000, 1_500_000, 2_200_000, -1_000, -1)) | {"float": (1_000, -1_000, -1)}
    cases = [f"{kind}-{size}" for kind in sizes for size in sizes[kind]]
    command = [sys.executable, "-c", FULL_DISK, tmp_path / "out.tif", *cases]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == cases
    for line in lines:
        assert line.split(" ", 1)[1].startswith(f"cannot write {tmp_path}/out.tif: ")
        assert line.endswith("; check space and permissions there. []")  # and no file is left


def test_the_metadata_of_a_file_are_read_back(written, info):
    read = read_info(written)
    grid, tags = read.grid, read.tags
    assert (grid.geotransform, grid.rows, grid.cols) == (info.grid.geotransform, info.grid.rows, info.grid.cols)
    assert read.bands == BANDS
    assert read.quantification == pytest.approx(10000)
    assert read.offsets == pytest.approx({"B05": -1000, "B11": -500, "B01": -1000})
    assert tags["source_product"] == info.tags["source_product"]
    with open(written, "rb") as file:
        assert ("LAYOUT" in tags) == (b"LAYOUT=IFDS_BEFORE_DATA" in file.read(300))  # in the header of a COG


def test_a_file_without_description(tmp_path):
    for content in (b"", b"a picture", b"II*\x00\x08\x00\x00\x00"):
        (tmp_path / "out.tif").write_bytes(content)
        with pytest.raises(OutputError, match=r"out\.tif exists, but is no GeoTIFF; move it away"):
            read_info(tmp_path / "out.tif")


def refuse(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_outputs_refused_before_the_work(tmp_path, monkeypatch):
    existing = tmp_path / "there.tif"
    existing.touch()
    with pytest.raises(OutputError, match=r"there\.tif exists; replace it with --overwrite"):
        check_output(existing, overwrite=False)
    check_output(existing, overwrite=True)
    with pytest.raises(OutputError, match=r"the folder .*missing does not exist; create it"):
        check_output(tmp_path / "missing" / "out.tif", overwrite=True)
    with pytest.raises(OutputError, match="is a folder; give the name of a file"):
        check_output(tmp_path, overwrite=True)
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(OutputError, match="is no ordinary file"):
        check_output(tmp_path / "pipe.tif", overwrite=True)
    (tmp_path / "pipe.tif").unlink()
    check_space(tmp_path / "out.tif", 1000)
    free = os.statvfs(tmp_path)
    with pytest.raises(OutputError, match=r"cannot write .*out\.tif: No space left on device"):
        check_space(tmp_path / "out.tif", int(2 * free.f_bavail * free.f_frsize / geotiff.LEAST_COMPRESSED))
    assert [item.name for item in tmp_path.iterdir()] == ["there.tif"]
    monkeypatch.setattr("common.files.atomic.os.posix_fallocate", refuse)
    with pytest.raises(OutputError, match=r"cannot write .*out\.tif: No space left on device"):
        check_output(tmp_path / "out.tif", overwrite=False)
