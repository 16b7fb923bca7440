"""A scene: one Sentinel-2 tile of a product, or one BigEarthNet patch, as its metadata describe it.

The readers (`common/scenes/safe.py`, `common/scenes/patch_folder.py`) make this record from files, `common/scenes/tile_list.py` knows which
reader a path needs, `common/rasters/bands.py` reads the pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import ProductError
from common.pixels.sentinel2 import BANDS_BY_GSD, NODATA_DN, SATURATED_DN


@dataclass(frozen=True)
class Scene:
    """What is needed to read a scene's bands and to know what their numbers mean.

    Attributes:
        name: product name without `.SAFE`; where a product holds several tiles, followed by `_` and the tile.
        path: what was opened (folder, zip or XML).
        level: `L1C` (top of atmosphere) or `L2A` (surface).
        tile: MGRS tile such as `T33UUB`; empty where unknown.
        satellite: `S2A`, `S2B`, `S2C` or `S2D`.
        baseline: processing baseline such as `04.00`; empty for BigEarthNet patches.
        sensing_time: start of the acquisition, ISO 8601, UTC.
        band_paths: band name -> path that GDAL opens, at the band's native GSD.
        quantification: reflectance = (DN + offset) / quantification.
        offsets: band name -> offset in DN (normally 0, or -1000 since baseline 04.00).
        nodata: DN of pixels without data.
        saturated: DN of saturated pixels.
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

    def bands_at(self, gsd: int) -> tuple[str, ...]:
        """The bands of one native GSD, in their fixed order.

        Raises:
            ProductError: the scene lacks one of them.
        """
        missing = [band for band in BANDS_BY_GSD[gsd] if band not in self.band_paths]
        if missing:
            raise ProductError(
                f"{self.name} has no {', '.join(missing)}; the {gsd} m bands are {', '.join(BANDS_BY_GSD[gsd])}: "
                f"download the product again, or leave it out of the list."
            )
        return BANDS_BY_GSD[gsd]
