"""The bands of a result as a STAC asset describes them: names and wavelengths (`eo`), radiometry (`raster`)."""

from pystac.extensions.eo import Band
from pystac.extensions.raster import DataType, RasterBand, Sampling

from common.pixels.sentinel2 import BANDS, NODATA_DN, SATURATED_DN
from common.rasters.geotiff import RasterInfo

UNKNOWN = (None, None)  # wavelength and width
COMMON_NAMES = {  # as the eo extension names the bands of Sentinel-2
    "B01": "coastal",
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge",
    "B06": "rededge",
    "B07": "rededge",
    "B08": "nir",
    "B8A": "nir08",
    "B09": "nir09",
    "B11": "swir16",
    "B12": "swir22",
}


def eo_bands(info: RasterInfo) -> list[Band]:
    """Return name, common name, wavelength and width of each band, the last two in micrometres if they are known."""
    return [
        Band.create(name, COMMON_NAMES[name], describe_band(name), *map(micrometres, info.passbands.get(name, UNKNOWN)))
        for name in info.bands
    ]


def micrometres(nanometres: float | None) -> float | None:
    """Return a wavelength without digits that only the division adds; None stays None."""
    return None if nanometres is None else round(nanometres / 1000, 7)


def describe_band(name: str) -> str:
    """Return a sentence about the native GSD of a band and its special DN."""
    gsd = BANDS[name].gsd
    origin = "native GSD 10 m" if gsd == 10 else f"native GSD {gsd} m, sharpened to 10 m"
    return f"{name}, {origin}; DN {NODATA_DN} is nodata, DN {SATURATED_DN} saturated"


def raster_bands(info: RasterInfo) -> list[RasterBand]:
    """Return data type, nodata, scale and offset of each band: reflectance = DN * scale + offset."""
    gsd = info.grid.geotransform[1]
    return [
        RasterBand.create(
            nodata=NODATA_DN,
            sampling=Sampling.AREA,
            data_type=DataType.UINT16,
            spatial_resolution=gsd,
            unit="1",  # UCUM: reflectance has no dimension
            scale=1 / info.quantification,
            offset=info.offsets[name] / info.quantification,
        )
        for name in info.bands
    ]
