"""A scene: one Sentinel-2 tile of a product, or one BigEarthNet patch, as its metadata describe it.

`safe.py`, `eopf.py` and `patch_folder.py` make this record from files, `tile_list.py` chooses between these readers, and
`common/rasters/bands.py` reads the pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from common.errors import ProductError
from common.pixels.passbands import Passband, find_passband
from common.pixels.sentinel2 import BANDS_BY_GSD, NODATA_DN, SATURATED_DN


class Mask(NamedTuple):
    """A raster that says which pixels of a scene count as nodata.

    Attributes:
        path: raster that GDAL opens; it covers the scene.
        gsd: size of its pixels: 10, 20 or 60 m.
        classes: values of masked pixels; None masks all values but 0.
    """

    path: str
    gsd: int
    classes: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Scene:
    """The paths of a scene's bands, and the metadata that give their DN a meaning.

    Attributes:
        name: product name without `.SAFE`; `_` and the tile follow if the product holds several tiles, and `_` and the
            time in the granule's name if it holds the tile several times.
        path: the product's folder, zip or tar, or the patch folder.
        level: `L1C` (top of atmosphere) or `L2A` (surface).
        tile: MGRS tile such as `T33UUB`; empty if unknown.
        satellite: `S2A`, `S2B`, `S2C` or `S2D`.
        baseline: processing baseline such as `04.00`; empty for BigEarthNet patches.
        sensing_time: start of the acquisition, ISO 8601, UTC.
        band_paths: band name -> path of its file or Zarr array, at the band's native GSD. GDAL opens all but arrays of
            Zarr format 3.
        quantification: reflectance = (DN + offset) / quantification.
        offsets: band name -> offset in DN (normally 0, or -1000 since baseline 04.00).
        nodata: DN of pixels without data.
        saturated: DN of saturated pixels, as `common/rasters/bands.py` reads them. Files of few bits hold a smaller one.
        crs: such as `EPSG:32633`, for band files without a CRS of their own; empty if they have one.
        zarr_format: 2 or 3 if the bands are Zarr arrays; 0 if they are image files.
        classification_path: path of the scene classification (SCL) at 20 m, that GDAL opens; empty if there is none.
        passbands: band name -> wavelength and width that the product states; `passband` completes them.
        mask: pixels that count as nodata in all bands; None for no mask.
        granule: name of the granule in the product XML; empty for formats without granules.
    """

    name: str
    path: Path
    level: str
    tile: str
    satellite: str
    baseline: str
    sensing_time: str
    band_paths: Mapping[str, str]
    quantification: float
    offsets: Mapping[str, float]
    nodata: int = NODATA_DN
    saturated: int = SATURATED_DN
    crs: str = ""
    zarr_format: int = 0
    classification_path: str = ""
    passbands: Mapping[str, Passband] = field(default_factory=dict)
    mask: Mask | None = None
    granule: str = ""

    def passband(self, band: str) -> Passband | None:
        """Return the wavelength and width of a band: as the product states them, else those of its satellite.

        None if the product states none and the satellite is not in the table of `common/pixels/passbands.py`.
        """
        return find_passband(band, self.satellite, self.passbands.get(band))

    def bands_at(self, gsd: int) -> tuple[str, ...]:
        """Return the bands of one native GSD, in their fixed order.

        Raises:
            ProductError: the scene has no file for one of them.
        """
        missing = [band for band in BANDS_BY_GSD[gsd] if band not in self.band_paths]
        others = [str(other) for other in BANDS_BY_GSD if any(band in self.band_paths for band in BANDS_BY_GSD[other])]
        if self.level == "L2A" and others and str(gsd) not in others:
            raise ProductError(
                f"{self.name} has no bands at {gsd} m ({', '.join(missing)}), only at {' and '.join(others)} m, as sen2cor "
                f"writes them with --resolution {others[0]}; process the product at {gsd} m, too, or download it."
            )
        if missing:
            raise ProductError(
                f"{self.name} has no {', '.join(missing)}; the {gsd} m bands are {', '.join(BANDS_BY_GSD[gsd])}: "
                f"download the product again, or remove it from the list."
            )
        return BANDS_BY_GSD[gsd]
