"""Readers of binary files: archives, rasters, Parquet, patch files and prepared files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from bigearthnet.archive.reben import METADATA, read_reben_lists, read_reben_partners
from bigearthnet.archive.tiff import read_tiff
from bigearthnet.prepared.file import BigEarthNetFile
from common.files.archives import open_archive
from common.files.checksums import known_files
from common.patches.file import PatchFile, check_content
from common.pixels.windows import Window
from common.rasters.band_sources import open_source
from common.rasters.bands import read_bands
from common.rasters.files import read_raster
from common.rasters.masks import read_mask, with_mask
from common.scenes.tile_list import open_scene, open_scenes
from tests.fuzz.mutations import Seed, make_seed
from tests.fuzz.reader import Read, Reader, real_contents, seeds_of, without_seal
from tests.support.fake_eopf import write_eopf
from tests.support.fake_layouts import tar_product
from tests.support.fake_safe import write_patch_folder, write_safe, write_tif
from tests.support.made_patches import split_names, write_made
from tests.support.manifests import write_manifest
from tests.support.patch_files import write_random_patches

SIZE = 60  # px at 10 m, of made products
HEAD_BYTES = 9000  # of a prepared file: names, shapes and attributes


def product_zip(folder: Path) -> tuple[list[Seed], Read]:
    """Products in a zip."""
    contents = [write_safe(folder, size=6, zipped=True).read_bytes()]
    contents += [_zipped_metadata(folder / "small"), *real_contents("safe_metadata/l1c_N0205_zipped/*.zip")[:1]]
    return seeds_of(contents, "bytes"), _read_archive(folder / "product.zip")


def product_tar(folder: Path) -> tuple[list[Seed], Read]:
    """Products in a tar."""
    product = write_safe(folder, size=6)
    write_manifest(product)
    content = tar_product(product, folder / "valid.tar").read_bytes()
    return seeds_of([content], "bytes"), _read_archive(folder / "product.tar")


def _zipped_metadata(folder: Path) -> bytes:
    """Return the zip of a product with a manifest."""
    from tests.support.fake_layouts import zip_product

    product = write_safe(folder, size=6)
    write_manifest(product)
    return zip_product(product, folder / "valid.zip").read_bytes()


def _read_archive(path: Path) -> Read:
    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        for scene in open_scenes(path):
            for band in list(scene.band_paths.values())[:2]:
                known_files(band)
        with open_archive(path) as archive:
            for name in list(archive.members)[:3]:
                archive.read_metadata(name)

    return read


def eopf_zip(folder: Path) -> tuple[list[Seed], Read]:
    """EOPF Zarr products in a zip, with their pixels."""
    contents = [write_eopf(folder / str(n), zarr_format=n, size=SIZE, zipped=True).read_bytes() for n in (2, 3)]

    def read(content: bytes, _index: int) -> None:
        path = folder / "product.zarr.zip"
        path.write_bytes(content)
        scene = open_scene(path)
        read_bands(scene, ("B02", "B03", "B04", "B08"), Window(0, 0, 24, 24))

    return seeds_of(contents, "bytes"), read


def zarr_chunk(folder: Path) -> tuple[list[Seed], Read]:
    """Chunks and metadata of a band in Zarr format 3 and 2."""
    seeds, files = [], []
    for zarr_format, names in ((2, ("0.0", ".zarray")), (3, ("c/0/0", "zarr.json"))):
        product = write_eopf(folder / str(zarr_format), zarr_format=zarr_format, size=SIZE)
        for name in names:
            path = product / "measurements/reflectance/r20m/b05" / name
            seeds.append(make_seed(path.read_bytes(), "bytes" if name[0] in "0c" else "json", len(files)))
            files.append((product, path))

    def read(content: bytes, index: int) -> None:
        product, path = files[index]
        valid = path.read_bytes()
        path.write_bytes(content)
        try:
            source = open_source(open_scene(product), "B05")
            source.geotransform()
            source.read_into(Window(0, 0, 12, 12), np.empty((12, 12), np.uint16))
        finally:
            path.write_bytes(valid)

    return seeds, read


def patch_tiff(folder: Path) -> tuple[list[Seed], Read]:
    """GeoTIFFs of BigEarthNet patches."""
    patch = write_patch_folder(folder)
    contents = [path.read_bytes() for path in (patch / f"{patch.name}_{band}.tif" for band in ("B02", "B05", "B01"))]
    path = folder / "band.tif"

    def read(content: bytes, index: int) -> None:
        path.write_bytes(content)
        read_tiff(path, (120, 60, 20)[index], np.dtype(np.uint16))

    return [make_seed(content, "bytes", index) for index, content in enumerate(contents)], read


def raster(folder: Path) -> tuple[list[Seed], Read]:
    """JPEG 2000 files of products, and GeoTIFFs with several bands."""
    product = write_safe(folder, size=SIZE)
    band = next(product.rglob("*_B05.jp2"))
    write_tif(folder / "plain.tif", np.arange(900, dtype=np.uint16).reshape(30, 30), (600000, 20, 0, 5300040, 0, -20))
    contents = [band.read_bytes(), (folder / "plain.tif").read_bytes()]
    scene, path = open_scene(product), folder / "other.tif"

    def read(content: bytes, index: int) -> None:
        if index:
            path.write_bytes(content)
            read_raster(str(path))
            return
        band.write_bytes(content)
        source = open_source(scene, "B05")
        source.geotransform()
        window = Window(0, 0, min(source.rows, 64), min(source.cols, 64))
        source.read_into(window, np.empty((window.height, window.width), np.uint16))

    return [make_seed(content, "bytes", index) for index, content in enumerate(contents)], read


def mask(folder: Path) -> tuple[list[Seed], Read]:
    """Rasters of `--mask`."""
    scene = open_scene(write_patch_folder(folder, size=SIZE))  # its GeoTIFFs open faster than JPEG 2000
    path = folder / "mask.tif"
    write_tif(path, np.zeros((SIZE, SIZE), np.uint8), (600000, 10, 0, 5300040, 0, -10))

    def read(content: bytes, _index: int) -> None:
        path.write_bytes(content)
        read_mask(with_mask(scene, str(path)), Window(0, 0, 20, 20), 10)

    return seeds_of([path.read_bytes()], "bytes"), read


def parquet(folder: Path) -> tuple[list[Seed], Read]:
    """Metadata of BigEarthNet version 2."""
    contents = [_reben(folder / "valid.parquet", compression) for compression in ("none", "snappy", "zstd")]

    def read(content: bytes, _index: int) -> None:
        (folder / METADATA[0]).write_bytes(content)
        read_reben_lists(folder)
        read_reben_partners(folder)

    return seeds_of(contents, "bytes"), read


def _reben(path: Path, compression: str, **columns: list) -> bytes:
    import pyarrow
    from pyarrow import parquet as files

    names = [f"S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_{n}_{n}" for n in range(9)]
    table = {
        "patch_id": names,
        "labels": [["Pastures", "Arable land"]] * 9,
        "split": ["train", "validation", "test"] * 3,
        "s1_name": [f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{n}_{n}" for n in range(9)],
        "contains_seasonal_snow": [False, True, None] * 3,
    }
    files.write_table(pyarrow.table(table | columns), path, compression=compression)
    return path.read_bytes()


def patch_file(folder: Path) -> tuple[list[Seed], Read]:
    """Patch files of super-resolution."""
    paths = [write_random_patches(folder, f"scene{gsd}", gsd=gsd).path for gsd in (20, 60)]
    contents = [content for path in paths for content in (path.read_bytes(), without_seal(path))]

    def use(path: Path) -> None:
        file = PatchFile(path)
        check_content(file)
        for array in file.arrays.values():
            np.asarray(array[:2]).sum()

    return seeds_of(contents, "bytes"), _read_file(folder / "patches.h5", use)


def prepared_file(folder: Path) -> tuple[list[Seed], Read]:
    """Prepared files of classification."""
    made = write_made(folder / "valid.h5", split_names(1, 1, 1))
    contents = made.read_bytes(), without_seal(made)
    heads = [content[:HEAD_BYTES] for content in contents]

    def use(path: Path) -> None:
        file = BigEarthNetFile(path)
        file.read(np.arange(min(2, len(file))), list(file.shapes))

    path = folder / "prepared.h5"
    read_whole = _read_file(path, use)

    def read(changed: bytes, index: int) -> None:
        read_whole(changed + contents[index][HEAD_BYTES:], 0)  # most changes hit the head

    return [make_seed(head, "bytes", index) for index, head in enumerate(heads)], read


def _read_file(path: Path, use: Callable[[Path], None]) -> Read:
    def read(content: bytes, _index: int) -> None:
        path.unlink(missing_ok=True)  # arrays may be mapped from the file before
        path.write_bytes(content)
        use(path)

    return read


BINARY_READERS = {
    "product zip": Reader(product_zip, 6),
    "product tar": Reader(product_tar, 5),
    "EOPF zip": Reader(eopf_zip, 5),
    "Zarr band": Reader(zarr_chunk, 5),
    "patch TIFF": Reader(patch_tiff, 60),
    "raster": Reader(raster, 15),
    "mask": Reader(mask, 5),
    "Parquet": Reader(parquet, 20),
    "patch file": Reader(patch_file, 15),
    "prepared file": Reader(prepared_file, 10),
}
