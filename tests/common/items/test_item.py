"""STAC items beside results: valid, and enough to read the right reflectance at the right place."""

import json
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pystac
import pytest
from osgeo import gdal, osr
from pystac.extensions.eo import EOExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.validation import validate_dict

from common.errors import ProductError
from common.items.item import Processing, add_errors, item_json, item_path, make_item, sensing_datetime
from common.pixels.windows import Window
from common.rasters.geotiff import RasterInfo, write_geotiff
from common.rasters.grids import GeoReference, georeference
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene
from tests.support.fake_safe import EPSG, write_safe

REGION = Window(row=6, col=12, height=30, width=42)
BANDS = ("B02", "B05", "B11")
PROCESSING = Processing({"jeoparda": "0.1.0"}, "made for a test.", datetime(2026, 11, 27, tzinfo=timezone.utc))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A product with offsets, that of B11 unlike the others."""
    scene = open_scene(write_safe(tmp_path_factory.mktemp("in"), level="L2A", baseline="04.00", size=60))
    return replace(scene, offsets={**scene.offsets, "B11": -500.0})


@pytest.fixture(scope="module")
def info(scene) -> RasterInfo:
    return RasterInfo.of_region(scene, georeference(scene, 10), REGION, BANDS, {})


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    shape = REGION.height, REGION.width, len(BANDS)
    return np.random.default_rng(0).integers(1, 20000, shape, dtype=np.uint16)


@pytest.fixture(scope="module")
def written(scene, info, pixels, tmp_path_factory) -> Path:
    """The item beside a GeoTIFF."""
    image = tmp_path_factory.mktemp("out") / "T32TNS.sharp.tif"
    write_geotiff(image, info, iter([pixels]))
    item_path(image).write_text(item_json(make_item(scene, info, PROCESSING, image)))
    return item_path(image)


def test_the_item_is_valid_by_the_schemas_of_pystac(scene, info, written):
    """Schemas of the extensions lie on a server; those of STAC itself are part of pystac."""
    content = json.loads(written.read_text())
    validate_dict(content, extensions=[])
    for extension in ("eo/v1.1.0", "raster/v1.1.0", "projection/v2.0.0", "processing/v1.2.0", "grid/v1.1.0"):
        assert f"https://stac-extensions.github.io/{extension}/schema.json" in content["stac_extensions"]


def test_name_and_properties(written):
    content = json.loads(written.read_text())
    assert written.name == "T32TNS.sharp.json"
    assert content["id"] == "T32TNS.sharp"
    assert content["properties"] == {
        "platform": "sentinel-2a",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "processing:level": "L2A",
        "processing:software": {"jeoparda": "0.1.0"},
        "processing:lineage": "made for a test.",
        "processing:version": "04.00",
        "created": "2026-11-27T00:00:00Z",
        "proj:code": f"EPSG:{EPSG}",
        "grid:code": "MGRS-32TNS",
        "datetime": "2020-07-01T10:10:31.024000Z",
    }


def test_reflectance_as_a_reader_computes_it_from_the_item(written, pixels):
    """The path is relative to the item; reflectance is DN * scale + offset of each band."""
    item = pystac.Item.from_file(written)
    asset = item.assets["image"]
    assert asset.href == "./T32TNS.sharp.tif"
    image = gdal.Open(asset.get_absolute_href()).ReadAsArray().transpose(1, 2, 0)
    bands = RasterExtension.ext(asset).bands
    reflectance = np.stack([image[..., i] * band.scale + band.offset for i, band in enumerate(bands)], axis=2)
    np.testing.assert_allclose(reflectance, (pixels - np.array([1000.0, 1000.0, 500.0])) / 10000, atol=1e-12)
    assert [band.nodata for band in bands] == [0, 0, 0]
    assert [band.data_type for band in bands] == ["uint16"] * 3
    assert [band.name for band in EOExtension.ext(asset).bands] == list(BANDS)
    wavelengths = [(band.center_wavelength, band.full_width_half_max) for band in EOExtension.ext(asset).bands]
    assert wavelengths == [(0.4927, 0.0643), (0.7041, 0.014), (1.6137, 0.0897)]
    assert [band.common_name for band in EOExtension.ext(asset).bands] == ["blue", "rededge", "swir16"]


def test_the_grid_is_that_of_the_file(written):
    asset = pystac.Item.from_file(written).assets["image"]
    dataset = gdal.Open(asset.get_absolute_href())
    projection = ProjectionExtension.ext(asset)
    x, width, x_skew, y, y_skew, height = dataset.GetGeoTransform()
    assert projection.transform == [width, x_skew, x, y_skew, height, y]
    assert projection.shape == [dataset.RasterYSize, dataset.RasterXSize]


def test_the_footprint_is_that_of_the_file(written):
    item = pystac.Item.from_file(written)
    extent = gdal.Info(str(written.with_suffix(".tif")), format="json")["wgs84Extent"]["coordinates"][0]
    longitudes, latitudes = zip(*extent, strict=True)
    np.testing.assert_allclose(item.bbox, [min(longitudes), min(latitudes), max(longitudes), max(latitudes)], atol=2e-6)


def test_the_input_is_linked(written, scene):
    (link,) = pystac.Item.from_file(written).get_links("derived_from")
    assert (written.parent / link.href).resolve() == scene.path.resolve()
    assert link.title == scene.name


def test_a_cog_with_a_picture_and_expected_errors(scene, info):
    item = make_item(scene, info, PROCESSING, Path("out.tif"), True, Path("out.png"))
    assert item.assets["image"].media_type == "image/tiff; application=geotiff; profile=cloud-optimized"
    add_errors(item, replace(info, offsets=dict.fromkeys(BANDS, 0.0)), Path("out-uncertainty.tif"), "in DN", True)
    errors = item.assets["uncertainty"]
    assert (errors.href, errors.media_type, errors.roles) == (
        "./out-uncertainty.tif",
        item.assets["image"].media_type,
        ["data", "uncertainty"],
    )
    assert errors.description == "in DN"
    assert {(band.scale, band.offset, band.nodata) for band in RasterExtension.ext(errors).bands} == {(0.0001, 0, 0)}
    described = [band.description for band in EOExtension.ext(errors).bands]
    assert described == [f"expected absolute error of {name}; DN 0 is nodata" for name in BANDS]
    assert ProjectionExtension.ext(errors).shape == [REGION.height, REGION.width]
    validate_dict(json.loads(item_json(item)), extensions=[])
    thumbnail = item.assets["thumbnail"]
    assert (thumbnail.href, thumbnail.media_type, thumbnail.roles) == ("./out.png", "image/png", ["thumbnail"])
    assert "proj:shape" not in item.properties  # the picture has another one


def test_a_tile_at_the_antimeridian(scene, info):
    """T01WCP lies on both sides; its western edge is x = 300000 in UTM zone 1."""
    system = osr.SpatialReference()
    system.ImportFromEPSG(32601)
    grid = GeoReference(system.ExportToWkt(), (300000, 10, 0, 7400040, 0, -10), 10980, 10980)
    item = make_item(scene, replace(info, grid=grid), PROCESSING, Path("out.tif"))
    validate_dict(item.to_dict(include_self_link=False), extensions=[])
    west, _, east, _ = item.bbox
    assert 178 < west < 180 and -180 < east < -176
    assert item.geometry["type"] == "MultiPolygon"


def test_a_crs_without_a_number_is_written_as_text(scene, info):
    system = osr.SpatialReference()
    system.ImportFromProj4("+proj=laea +lat_0=50 +lon_0=10 +datum=WGS84 +units=m")
    item = make_item(
        scene, replace(info, grid=replace(info.grid, crs_wkt=system.ExportToWkt())), PROCESSING, Path("a.tif")
    )
    assert item.properties["proj:code"] is None
    assert item.properties["proj:wkt2"].startswith("PROJCRS[")


@pytest.mark.parametrize("sensing_time", ["", "yesterday"])
def test_a_scene_without_sensing_time(scene, sensing_time):
    with pytest.raises(ProductError, match="leave out --stac"):
        sensing_datetime(replace(scene, sensing_time=sensing_time))


def test_wavelengths_that_nobody_knows_are_left_out(scene, info):
    item = make_item(replace(scene, satellite="S2D"), replace(info, passbands={}), PROCESSING, Path("out.tif"))
    assert set(item.assets["image"].extra_fields["eo:bands"][0]) == {"name", "common_name", "description"}


def test_a_patch_of_bigearthnet_names_neither_tile_nor_baseline(scene, info):
    item = make_item(replace(scene, tile="", baseline=""), info, PROCESSING, Path("out.tif"))
    assert not {"grid:code", "processing:version"} & set(item.properties)
