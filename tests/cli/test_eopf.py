"""The same ground as SAFE and as EOPF Zarr: every command makes the same patches, predictions and numbers of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from osgeo import gdal

from bigearthnet import predict as predict_classes
from bigearthnet.networks.catalogue import NETWORKS as CLASSIFIERS
from common.patches.extraction import extract_patches
from common.patches.settings import PatchSettings
from common.runs import folder as run
from common.runs.folder import WEIGHTS, write_config
from common.scenes.tile_list import open_scene, read_tile_list
from superres import evaluate, predict, train
from superres.networks import catalogue
from superres.networks.build import build_network
from superres.training.config import SuperresConfig
from tests.support import made_patches
from tests.support.checks import set_random_weights
from tests.support.fake_eopf import chunk_file, write_eopf
from tests.support.fake_safe import L2A_BANDS, UPPER_LEFT, textured_pixels, with_nodata, write_safe
from tests.support.made_runs import write_classifier
from tests.support.tiny_training import TILES, tiny_network
from tests.support.training_bench import training_options

SIZE = 240
FORMS = ("SAFE", "zarr 2", "zarr 2 zip", "zarr 3", "zarr 3 zip")


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Form -> the same L2A product with nodata in a corner and saturated pixels, under the same name. Do not change them."""
    pytest.importorskip("zarr")
    folder = tmp_path_factory.mktemp("products")
    pixels = with_nodata(textured_pixels(np.random.default_rng(0), SIZE), 0, 0, 30, 48)
    pixels = {band: pixels[band] for band in L2A_BANDS}
    pixels["B03"][60, 60] = pixels["B05"][40, 40] = 2**15 - 1
    products = {"SAFE": write_safe(folder / "SAFE", level="L2A", baseline="05.11", size=SIZE, pixels=pixels)}
    for form in FORMS[1:]:
        _, zarr_format, *zipped = form.split()
        options = {"zarr_format": int(zarr_format), "zipped": bool(zipped), "chunk_m": 720}
        products[form] = write_eopf(folder / form, size=SIZE, pixels=pixels, **options)
    return products


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks, and figures that are composed but not painted."""
    monkeypatch.setitem(catalogue.NETWORKS, "dsen2", tiny_network())
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: Path(path).write_bytes(b"painted"))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder of superres."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_config(folder, SuperresConfig(tiles="tiles.txt"))
    model = build_network("dsen2", 20)
    set_random_weights(model, spread=0.05)
    model.save_weights(folder / WEIGHTS)
    return folder


def assert_same_patches(safe: Path, eopf: Path, count: int) -> None:
    expected, patches = (extract_patches(open_scene(product), PatchSettings(20, count)) for product in (safe, eopf))
    assert len(expected.arrays["row"])
    assert (patches.left_out, patches.arrays.keys()) == (expected.left_out, expected.arrays.keys())
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(patches.arrays[name], array, err_msg=name)


@pytest.mark.parametrize("form", FORMS[1:])
def test_patches(products: dict[str, Path], form: str) -> None:
    assert_same_patches(products["SAFE"], products[form], 30)


@pytest.mark.real_data
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_patches_of_a_real_tile(real_data: Path, zarr_format: int) -> None:
    pytest.importorskip("zarr")
    safe = next(real_data.glob("tiles/*T33UUP*.SAFE"))
    eopf = next(real_data.glob(f"eopf/*T33UUP*.format{zarr_format}.zarr.zip"))
    assert_same_patches(safe, eopf, 100)


@pytest.mark.parametrize("form", FORMS[1:])
def test_prediction(products: dict[str, Path], run_folder: Path, tmp_path: Path, form: str) -> None:
    """The GeoTIFF has the same pixels, georeference, scale, offset, nodata and tags."""
    results = {}
    for name in ("SAFE", form):
        output = tmp_path / f"{name}.tif"
        words = [str(products[name]), "--run-dir", str(run_folder), "--copy-10m", "--output", str(output)]
        assert predict.main(words) == 0
        results[name] = gdal.Open(str(output))
    safe, eopf = results.values()
    np.testing.assert_array_equal(eopf.ReadAsArray(), safe.ReadAsArray())
    assert not eopf.ReadAsArray()[:, :30, :48].any()
    assert np.argwhere(eopf.ReadAsArray() == 65535).tolist() == [
        [1, 60, 60],
        *([4, row, col] for row in (80, 81) for col in (80, 81)),
    ]
    assert (eopf.GetGeoTransform(), eopf.GetProjection()) == (safe.GetGeoTransform(), safe.GetProjection())
    for index in range(1, safe.RasterCount + 1):
        bands = [dataset.GetRasterBand(index) for dataset in (safe, eopf)]
        facts = [(band.GetDescription(), band.GetScale(), band.GetOffset(), band.GetNoDataValue()) for band in bands]
        assert facts[0] == facts[1]
    tags = [dataset.GetMetadata() for dataset in (safe, eopf)]
    varying = {"command", "created_utc", "TIFFTAG_DATETIME"}
    assert {key: value for key, value in tags[0].items() if key not in varying} == {
        key: value for key, value in tags[1].items() if key not in varying
    }


@pytest.mark.real_data
def test_prediction_of_a_real_tile(real_data: Path, run_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    pixels = []
    sources = [next(real_data.glob("tiles/*T33UUP*.SAFE")), *sorted(real_data.glob("eopf/*T33UUP*.zarr.zip"))]
    for index, source in enumerate(sources):
        output = tmp_path / f"{index}.tif"
        assert predict.main([str(source), "--run-dir", str(run_folder), "--output", str(output)]) == 0
        pixels.append(gdal.Open(str(output)).ReadAsArray())
    assert pixels[0].any()
    np.testing.assert_array_equal(pixels[1], pixels[0])
    np.testing.assert_array_equal(pixels[2], pixels[0])


def test_evaluation_by_a_tile_list(products: dict[str, Path], run_folder: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("SAFE", "zarr 3 zip"):
        tiles = tmp_path / f"{name}.txt"
        tiles.write_text(open_scene(products[name]).name)
        assert read_tile_list(tiles, products[name].parent)[0].path == products[name]
        words = ["--tiles", str(tiles), "--data-dir", str(products[name].parent), "--output", str(tmp_path / name)]
        assert evaluate.main([*words, "--run-dir", str(run_folder)]) == 0
        tables.append((tmp_path / name / "metrics.csv").read_text())
    assert tables[0] == tables[1]


def test_training_on_a_list(tmp_path: Path) -> None:
    """A scene of each format, on ground of its own."""
    pytest.importorskip("zarr")
    names = []
    for zarr_format, tile in zip((2, 3), TILES, strict=False):
        pixels = textured_pixels(np.random.default_rng(zarr_format), 120)
        options = {"zarr_format": zarr_format, "zipped": zarr_format == 3, "tile": tile, "size": 120}
        corner = (UPPER_LEFT[0] + 3000 * zarr_format, UPPER_LEFT[1])
        pixels = {band: pixels[band] for band in L2A_BANDS}
        names.append(write_eopf(tmp_path, pixels=pixels, upper_left=corner, **options).name)
    tiles = tmp_path / "tiles.txt"
    tiles.write_text("\n".join(names))
    assert train.main(training_options(tiles, tmp_path, epochs=1)) == 0
    config = run.read_config(tmp_path / "run")
    assert config["levels"] == ["L2A"]
    assert {path.name for path in (tmp_path / "patches").iterdir()} == {
        f"{name.removesuffix('.zip').removesuffix('.zarr')}-20m.h5" for name in names
    }


@pytest.mark.parametrize("form", ["zarr 3"])
def test_land_cover(products: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setitem(CLASSIFIERS, "small", made_patches.tiny_network)
    write_classifier(tmp_path / "classifier", "s2")
    results = []
    for name in ("SAFE", form):
        words = [str(products[name]), "--run-dir", str(tmp_path / "classifier"), "--output", str(tmp_path / name)]
        assert predict_classes.main(words) == 0
        results.append({path.name: path.read_bytes() for path in (tmp_path / name).glob("*.csv")})
    assert results[0]
    assert results[0] == results[1]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_damage_found_while_reading(
    tmp_path: Path, run_folder: Path, capfd: pytest.CaptureFixture[str], zarr_format: int
) -> None:
    pytest.importorskip("zarr")
    product = write_eopf(tmp_path, zarr_format=zarr_format, size=120)
    chunk_file(product, "B11", 0, 0).write_bytes(b"damaged")
    output = tmp_path / "out.tif"
    assert predict.main([str(product), "--run-dir", str(run_folder), "--output", str(output)]) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "ERROR" in line or "damaged" in line]
    assert "r20m/b11 is damaged" in line
    assert not list(tmp_path.glob("*out*"))


def test_missing_band_and_chunk(tmp_path: Path, run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    product = write_eopf(tmp_path, size=120, chunk_m=600)
    words = [str(product), "--run-dir", str(run_folder), "--output", str(tmp_path / "out.tif")]
    chunk_file(product, "B11", 0, 1).unlink()
    assert predict.main(words) == 0
    assert "lacks chunks: 1 of 4 in B11; their pixels count as nodata" in capfd.readouterr().err
    shutil.rmtree(chunk_file(product, "B11", 0, 0).parent)
    assert predict.main([*words, "--overwrite"]) == 1
    assert "has no B11; the 20 m bands are" in capfd.readouterr().err
