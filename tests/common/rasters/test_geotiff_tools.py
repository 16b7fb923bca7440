"""What other programs keep of a GeoTIFF of DN: names, reflectance, nodata, wavelengths. The table is in superres/README.md.

Rasterio has a GDAL of its own, which must not meet the system's GDAL in one process: it runs in another process.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from common.pixels.windows import Window
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import georeference
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import write_safe

SIZE = 24
BANDS = ("B05", "B11")
IMAGERY = [
    {"CENTRAL_WAVELENGTH_UM": "0.7071", "FWHM_UM": "0.0153"},
    {"CENTRAL_WAVELENGTH_UM": "1.612", "FWHM_UM": "0.0903"},
]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """DN (rows, cols, bands); the first row is nodata."""
    image = np.random.default_rng(0).integers(1, 5000, (SIZE, SIZE, len(BANDS)), dtype=np.uint16)
    image[0] = 0
    return image


@pytest.fixture(scope="module")
def files(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """GeoTIFFs of the same DN: of an L2A scene of today, of another as COG, and of an old one without offset, further east."""
    folder = tmp_path_factory.mktemp("results")
    written = {}
    for name, baseline, x in (
        ("plain", "05.11", 600000),
        ("cog", "05.11", 600000),
        ("old", "02.05", 600000 + 10 * SIZE),
    ):
        product = write_safe(
            folder / name, level="L2A", baseline=baseline, satellite="S2C", size=SIZE, upper_left=(x, 5300040)
        )
        scene = open_scene(product)
        info = RasterInfo.of_region(scene, georeference(scene, 10), Window(0, 0, SIZE, SIZE), BANDS, {"level": "L2A"})
        written[name] = folder / f"{name}.tif"
        write_geotiff(written[name], info, iter([pixels]), cloud_optimized=name == "cog")
    return written


READ_ELSEWHERE = """
import json, sys
import numpy as np, rasterio, rioxarray
from rasterio.rio.main import main_group

def described(path):
    with rasterio.open(path) as file:
        return {
            "names": file.descriptions,
            "scales": file.scales,
            "offsets": file.offsets,
            "nodata": file.nodata,
            "wavelengths": [file.tags(band).get("WAVELENGTH") for band in file.indexes],
            "imagery": [file.tags(band, ns="IMAGERY") for band in file.indexes],
            "sum": float(file.read().sum(dtype=np.float64)),
        }

plain, cog, folder = sys.argv[1:]
reflectance = rioxarray.open_rasterio(plain, mask_and_scale=True)
rioxarray.open_rasterio(plain).rio.to_raster(f"{folder}/stacked.tif")
by_band = rioxarray.open_rasterio(plain, band_as_variable=True)
by_band.rio.to_raster(f"{folder}/by_band.tif")
main_group(["clip", plain, f"{folder}/clip.tif", "--like", plain], standalone_mode=False)
result = {path: described(path) for path in (plain, cog, *(f"{folder}/{n}.tif" for n in ("stacked", "by_band", "clip")))}
print(json.dumps({
    "files": list(result.values()),
    "nan": int(np.isnan(reflectance.values).sum()),
    "sum": float(np.nansum(reflectance.values, dtype=np.float64)),
    "long_name": reflectance.attrs["long_name"],
    "wavelengths": [by_band[name].attrs["WAVELENGTH"] for name in by_band.data_vars],
}))
"""


def test_rasterio_and_rioxarray(files: dict[str, Path], pixels: np.ndarray, tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ_ELSEWHERE, files["plain"], files["cog"], tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    whole = {
        "names": list(BANDS),
        "scales": [1e-4, 1e-4],
        "offsets": [-0.1, -0.1],
        "nodata": 0,
        "wavelengths": ["707.1", "1612"],
        "imagery": IMAGERY,
        "sum": float(pixels.sum(dtype=np.int64)),
    }
    plain, cog, stacked, by_band, clip = found.pop("files")
    assert plain == cog == whole
    assert by_band == whole | {"imagery": [{}, {}]}
    assert stacked == whole | {"imagery": [{}, {}], "wavelengths": [None, None]}
    lost = {
        "names": [None, None],
        "scales": [1, 1],
        "offsets": [0, 0],
        "wavelengths": [None, None],
        "imagery": [{}, {}],
    }
    assert clip == whole | lost
    assert found.pop("sum") == pytest.approx(((pixels[1:] - 1000.0) / 10000).sum(), abs=0.01)
    assert found == {"nan": SIZE * len(BANDS), "long_name": list(BANDS), "wavelengths": [707.1, 1612]}


def describe(dataset: gdal.Dataset) -> dict[str, list]:
    """Return what a dataset says of its bands."""
    bands = [dataset.GetRasterBand(number + 1) for number in range(dataset.RasterCount)]
    return {
        "names": [band.GetDescription() for band in bands],
        "reflectance": [(band.GetScale() or 1, band.GetOffset() or 0) for band in bands],
        "nodata": [band.GetNoDataValue() for band in bands],
        "wavelengths": [band.GetMetadataItem("WAVELENGTH") for band in bands],
        "imagery": [band.GetMetadata("IMAGERY") for band in bands],
    }


WHOLE = {
    "names": list(BANDS),
    "reflectance": [(1e-4, -0.1)] * 2,
    "nodata": [0, 0],
    "wavelengths": ["707.1", "1612"],
    "imagery": IMAGERY,
}
NO_IMAGERY = {"imagery": [{}, {}]}
NO_NAMES = NO_IMAGERY | {"names": ["", ""], "wavelengths": [None, None]}
NO_REFLECTANCE = {"reflectance": [(1, 0)] * 2}


@pytest.mark.parametrize("file", ["plain", "cog"])
@pytest.mark.parametrize(
    "tool, lost",
    [
        (lambda path, out: gdal.Open(path), {}),
        (lambda path, out: gdal.Translate(out, path), NO_IMAGERY),
        (lambda path, out: gdal.Translate(out, path, format="COG"), NO_IMAGERY),
        (lambda path, out: gdal.Warp(out, path, dstSRS="EPSG:4326"), NO_IMAGERY),
        (lambda path, out: gdal.BuildVRT(out, path), NO_NAMES),
    ],
    ids=["open", "translate", "translate to COG", "warp", "buildvrt"],
)
def test_tools_of_gdal(files: dict[str, Path], tmp_path: Path, file: str, tool, lost: dict[str, list]) -> None:
    assert describe(tool(str(files[file]), str(tmp_path / "out.tif"))) == WHOLE | lost


def test_unscale_needs_a_nodata_of_its_own(files: dict[str, Path], pixels: np.ndarray, tmp_path: Path) -> None:
    """Reflectance 0 is valid: -a_nodata keeps it apart from nodata."""
    options = {"unscale": True, "outputType": gdal.GDT_Float32, "noData": -9999}
    dataset = gdal.Translate(str(tmp_path / "out.tif"), str(files["plain"]), **options)
    assert describe(dataset) == WHOLE | NO_IMAGERY | NO_REFLECTANCE | {"nodata": [-9999, -9999]}
    reflectance = dataset.ReadAsArray().transpose(1, 2, 0)
    assert (reflectance[0] == -9999).all()
    np.testing.assert_allclose(reflectance[1:], (pixels[1:] - 1000.0) / 10000, atol=1e-6)


@pytest.mark.parametrize("other", ["cog", "old"])
def test_warp_of_several_files(files: dict[str, Path], pixels: np.ndarray, tmp_path: Path, other: str) -> None:
    """Scale and offset are lost. DN of scenes with and without offset come beside each other."""
    dataset = gdal.Warp(str(tmp_path / "out.tif"), [str(files["plain"]), str(files[other])])
    assert describe(dataset) == WHOLE | NO_IMAGERY | NO_REFLECTANCE
    expected = pixels if other == "cog" else np.concatenate([pixels, pixels], axis=1)
    np.testing.assert_array_equal(dataset.ReadAsArray().transpose(1, 2, 0), expected)
