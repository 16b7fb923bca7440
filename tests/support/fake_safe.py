"""Write tiny Sentinel-2 products and BigEarthNet patches that open like real ones.

File names, folders, XML elements and lossless JPEG 2000 are as in downloaded products; only size and pixels differ. By
default every DN encodes its band, row and column (`expected_dn`), so that a wrong band, a swapped axis or a shift by
one pixel shows in the value. `textured_pixels` makes images that a network can learn from. JPEG 2000 files have 15 bits,
as ESA's files have: 32767 stands for the saturated DN 65535 of the product XML.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from osgeo import gdal, osr
from scipy.ndimage import gaussian_filter

from common.pixels.passbands import PASSBANDS
from common.pixels.sentinel2 import BANDS, BANDS_10M
from tests.support.block_means import block_mean

gdal.UseExceptions()
osr.UseExceptions()

SENSED = "20200701T101031"
EPSG, UPPER_LEFT = 32632, (600000, 5300040)
L2A_BANDS = tuple(band for band in BANDS if band != "B10")


def expected_dn(band: str, rows: int, cols: int) -> np.ndarray:
    """Return the default image of a band: (rows, cols) uint16, 1000 to 30896, so never nodata or saturated."""
    row, col = np.mgrid[:rows, :cols]
    return (1000 + 2300 * list(BANDS).index(band) + (61 * row + col) % 2297).astype(np.uint16)


def textured_pixels(rng: np.random.Generator, size: int = 240) -> dict[str, np.ndarray]:
    """Return smooth random images by band, with detail down to 10 m: (rows, cols) uint16 at native GSD.

    All bands mix the same three random fields, so the 10 m bands hold the detail that coarser bands lack.
    """
    fields = [_smooth_noise(rng, size) for _ in range(3)]
    images = {}
    for name, band in BANDS.items():
        weights = rng.uniform(0.3, 1.0, size=3)
        image = 3500 + 500 * sum(weight * field for weight, field in zip(weights, fields, strict=True))
        images[name] = np.rint(block_mean(image, band.gsd // 10)).clip(1, 20000).astype(np.uint16)
    return images


def with_nodata(pixels: Mapping[str, np.ndarray], row: int, col: int, height: int, width: int) -> dict[str, np.ndarray]:
    """Return copies of images with DN 0 in a rectangle, given in 10 m pixels that are multiples of 6."""
    holed = {}
    for band, image in pixels.items():
        step = BANDS[band].gsd // 10
        holed[band] = image.copy()
        holed[band][row // step : (row + height) // step, col // step : (col + width) // step] = 0
    return holed


def write_safe(
    folder: Path,
    *,
    level: str = "L1C",
    baseline: str = "02.05",
    satellite: str = "S2A",
    tile: str = "T32TNS",
    old_tiles: tuple[str, ...] = (),
    sensed: str = SENSED,
    size: int | tuple[int, int] = 240,
    pixels: Mapping[str, np.ndarray] | None = None,
    offset: int | None = None,
    resampled: bool = False,
    zipped: bool = False,
    epsg: int = EPSG,
    upper_left: tuple[float, float] = UPPER_LEFT,
    bits: int = 15,
    classification: np.ndarray | None = None,
) -> Path:
    """Write a product and return its `.SAFE` folder, or its zip.

    Args:
        folder: gets the product; made if it does not exist.
        old_tiles: write the old format (`S2A_OPER_...`) with one granule for each of these tiles.
        sensed: start of the acquisition.
        size: rows and columns at 10 m, multiples of 6; one number for a square.
        pixels: images by band, uint16, at native GSD; other bands are not written. Default: `expected_dn`.
        offset: RADIO_ADD_OFFSET or BOA_ADD_OFFSET; default: -1000 since baseline 04.00, absent before.
        resampled: also write the copies of the 10 m bands at 20 m, with other DN; L2A only.
        zipped: replace the folder by its zip.
        epsg: CRS of all tiles.
        upper_left: x and y of the upper-left corner of all tiles.
        bits: of the image files; a DN that does not fit becomes the largest that does.
        classification: scene classification (SCL) of L2A, (rows / 2, cols / 2); None writes none.
    """
    rows, cols = (size, size) if isinstance(size, int) else size
    if pixels is None:
        bands = BANDS if level == "L1C" else L2A_BANDS
        pixels = {b: expected_dn(b, rows * 10 // BANDS[b].gsd, cols * 10 // BANDS[b].gsd) for b in bands}
    if offset is None:
        offset = -1000 if baseline >= "04.00" else 0
    name = _product_name(level, baseline, satellite, tile, sensed, old=bool(old_tiles))
    product = Path(folder) / name
    granules = {}
    for one_tile in old_tiles or (tile,):
        identifier = f"{satellite}_OPER_MSI_{level}_TL_SGS__{sensed}_A006291_{one_tile}_N{baseline}"
        granule = identifier if old_tiles else f"{level}_{one_tile}_A006291_{sensed}"
        prefix = identifier.rpartition("_N")[0] if old_tiles else f"{one_tile}_{sensed}"
        images = product / "GRANULE" / granule / "IMG_DATA"
        _write_images(images, prefix, level, pixels, resampled, epsg, upper_left, bits)
        if classification is not None:
            _write_image(images / f"R20m/{prefix}_SCL_20m.jp2", classification, epsg, upper_left, 20, bits=8)
        granules[identifier] = [path.relative_to(product).with_suffix("") for path in sorted(images.rglob("*.jp2"))]
    xml_name = name.replace("_PRD_MSI", "_MTD_SAF").replace(".SAFE", ".xml") if old_tiles else f"MTD_MSI{level}.xml"
    xml = _product_xml(name, level, baseline, satellite, sensed, offset, granules, old=bool(old_tiles))
    product.mkdir(parents=True, exist_ok=True)
    (product / xml_name).write_text(xml)
    return _zip(product) if zipped else product


def edit_product_xml(product: Path, old: str, new: str) -> None:
    """Replace a text in the product XML. The XML must hold the text."""
    (path,) = product.glob("*.xml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def band_file(product: Path, band: str) -> Path:
    """Return the JPEG 2000 file of a band of an L1C product."""
    return next(product.rglob(f"*_{band}.jp2"))


def write_tif(path: Path, image: np.ndarray, geotransform: tuple[float, ...] | None = None) -> None:
    """Write (rows, cols) uint8 or uint16 as a GeoTIFF, with a georeference only if `geotransform` is given."""
    kind = {np.dtype(np.uint8): gdal.GDT_Byte, np.dtype(np.uint16): gdal.GDT_UInt16}[image.dtype]
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), image.shape[1], image.shape[0], 1, kind)
    dataset.GetRasterBand(1).WriteArray(image)
    if geotransform:
        dataset.SetGeoTransform(geotransform)
        dataset.SetProjection(f"EPSG:{EPSG}")


def write_patch_folder(folder: Path, name: str = "S2A_MSIL2A_20180413T95032_90_7", size: int = 120) -> Path:
    """Write a BigEarthNet Sentinel-2 patch with pixels from `expected_dn`, and return its folder."""
    patch = Path(folder) / name
    patch.mkdir(parents=True)
    for band in L2A_BANDS:
        gsd = BANDS[band].gsd
        side = size * 10 // gsd
        _write_image(patch / f"{name}_{band}.tif", expected_dn(band, side, side), EPSG, UPPER_LEFT, gsd)
    return patch


def write_labelled_patch(
    folder: Path,
    name: str = "S2A_MSIL2A_20180413T95032_90_7",
    labels: Sequence[str] = ("Coniferous forest", "Water bodies"),
    corner: tuple[int, int] = UPPER_LEFT,
    zone: str = "32N",
) -> Path:
    """Write a Sentinel-2 patch with its JSON file, as in BigEarthNet version 1, and return its folder."""
    patch = write_patch_folder(folder, name)
    facts = {
        "labels": list(labels),
        "coordinates": {"ulx": corner[0], "uly": corner[1], "lrx": corner[0] + 1200, "lry": corner[1] - 1200},
        "projection": f'PROJCS["WGS 84 / UTM zone {zone}",AUTHORITY["EPSG","32632"]]',
        "tile_source": None,
        "acquisition_date": "2018-04-13 09:50:32",
    }
    (patch / f"{name}_labels_metadata.json").write_text(json.dumps(facts))
    return patch


def write_s1_patch(folder: Path, name: str, s2_name: str, shift: float = 0.0) -> Path:
    """Write a Sentinel-1 patch and return its folder. VV is -5 to -25 dB, VH 7 dB less.

    The JSON file has the misspelt key `lly` of real patches.
    """
    patch = Path(folder) / name
    patch.mkdir(parents=True)
    row, col = np.mgrid[:120, :120]
    for band, level in (("VV", -5.0), ("VH", -12.0)):
        image = (level + shift - (row + col / 120) / 6).astype(np.float32)
        _write_image(patch / f"{name}_{band}.tif", image, EPSG, UPPER_LEFT, 10)
    facts = {
        "labels": [],
        "coordinates": {"ulx": 0, "uly": 0, "lrx": 1200, "lly": -1200},
        "projection": "",
        "corresponding_s2_patch": s2_name,
    }
    (patch / f"{name}_labels_metadata.json").write_text(json.dumps(facts))
    return patch


def _product_name(level: str, baseline: str, satellite: str, tile: str, sensed: str, old: bool) -> str:
    if old:
        return f"{satellite}_OPER_PRD_MSI{level}_PDMC_{sensed}_R002_V{sensed}_{sensed}.SAFE"
    return f"{satellite}_MSI{level}_{sensed}_N{baseline.replace('.', '')}_R022_{tile}_{sensed}.SAFE"


def _write_images(
    folder: Path,
    prefix: str,
    level: str,
    pixels: Mapping[str, np.ndarray],
    resampled: bool,
    epsg: int,
    upper_left: tuple[float, float],
    bits: int,
) -> None:
    """Write the images of one granule into its IMG_DATA folder."""
    for band, image in pixels.items():
        gsd = BANDS[band].gsd
        path = folder / (f"{prefix}_{band}.jp2" if level == "L1C" else f"R{gsd}m/{prefix}_{band}_{gsd}m.jp2")
        _write_image(path, image, epsg, upper_left, gsd, bits)
        if resampled and level == "L2A" and band in BANDS_10M:
            copy = folder / f"R20m/{prefix}_{band}_20m.jp2"
            _write_image(copy, image[1::2, 1::2] + 7, epsg, upper_left, 20, bits)


def _write_image(
    path: Path, image: np.ndarray, epsg: int, upper_left: tuple[float, float], gsd: int, bits: int = 15
) -> None:
    """Write (rows, cols) as GeoTIFF or as lossless JPEG 2000 in blocks of 128 x 128 px, by the ending of the file.

    JPEG 2000 has this number of bits.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, cols = image.shape
    kinds = {"float32": gdal.GDT_Float32, "uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16}
    kind = kinds.get(image.dtype.name, gdal.GDT_UInt16)
    memory = gdal.GetDriverByName("MEM").Create("", cols, rows, 1, kind)
    memory.SetGeoTransform((upper_left[0], gsd, 0, upper_left[1], 0, -gsd))
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    memory.SetProjection(system.ExportToWkt())
    memory.GetRasterBand(1).WriteArray(image)
    if path.suffix == ".tif":
        gdal.GetDriverByName("GTiff").CreateCopy(str(path), memory)
        return
    options = ["QUALITY=100", "REVERSIBLE=YES", f"NBITS={bits}", "BLOCKXSIZE=128", "BLOCKYSIZE=128"]
    memory.GetRasterBand(1).WriteArray(np.minimum(image, 2**bits - 1))
    gdal.GetDriverByName("JP2OpenJPEG").CreateCopy(str(path), memory, options=options)
    path.with_suffix(".jp2.aux.xml").unlink(missing_ok=True)


def _product_xml(
    name: str,
    level: str,
    baseline: str,
    satellite: str,
    sensed: str,
    offset: int,
    granules: Mapping[str, list[Path]],
    old: bool,
) -> str:
    """Return the product XML. It has the elements of real products, without those that no reader here uses."""
    time = f"{sensed[:4]}-{sensed[4:6]}-{sensed[6:11]}:{sensed[11:13]}:{sensed[13:]}.024Z"
    user_product = f"Level-{level[1:]}_User_Product"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:{user_product} xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_{user_product[:8]}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{time}</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>{time}</PRODUCT_STOP_TIME>
      <PRODUCT_URI>{"791_2016-09-05T10_37" if old else name}</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-{level[1:]}</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI{level[1:]}</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <Datatake datatakeIdentifier="G{satellite}_{sensed}_006291_N{baseline}">
        <SPACECRAFT_NAME>Sentinel-2{satellite[2]}</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{time}</DATATAKE_SENSING_START>
      </Datatake>
      <Product_Organisation>{_granule_list_xml(granules, old)}</Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      {_radiometry_xml(level, offset, satellite)}
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:{user_product}>
"""


def _granule_list_xml(granules: Mapping[str, list[Path]], old: bool) -> str:
    tag, file_tag = ("Granules", "IMAGE_ID") if old else ("Granule", "IMAGE_FILE")
    return "".join(
        f'<Granule_List><{tag} datastripIdentifier="DS" granuleIdentifier="{identifier}" imageFormat="JPEG2000">'
        + "".join(f"<{file_tag}>{path.name if old else path.as_posix()}</{file_tag}>" for path in paths)
        + f"</{tag}></Granule_List>"
        for identifier, paths in granules.items()
    )


def _radiometry_xml(level: str, offset: int, satellite: str) -> str:
    """Return special values, quantification, offsets, and the band and the wavelengths of each band_id."""
    toa = level == "L1C"
    quantification_tag = "QUANTIFICATION_VALUE" if toa else "BOA_QUANTIFICATION_VALUE"
    quantification = f'<{quantification_tag} unit="none">10000</{quantification_tag}>'
    tag = "RADIO_ADD_OFFSET" if toa else "BOA_ADD_OFFSET"
    offsets = "".join(f'<{tag} band_id="{i}">{offset}</{tag}>' for i in range(len(BANDS)))
    offset_list = "Radiometric_Offset_List" if toa else "BOA_ADD_OFFSET_VALUES_LIST"
    special = "".join(
        f"<Special_Values><SPECIAL_VALUE_TEXT>{text}</SPECIAL_VALUE_TEXT>"
        f"<SPECIAL_VALUE_INDEX>{index}</SPECIAL_VALUE_INDEX></Special_Values>"
        for text, index in (("NODATA", 0), ("SATURATED", 65535))
    )
    spectral = "".join(_spectral_xml(i, band, satellite) for i, band in enumerate(BANDS))
    return (
        special
        + (quantification if toa else f"<QUANTIFICATION_VALUES_LIST>{quantification}</QUANTIFICATION_VALUES_LIST>")
        + (f"<{offset_list}>{offsets}</{offset_list}>" if offset else "")
        + f"<Spectral_Information_List>{spectral}</Spectral_Information_List>"
    )


def _spectral_xml(index: int, band: str, satellite: str) -> str:
    """Return the element with wavelength and spectral response of a band."""
    wavelength, lowest, highest, response = spectral_response(band, satellite)
    return (
        f'<Spectral_Information bandId="{index}" physicalBand="B{band[1:].lstrip("0")}">'
        f"<RESOLUTION>{BANDS[band].gsd}</RESOLUTION>"
        f'<Wavelength><MIN unit="nm">{lowest}</MIN><MAX unit="nm">{highest}</MAX>'
        f'<CENTRAL unit="nm">{wavelength}</CENTRAL></Wavelength>'
        f'<Spectral_Response><STEP unit="nm">1</STEP><VALUES>{response}</VALUES></Spectral_Response>'
        "</Spectral_Information>"
    )


def spectral_response(band: str, satellite: str) -> tuple[float, int, int, str]:
    """Return central wavelength, lowest and highest wavelength in nm, and a response as wide as that of the satellite.

    Products of Sentinel-2D have the responses of Sentinel-2A here.
    """
    wavelength, fwhm = PASSBANDS.get(satellite, PASSBANDS["S2A"])[band]
    reach = int(fwhm) + 1
    response = np.maximum(0, 1 - np.abs(np.arange(-reach, reach + 1)) / fwhm)
    lowest = round(wavelength) - reach
    return wavelength, lowest, lowest + 2 * reach, " ".join(f"{value:.8g}" for value in response)


def _zip(product: Path) -> Path:
    """Replace a product folder by its zip."""
    archive = shutil.make_archive(str(product.with_suffix("")), "zip", product.parent, product.name)
    shutil.rmtree(product)
    return Path(archive)


def _smooth_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a random field, shape (size, size), with structure of 10 to 300 m and a standard deviation of about 1."""
    layers = [gaussian_filter(rng.standard_normal((size, size)), sigma) for sigma in (0.7, 3.0, 10.0)]
    return sum(layer / layer.std() for layer in layers) / 3**0.5
