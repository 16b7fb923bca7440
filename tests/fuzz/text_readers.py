"""Readers of text: metadata in XML and JSON, tile lists, tables, and options of commands."""

import importlib
import json
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bigearthnet.archive.folders import read_facts, read_partner
from bigearthnet.archive.splits import read_split_lists
from bigearthnet.cards.model_card import describe_left_out
from bigearthnet.prediction.thresholds import read_thresholds, write_thresholds
from bigearthnet.training.config import BigEarthNetConfig
from common.files import manifest
from common.metrics.thresholds import Threshold
from common.patches.source_files import changed_bands
from common.rasters.grids import GeoReference, georeference
from common.rasters.region import lonlat_region, pixel_region
from common.runs import cli
from common.runs.folder import CONFIG, HISTORY, read_config, write_config
from common.scenes.eopf import read_eopf
from common.scenes.safe import read_product
from common.scenes.stac.scene import read_stac_item
from common.scenes.tile_list import open_scene, read_tile_list
from common.training.history import read_history, write_history
from superres.evaluation import comparison, tables
from superres.training.config import SuperresConfig
from superres.uncertainty.file import CALIBRATION, find_calibrations, read_calibrations
from tests.fuzz.mutations import Seed, make_seed
from tests.fuzz.reader import Read, Reader, real_contents, seeds_of
from tests.support.calibrations import write_made
from tests.support.fake_eopf import write_eopf
from tests.support.fake_safe import write_labelled_patch, write_patch_folder, write_s1_patch, write_safe
from tests.support.fake_stac import write_item
from tests.support.manifests import write_manifest

SIZE = 12  # px at 10 m, of made products
PATCH = "S2A_MSIL2A_20180413T95032_90_7"
COMMANDS = (
    *(f"superres.{name}" for name in ("train", "predict", "evaluate", "compare", "weights")),
    *(f"bigearthnet.{name}" for name in ("prepare", "train", "evaluate", "predict")),
)


def product_xml(folder: Path) -> tuple[list[Seed], Read]:
    """Product XML of L1C and L2A, old and new."""
    products = [
        write_safe(folder, level=level, baseline=b, size=SIZE) for level in ("L1C", "L2A") for b in ("02.05", "05.09")
    ]
    contents = [next(product.glob("MTD_*.xml")).read_bytes() for product in products]
    contents += real_contents("*/*/MTD_MSIL*.xml", "safe_metadata/*/*/S2*_OPER_MTD_SAFL1C*.xml")
    path = next(products[0].glob("MTD_*.xml"))

    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        read_product(path.parent)

    return seeds_of(contents, "xml"), read


def manifest_safe(folder: Path) -> tuple[list[Seed], Read]:
    """`manifest.safe` of products."""
    product = write_safe(folder, size=SIZE)
    contents = [write_manifest(product, algorithm).read_bytes() for algorithm in ("MD5", "SHA3-256")]
    image = next(product.rglob("*_B02.jp2"))

    def read(content: bytes, _index: int) -> None:
        (product / manifest.MANIFEST).write_bytes(content)
        manifest._read_entries.cache_clear()
        manifest.find_entry(image)

    return seeds_of([*contents, *real_contents("*/*/manifest.safe")], "xml"), read


def eopf_json(folder: Path) -> tuple[list[Seed], Read]:
    """JSON files of EOPF Zarr products: of the root group, of a band, and of its centres."""
    seeds, paths = [], []
    for zarr_format, names in ((2, (".zattrs", ".zarray")), (3, ("zarr.json",))):
        product = write_eopf(folder / str(zarr_format), zarr_format=zarr_format, size=SIZE)
        band = "measurements/reflectance/r20m/b05"
        for path in (product / inner / name for inner in ("", band, f"{Path(band).parent}/x") for name in names):
            if path.is_file():
                seeds.append(make_seed(path.read_bytes(), "json", len(paths)))
                paths.append((product, path, path.read_bytes()))
    first = next(index for index, (_, path, _) in enumerate(paths) if path.name == ".zattrs")
    for content in real_contents("eopf/*.zmeta.json"):
        metadata = json.loads(content)
        seeds.append(make_seed(json.dumps(metadata["attributes"]).encode(), "json", first))

    def read(content: bytes, index: int) -> None:
        product, path, valid = paths[index]
        path.write_bytes(content)
        try:
            read_eopf(product)
        finally:
            path.write_bytes(valid)

    return seeds, read


def stac_item(folder: Path) -> tuple[list[Seed], Read]:
    """STAC items of several archives."""
    item = write_item(folder, size=SIZE)

    def read(content: bytes, _index: int) -> None:
        item.write_bytes(content)
        read_stac_item(item)

    return seeds_of([item.read_bytes(), *real_contents("stac/*.json")], "json"), read


def patch_json(folder: Path) -> tuple[list[Seed], Read]:
    """JSON files of BigEarthNet patches, version 1."""
    patches = write_labelled_patch(folder), write_s1_patch(folder, "S1A_IW_GRDH_1SDV_20180413T064659_29UPU_48_5", PATCH)
    files = [patch / f"{patch.name}_labels_metadata.json" for patch in patches]
    real = real_contents("bigearthnet/*/*/*.json")[:6]

    def read(content: bytes, _index: int) -> None:
        files[0].write_bytes(content)
        for function in (read_facts, read_partner):
            function(patches[0].name, str(patches[0]))

    return seeds_of([*(file.read_bytes() for file in files), *real], "json"), read


def tile_list(folder: Path) -> tuple[list[Seed], Read]:
    """Lists of scenes."""
    write_patch_folder(folder)
    write_safe(folder, size=SIZE)
    name = next(folder.glob("*.SAFE")).name
    contents = [f"# scenes\n{PATCH}\n{name}:T32TNS\n".encode(), f"{folder}/{name}  # comment\n./{PATCH}/\n".encode()]
    contents += [f"{name}/MTD_MSIL1C.xml\n".encode(), *real_contents("tile_lists/*.txt")]

    def read(content: bytes, _index: int) -> None:
        path = folder / "tiles.txt"
        path.write_bytes(content)
        read_tile_list(path)

    return seeds_of(contents, "table"), read


def split_lists(folder: Path) -> tuple[list[Seed], Read]:
    """`train.csv`, `val.csv` and `test.csv` of an archive."""
    for split in ("train", "val", "test"):
        (folder / f"{split}.csv").write_text(f"{PATCH[:-1]}{split}\n")
    content = "".join(f"{PATCH[:-1]}{number},S1A_{number}\n" for number in range(20))

    def read(content: bytes, _index: int) -> None:
        (folder / "train.csv").write_bytes(content)
        read_split_lists(folder)

    return seeds_of([content.encode(), b"# names\n" + content.encode()], "table"), read


def config_json(folder: Path) -> tuple[list[Seed], Read]:
    """`config.json` of run folders, read for `--resume`, and for the settings of a run."""
    configs = SuperresConfig(tiles="tiles.txt"), BigEarthNetConfig(data="data.h5")
    contents = []
    for config in configs:
        write_config(folder, config, levels=["L1C"])
        contents.append((folder / CONFIG).read_bytes())

    def read(content: bytes, index: int) -> None:
        (folder / CONFIG).write_bytes(content)
        record = read_config(folder)
        list(record.get("earlier", []))  # a run that continues adds to them

    return [make_seed(content, "json", index) for index, content in enumerate(contents)], read


def calibration_json(folder: Path) -> tuple[list[Seed], Read]:
    """`uncertainty.json` of an evaluation, read for a prediction."""
    path = folder / CALIBRATION
    contents = [write_made(path, gsd, ("a", "b")).read_bytes() for gsd in (20, 60)]

    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        find_calibrations(read_calibrations([path]), {20: ("a", "b")})

    return seeds_of(contents, "json"), read


def history_csv(folder: Path) -> tuple[list[Seed], Read]:
    """`history.csv` of a run."""
    path = folder / HISTORY
    rows = [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n if n > 2 else None, "rate": 1e-4} for n in range(1, 9)]
    write_history(path, rows)

    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        read_history(path, 5)

    return seeds_of([path.read_bytes()], "table"), read


def tables_csv(folder: Path) -> tuple[list[Seed], Read]:
    """Tables that commands read again: `thresholds.csv`, `metrics.csv` of both applications, `comparison.csv`."""
    from bigearthnet.evaluation import tables as class_tables

    path = folder / "table.csv"
    functions = read_thresholds, tables.read_metrics, class_tables.read_metrics, comparison.read_comparison
    seeds = []
    write_thresholds(path, [Threshold(name, 0.5, 0.6, 7) for name in ("Pastures", "Water, fresh")])
    seeds.append(make_seed(path.read_bytes(), "table", 0))
    tables.write_metrics(path, [tables.MetricRow("scene", "dsen2", "B05", "rmse", 12.5)] * 3)
    seeds.append(make_seed(path.read_bytes(), "table", 1))
    class_tables.write_metrics(path, [class_tables.MetricRow("test", "resnet50-s2", "all", "f1_micro", 0.7)] * 3)
    seeds.append(make_seed(path.read_bytes(), "table", 2))
    seeds.append(make_seed(_comparison(path), "table", 3))

    def read(content: bytes, index: int) -> None:
        path.write_bytes(content)
        functions[index](path)

    return seeds, read


def _comparison(path: Path) -> bytes:
    values = {str: "dsen2", int: 3, float: 1.5}
    types = comparison.ComparedNetwork.__annotations__.values()
    row = [values.get(cli.value_type(kind), 1) for kind in types]
    comparison.write_comparison(path, [comparison.ComparedNetwork(*row)] * 2)
    return path.read_bytes()


def records(_folder: Path) -> tuple[list[Seed], Read]:
    """JSON in attributes of patch files and prepared files."""
    current = json.dumps({"B02": ["address", 100, 200, "MD5 abc"], "B03": ["address", 1, 2, ""]})
    functions = partial(changed_bands, current=current), describe_left_out

    def read(content: bytes, index: int) -> None:
        functions[index](content.decode(errors="surrogateescape"))

    seeds = [make_seed(current.encode(), "json", 0), make_seed(b'{"damaged": 3, "snow or cloud": 2}', "json", 1)]
    return seeds, read


def options(folder: Path) -> tuple[list[Seed], Read]:
    """Command lines: parsers, settings, and regions."""
    parsers = [importlib.import_module(name).build_parser() for name in COMMANDS]
    seeds = [make_seed("\n".join(_example(parser.epilog)).encode(), "table", i) for i, parser in enumerate(parsers)]
    more = {
        "superres.train": "--tiles\na.txt\n--gsd\n60\n--epochs\n3\n--learning-rate\n1e-3\n--batch-size\n8\n--seed\n7",
        "bigearthnet.train": "--data\na.h5\n--bands\ns2\n--epochs\n3\n--learning-rate\n1e-3\n--patience\n8\n--seed\n7",
    }
    seeds += [make_seed(text.encode(), "table", COMMANDS.index(name)) for name, text in more.items()]
    configs = {"superres.train": SuperresConfig, "bigearthnet.train": BigEarthNetConfig}
    grid = georeference(open_scene(write_safe(folder, size=120)), 10)
    seeds.append(make_seed(b"10,10,60,60", "table", len(parsers)))
    seeds.append(make_seed(b"10.33,47.84,10.35,47.85", "table", len(parsers) + 1))

    def read(content: bytes, index: int) -> None:
        text = content.decode(errors="surrogateescape")
        if index >= len(parsers):
            _read_region(text, grid, index - len(parsers))
            return
        parsed = parsers[index].parse_args([word for word in text.split("\n") if word])
        if config := configs.get(COMMANDS[index]):
            config.from_dict(cli.given_settings(parsed, config))

    return seeds, read


def _read_region(text: str, grid: GeoReference, index: int) -> None:
    (pixel_region, lonlat_region)[index](text, grid)


def _example(epilog: str | None) -> Sequence[str]:
    return shlex.split((epilog or "").partition("python ")[2])[1:]


TEXT_READERS = {
    "product XML": Reader(product_xml, 10),
    "manifest.safe": Reader(manifest_safe, 12),
    "EOPF JSON": Reader(eopf_json, 8),
    "STAC item": Reader(stac_item, 10),
    "patch JSON": Reader(patch_json),
    "tile list": Reader(tile_list, 8),
    "split lists": Reader(split_lists),
    "config.json": Reader(config_json),
    "uncertainty.json": Reader(calibration_json),
    "history.csv": Reader(history_csv),
    "tables": Reader(tables_csv),
    "records": Reader(records),
    "options": Reader(options, 15, (SystemExit,)),
}
