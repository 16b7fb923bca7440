"""EOPF Zarr product -> Scene: its attributes, and the names of its band arrays.

A product is a `.zarr` folder or a `.zarr.zip` (never unpacked), of Zarr format 2 or 3, L1C or L2A. Bands are the arrays
`measurements/reflectance/r10m/b02` and so on. L2A also holds resampled copies in the groups of other GSDs; each band is
taken from the group of its own GSD. The radiometry comes from the attributes of the arrays.
"""

import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.errors import ProductError, some_of
from common.pixels.passbands import Passband, read_passband
from common.pixels.radiometry import usual_offset
from common.pixels.sentinel2 import BANDS, NODATA_DN
from common.scenes.eopf_crs import find_crs
from common.scenes.scene import Scene
from common.scenes.stac.properties import baseline_of, level_of, satellite_of, start_time, tile_of
from common.scenes.zarr_files import DOWNLOAD_AGAIN, ArrayInfo, ZarrFiles, as_mapping, open_zarr, shown

logger = logging.getLogger(__name__)

REFLECTANCE = "measurements/reflectance"
_CLASSIFICATION = "conditions/mask/l2a_classification/r20m/scl"
_TILE_WIDTH_M = 109_800
_MAX_CHUNK_PX = 10_980**2  # a whole band
_MAX_CHUNKS = 100_000  # of a band; real bands have 4 to 36
_STATED = "central_wavelength wavelength_min wavelength_max spectral_response_step spectral_response_values"


def read_eopf(path: Path | str) -> Scene:
    """Read the metadata of an EOPF Zarr product; no pixels.

    Missing chunks and an offset that contradicts the baseline are logged in one line each. A band without a single
    chunk counts as missing.

    Args:
        path: a `.zarr` folder or its zip.

    Raises:
        ProductError: path is no Sentinel-2 L1C or L2A product in EOPF Zarr, is a conversion of one, has damaged
            metadata, or has no CRS or several.
    """
    with open_zarr(Path(path)) as files:
        return _read_scene(files)


def array_name(band: str) -> str:
    """Return the name of a band's array in the group of its own GSD, such as `measurements/reflectance/r10m/b02`."""
    return f"{REFLECTANCE}/r{BANDS[band].gsd}m/{band.lower()}"


def _read_scene(files: ZarrFiles) -> Scene:
    """Make the scene of a product."""
    _refuse_conversion(files)
    discovery = as_mapping(files.attributes().get("stac_discovery"))
    properties = as_mapping(discovery.get("properties"))
    name = _product_name(files, discovery)
    level = _level(files, properties)
    arrays = _read_arrays(files)
    _check_fill_values(files, arrays)
    baseline = baseline_of(properties, name)
    quantification = _quantification(files, arrays)
    return Scene(
        name=name,
        path=files.path,
        level=level,
        tile=tile_of({}, name),
        satellite=_satellite(files, properties, name),
        baseline=baseline,
        sensing_time=_sensing_time(files, properties),
        band_paths={band: files.gdal_prefix + array_name(band) for band in _bands_with_pixels(files, name, arrays)},
        quantification=quantification,
        offsets=_offsets(files, name, arrays, quantification, baseline),
        passbands=_passbands(files),
        crs=find_crs(files, arrays),
        zarr_format=files.zarr_format,
        classification_path=_classification_path(files),
    )


def _classification_path(files: ZarrFiles) -> str:
    """Return the path of the scene classification at 20 m; empty if there is none, as in L1C."""
    info = files.array(_CLASSIFICATION)
    is_readable = info and info.dtype in ("|u1", "uint8") and math.prod(info.chunks) <= _MAX_CHUNK_PX
    return files.gdal_prefix + _CLASSIFICATION if is_readable else ""


def _refuse_conversion(files: ZarrFiles) -> None:
    """Raise ProductError if the product was converted by eopf-geozarr, which resamples and rescales pixels."""
    for group in ("", REFLECTANCE, *(f"{REFLECTANCE}/r{gsd}m" for gsd in (10, 20, 60))):
        attributes = files.attributes(group)
        if "multiscales" in attributes or "zarr_conventions" in attributes:
            raise _conversion_error(files, "it has overviews")


def _conversion_error(files: ZarrFiles, reason: str) -> ProductError:
    return ProductError(
        f"{files.path} is a GeoZarr conversion, as eopf-geozarr makes them ({reason}): its pixels are not those of "
        f"the product; give the EOPF product that it was made from."
    )


def _product_name(files: ZarrFiles, discovery: Mapping[str, Any]) -> str:
    """Return the product's own name; without one, the name of its folder."""
    identifier = discovery.get("id")
    for text in (identifier if isinstance(identifier, str) else "", files.folder_name):
        name = text.removesuffix(".zarr").removesuffix(".SAFE")
        if re.fullmatch(r"\w[\w-]{,200}", name, re.ASCII):
            return name
    return re.sub(r"[^\w-]", "_", files.folder_name)[:200]


def _level(files: ZarrFiles, properties: Mapping[str, Any]) -> str:
    """Return `L1C` or `L2A`."""
    level = level_of(properties)
    if not level:
        raise ProductError(
            f"{files.path} is no Sentinel-2 L1C or L2A product in EOPF Zarr: its stac_discovery has the level "
            f"{shown(properties.get('processing:level'))} and the type {shown(properties.get('product:type'))}; give one."
        )
    return level


def _satellite(files: ZarrFiles, properties: Mapping[str, Any], name: str) -> str:
    """Return `S2A`, `S2B`, `S2C` or `S2D`."""
    satellite = satellite_of(properties, name)
    if not satellite:
        platform = shown(properties.get("platform"))
        raise ProductError(f"{files.path} has the platform {platform}; expected sentinel-2a, -2b, -2c or -2d.")
    return satellite


def _sensing_time(files: ZarrFiles, properties: Mapping[str, Any]) -> str:
    """Return the start of the acquisition, such as `2025-10-08T10:00:41.024Z`."""
    time = start_time(properties)
    if not time:
        text = shown(str(properties.get("start_datetime") or properties.get("datetime")))
        raise ProductError(f"{files.path} has start_datetime {text}, which is no time; {DOWNLOAD_AGAIN}.")
    return time


def _read_arrays(files: ZarrFiles) -> dict[str, ArrayInfo]:
    """Return band -> metadata of its array, in the order of the bands.

    Raises:
        ProductError: there are no bands, or an array does not hold a band of a tile.
    """
    arrays = {band: info for band in BANDS if (info := files.array(array_name(band)))}
    if not arrays:
        raise ProductError(f"{files.path} has no bands in {REFLECTANCE}/r10m, r20m and r60m; {DOWNLOAD_AGAIN}.")
    for band, info in arrays.items():
        _check_array(files, band, info)
    return arrays


def _check_array(files: ZarrFiles, band: str, info: ArrayInfo) -> None:
    """Raise ProductError if an array does not hold DN of a tile, or its chunks are too large or too many to read."""
    array = f"{files.path}: {array_name(band)}"
    if info.is_sharded or info.dtype.removeprefix("<").startswith("f"):
        raise _conversion_error(files, f"{band} is {'sharded' if info.is_sharded else shown(info.dtype)}")
    if info.dtype not in ("<u2", ">u2", "uint16"):
        raise ProductError(f"{array} must hold uint16; got {shown(info.dtype)}; give the product as downloaded.")
    size = _TILE_WIDTH_M // BANDS[band].gsd
    if len(info.shape) != 2 or max(info.shape) > size:
        raise ProductError(
            f"{array} has the shape {shown(info.shape)}; expected at most {size} x {size} px: {DOWNLOAD_AGAIN}."
        )
    if math.prod(info.chunks) > _MAX_CHUNK_PX or math.prod(info.chunk_counts) > _MAX_CHUNKS:
        raise ProductError(
            f"{array} is stored in {math.prod(info.chunk_counts)} chunks of {shown(info.chunks)} px; expected at most "
            f"{_MAX_CHUNKS} chunks of at most {_MAX_CHUNK_PX} px: {DOWNLOAD_AGAIN}."
        )
    group = array_name(band).rpartition("/")[0]
    for axis, length in zip("yx", info.shape, strict=True):
        centres = files.array(f"{group}/{axis}")
        if centres is None or centres.shape != (length,) or centres.chunks[0] > _TILE_WIDTH_M:
            raise ProductError(
                f"{array} has the shape {shown(info.shape)}, but {group}/{axis} has "
                f"{shown(centres.shape) if centres else 'none'}; expected one centre for each pixel: {DOWNLOAD_AGAIN}."
            )


def _bands_with_pixels(files: ZarrFiles, name: str, arrays: Mapping[str, ArrayInfo]) -> list[str]:
    """Return the bands with at least one chunk, and log how many chunks are missing."""
    missing = {band: files.count_missing_chunks(array_name(band), info) for band, info in arrays.items()}
    counts = {band: math.prod(info.chunk_counts) for band, info in arrays.items()}
    if any(missing.values()):
        listed = some_of(f"{count} of {counts[band]} in {band}" for band, count in missing.items() if count)
        logger.warning(
            "%s lacks chunks: %s; their pixels count as nodata. Zarr leaves out chunks without data; so does an "
            "incomplete download",
            name,
            listed,
        )
    return [band for band in arrays if missing[band] < counts[band]]


def _quantification(files: ZarrFiles, arrays: Mapping[str, ArrayInfo]) -> float:
    """Return the quantification value that all bands share: 1 / scale_factor."""
    scales = {band: _number(files, band, info, "scale_factor") for band, info in arrays.items()}
    (first, scale), *others = scales.items()
    if scale is None or not 0 < scale < math.inf or not math.isfinite(1 / scale):
        raise ProductError(f"{files.path}: {first} has scale_factor {shown(scale)}; expected 0.0001: {DOWNLOAD_AGAIN}.")
    for band, other in others:
        if other != scale:
            raise ProductError(
                f"{files.path}: {band} has scale_factor {shown(other)}, but {first} has {scale:g}; {DOWNLOAD_AGAIN}."
            )
    return round(1 / scale, 6)


def _offsets(
    files: ZarrFiles, name: str, arrays: Mapping[str, ArrayInfo], quantification: float, baseline: str
) -> dict[str, float]:
    """Return band -> offset in DN, from add_offset unless the baseline excludes it.

    DN have an offset since ESA's baseline 04.00. EOPF products of earlier baselines state one, too, so that their baseline
    decides. A product that states none since 04.00 has the usual offset; one that states 0 has had it subtracted.
    """
    stated = {band: _number(files, band, info, "add_offset") for band, info in arrays.items()}
    offsets = {band: round((offset or 0.0) * quantification, 6) for band, offset in stated.items()}
    absent = [band for band, offset in stated.items() if offset is None]
    usual = usual_offset(baseline)
    if usual is None:
        if absent:
            logger.warning(
                "%s states no add_offset for %s, and its baseline (%s) does not tell it; it is read with offset 0",
                name,
                some_of(absent),
                baseline or "unknown",
            )
        return offsets
    if usual == 0:
        if any(offsets.values()):
            logger.warning(
                "%s states add_offset %g, but its baseline %s has no offset; it is read with offset 0",
                name,
                next(filter(None, stated.values())),
                baseline,
            )
        return dict.fromkeys(offsets, 0.0)
    if absent:
        usual_dn = round(usual * quantification, 6)
        logger.warning(
            "%s states no add_offset for %s; its baseline %s means %g DN", name, some_of(absent), baseline, usual_dn
        )
        return offsets | dict.fromkeys(absent, usual_dn)
    if not any(offsets.values()):
        logger.warning(
            "%s states add_offset 0, but its baseline %s normally has %g; it is read with offset 0",
            name,
            baseline,
            usual,
        )
    return offsets


def _passbands(files: ZarrFiles) -> dict[str, Passband]:
    """Return band -> stated wavelength and width; without the bands that the product does not describe."""
    described = as_mapping(as_mapping(files.attributes().get("other_metadata")).get("band_description"))
    values = {band: as_mapping(described.get(band.lower())) for band in BANDS}
    passbands = {band: read_passband(band, *map(values[band].get, _STATED.split())) for band in BANDS}
    return {band: passband for band, passband in passbands.items() if passband}


def _check_fill_values(files: ZarrFiles, arrays: Mapping[str, ArrayInfo]) -> None:
    """Raise ProductError if a band has another fill value than DN 0. A band without one has it, too."""
    for band, info in arrays.items():
        if info.fill_value is not None and not (type(info.fill_value) is int and info.fill_value == NODATA_DN):
            raise ProductError(
                f"{files.path}: {band} has the fill value {shown(info.fill_value)}; expected 0: {DOWNLOAD_AGAIN}."
            )


def _number(files: ZarrFiles, band: str, info: ArrayInfo, key: str) -> float | None:
    """Return a finite number from the attributes of a band; None if it is absent. CPM also writes `_eopf_attrs`."""
    value = info.attributes.get(key, as_mapping(info.attributes.get("_eopf_attrs")).get(key))
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) < 1e6:
        raise ProductError(f"{files.path}: {band} has {key} {shown(value)}, not a number; {DOWNLOAD_AGAIN}.")
    return float(value)
