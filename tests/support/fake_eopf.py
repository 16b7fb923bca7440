"""Write tiny EOPF Zarr products of format 2 and 3. Groups, attributes and names are as in real products.

The writer needs no Zarr package. Chunks are compressed with zlib and gzip; the real products in the tests have Blosc.
"""

import gzip
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.pixels.sentinel2 import BANDS
from tests.support.fake_safe import EPSG, L2A_BANDS, SENSED, UPPER_LEFT, expected_dn, spectral_response

REFLECTANCE = "measurements/reflectance"


def write_eopf(
    folder: Path,
    *,
    zarr_format: int = 2,
    level: str = "L2A",
    baseline: str = "05.11",
    satellite: str = "S2A",
    tile: str = "T32TNS",
    size: int | tuple[int, int] = 240,
    pixels: Mapping[str, np.ndarray] | None = None,
    chunk_m: int = 960,
    add_offset: float | None = -0.1,
    zipped: bool = False,
    epsg: int = EPSG,
    upper_left: tuple[int, int] = UPPER_LEFT,
    classification: np.ndarray | None = None,
) -> Path:
    """Write a product and return its `.zarr` folder, or its zip.

    Args:
        folder: gets the product; made if it does not exist.
        size: rows and columns at 10 m, multiples of 6; one number for a square.
        pixels: images by band, uint16, at native GSD; other bands are not written. Default: `expected_dn`.
        chunk_m: side of the chunks.
        add_offset: attribute of all bands; None leaves it out.
        zipped: replace the folder by its zip.
        classification: scene classification (SCL) of L2A, (rows / 2, cols / 2) uint8; None writes none.
    """
    rows, cols = (size, size) if isinstance(size, int) else size
    if pixels is None:
        bands = BANDS if level == "L1C" else L2A_BANDS
        pixels = {b: expected_dn(b, rows * 10 // BANDS[b].gsd, cols * 10 // BANDS[b].gsd) for b in bands}
    name = f"{satellite}_MSI{level}_{SENSED}_N{baseline.replace('.', '')}_R022_{tile}_{SENSED}"
    product = Path(folder) / f"{name}.zarr"
    write_group(product, zarr_format, root_attributes(name, level, baseline, satellite, epsg))
    for group in ("measurements", REFLECTANCE, *(f"{REFLECTANCE}/r{gsd}m" for gsd in (10, 20, 60))):
        write_group(product / group, zarr_format)
    attributes = {"scale_factor": 0.0001, "add_offset": add_offset, "proj:epsg": epsg, "fill_value": 0}
    attributes = {key: value for key, value in attributes.items() if value is not None}
    for band, image in pixels.items():
        gsd = BANDS[band].gsd
        array = product / REFLECTANCE / f"r{gsd}m" / band.lower()
        write_array(array, zarr_format, image, ("y", "x"), chunk_m // gsd, attributes)
        if level == "L2A" and gsd == 10:  # the copy at 20 m, with other DN
            copy = product / REFLECTANCE / "r20m" / band.lower()
            write_array(copy, zarr_format, image[1::2, 1::2] + 7, ("y", "x"), chunk_m // 20, attributes)
    groups = {product / REFLECTANCE / f"r{BANDS[band].gsd}m": BANDS[band].gsd for band in pixels}
    if classification is not None:
        group = product / "conditions/mask/l2a_classification/r20m"
        for outer in (*list(group.relative_to(product).parents)[-2::-1], group.relative_to(product)):
            write_group(product / outer, zarr_format)
        write_array(group / "scl", zarr_format, classification, ("y", "x"), chunk_m // 20)
        groups[group] = 20
    for group, gsd in groups.items():
        for axis, corner, step, length_m in (
            ("x", upper_left[0], gsd, cols * 10),
            ("y", upper_left[1], -gsd, rows * 10),
        ):
            centres = corner + step / 2 + step * np.arange(length_m // gsd)
            write_array(group / axis, zarr_format, centres.astype(np.int64), (axis,), 10**5)
    return zip_folder(product) if zipped else product


def root_attributes(name: str, level: str, baseline: str, satellite: str, epsg: int) -> dict[str, Any]:
    """Return the attributes of the root group that a reader needs, as CPM 2.6 writes them."""
    time = f"{SENSED[:4]}-{SENSED[4:6]}-{SENSED[6:11]}:{SENSED[11:13]}:{SENSED[13:]}.024000+00:00"
    properties = {
        "datetime": None,
        "start_datetime": time,
        "platform": f"sentinel-2{satellite[2].lower()}",
        "processing:level": level,
        "product:type": f"S02MSI{level}",
        "eopf:baseline": baseline,
        "processing:version": "",
        "proj:epsg": epsg,
    }
    return {
        "stac_discovery": {"id": f"{name}.SAFE", "type": "Feature", "properties": properties},
        "other_metadata": {
            "horizontal_CRS_code": f"EPSG:{epsg}",
            "band_description": {band.lower(): _band_description(band, satellite) for band in BANDS},
        },
    }


def _band_description(band: str, satellite: str) -> dict[str, Any]:
    """Return wavelength and spectral response of a band."""
    wavelength, lowest, highest, response = spectral_response(band, satellite)
    return {
        "central_wavelength": wavelength,
        "wavelength_min": float(lowest),
        "wavelength_max": float(highest),
        "spectral_response_step": "1",
        "spectral_response_values": response,
        "units": "nm",
    }


def write_group(path: Path, zarr_format: int, attributes: Mapping[str, Any] | None = None) -> None:
    """Write the JSON files of a group."""
    path.mkdir(parents=True, exist_ok=True)
    if zarr_format == 2:
        write_json(path / ".zgroup", {"zarr_format": 2})
        write_json(path / ".zattrs", attributes or {})
    else:
        write_json(path / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes or {}})


def write_array(
    path: Path,
    zarr_format: int,
    image: np.ndarray,
    axes: tuple[str, ...],
    chunk_px: int,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write an array of one or two axes: its JSON files and all its chunks."""
    path.mkdir(parents=True)
    chunks = [min(chunk_px, length) for length in image.shape]
    attributes = dict(attributes or {})
    if zarr_format == 2:
        metadata = {
            "zarr_format": 2,
            "shape": image.shape,
            "chunks": chunks,
            "dtype": image.dtype.str,
            "compressor": {"id": "zlib", "level": 1},
            "fill_value": 0,
            "order": "C",
            "filters": None,
            "dimension_separator": ".",
        }
        write_json(path / ".zarray", metadata)
        write_json(path / ".zattrs", attributes | {"_ARRAY_DIMENSIONS": axes})
    else:
        codecs = [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "gzip", "configuration": {"level": 1}},
        ]
        metadata = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": image.shape,
            "data_type": str(image.dtype),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": codecs,
            "attributes": attributes,
            "dimension_names": axes,
        }
        write_json(path / "zarr.json", metadata)
    counts = [-(-length // chunk) for length, chunk in zip(image.shape, chunks, strict=True)]
    for index in np.ndindex(*counts):
        part = image[tuple(slice(i * chunk, (i + 1) * chunk) for i, chunk in zip(index, chunks, strict=True))]
        padding = [(0, chunk - length) for chunk, length in zip(chunks, part.shape, strict=True)]
        content = np.pad(part, padding).tobytes()
        chunk_path = path / (".".join(map(str, index)) if zarr_format == 2 else "/".join(map(str, ("c", *index))))
        chunk_path.parent.mkdir(parents=True, exist_ok=True)
        chunk_path.write_bytes(zlib.compress(content, 1) if zarr_format == 2 else gzip.compress(content, 1))


def band_array(product: Path, band: str) -> Path:
    """Return the folder of a band's array."""
    return product / REFLECTANCE / f"r{BANDS[band].gsd}m" / band.lower()


def chunk_file(product: Path, band: str, row: int, col: int) -> Path:
    """Return the file of a chunk of a band, by the chunk's row and column."""
    array = band_array(product, band)
    return array / f"c/{row}/{col}" if (array / "zarr.json").exists() else array / f"{row}.{col}"


def edit_json(path: Path, **values: Any) -> None:
    """Replace values in a JSON file. A key with `__` leads into an object, `...` removes a key."""
    content = json.loads(path.read_text())
    for key, value in values.items():
        *outer, last = key.replace("_colon_", ":").split("__")
        target = content
        for name in outer:
            target = target[name]
        if value is ...:
            del target[last]
        else:
            target[last] = value
    write_json(path, content)


def edit_band(product: Path, band: str, **attributes: Any) -> None:
    """Replace attributes of a band, as `edit_json` does."""
    array = band_array(product, band)
    if (array / ".zattrs").exists():
        edit_json(array / ".zattrs", **attributes)
    else:
        edit_json(array / "zarr.json", **{f"attributes__{key}": value for key, value in attributes.items()})


def edit_root(product: Path, **attributes: Any) -> None:
    """Replace attributes of the root group, as `edit_json` does."""
    if (product / ".zattrs").exists():
        edit_json(product / ".zattrs", **attributes)
    else:
        edit_json(product / "zarr.json", **{f"attributes__{key}": value for key, value in attributes.items()})


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def zip_folder(product: Path, inside: str = "") -> Path:
    """Replace a product folder by its zip, whose chunks are stored as they are. `inside`: folder in the zip."""
    archive = product.with_name(f"{product.name}.zip")
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(product.rglob("*")):
            if path.is_file():
                opened.write(path, f"{inside}{path.relative_to(product).as_posix()}")
                path.unlink()
    for path in sorted(product.rglob("*"), reverse=True):
        path.rmdir()
    product.rmdir()
    return archive
