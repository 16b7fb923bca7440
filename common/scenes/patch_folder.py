"""BigEarthNet patch folder -> Scene.

A patch is a folder `<name>` with one GeoTIFF a band, `<name>_B01.tif` to `<name>_B12.tif`: 12 bands of L2A (no B10),
1.2 km wide, 120 / 60 / 20 px. It has no product XML. All patches come from products before baseline 04.00, so
reflectance = DN / 10000.
"""

import re
from pathlib import Path

from common.errors import ProductError, ProductNotFoundError
from common.pixels.sentinel2 import BANDS
from common.scenes.scene import Scene

QUANTIFICATION = 10000.0
PATCH_BANDS = tuple(band for band in BANDS if band != "B10")
# Times before ten o'clock may lack their leading zero (T93020). Only version 2 gives the tile.
_NAME = re.compile(
    r"(?P<satellite>S2[A-D])_MSIL2A_(?P<date>\d{8})T(?P<time>\d{5,6})(?:_N\d{4}_R\d{3}_(?P<tile>T\d{2}[A-Z]{3}))?_\d+_\d+"
)


def is_patch_folder(path: Path | str) -> bool:
    """Return whether a folder holds at least one band of a BigEarthNet patch."""
    path = Path(path).absolute()
    return any((path / f"{path.name}_{band}.tif").is_file() for band in PATCH_BANDS)


def read_patch_folder(path: Path | str) -> Scene:
    """Read the metadata of a BigEarthNet Sentinel-2 patch, version 1 or 2; no pixels.

    Args:
        path: a folder such as `S2A_MSIL2A_20170617T113321_48_5`.

    Returns:
        A Scene of level L2A. Its tile is empty in version 1, because names of version 1 hold no tile.

    Raises:
        ProductNotFoundError: path is no folder, or the GeoTIFF of a band is missing.
        ProductError: the name of the folder is no patch name.
    """
    path = Path(path)
    name = path.absolute().name
    match = _NAME.fullmatch(name)
    if not path.is_dir():
        raise ProductNotFoundError(f"{path} is no folder; give a BigEarthNet patch folder.")
    if not match:
        raise ProductError(
            f"{path} has no name of a BigEarthNet S2 patch, such as S2A_MSIL2A_20170617T113321_48_5; restore its name."
        )
    return Scene(
        name=name,
        path=path,
        level="L2A",
        tile=match["tile"] or "",
        satellite=match["satellite"],
        baseline="",
        sensing_time=_iso_time(match["date"], match["time"]),
        band_paths=_band_paths(path, name),
        quantification=QUANTIFICATION,
        offsets=dict.fromkeys(PATCH_BANDS, 0.0),
    )


def _band_paths(path: Path, name: str) -> dict[str, str]:
    """Return band -> GeoTIFF for all twelve bands."""
    present = {item.name for item in path.iterdir()}
    files = {band: f"{name}_{band}.tif" for band in PATCH_BANDS}
    missing = [file for file in files.values() if file not in present]
    if missing:
        raise ProductNotFoundError(f"{path} lacks {', '.join(missing)}; unpack the BigEarthNet archive again.")
    return {band: str(path / file) for band, file in files.items()}


def _iso_time(date: str, time: str) -> str:
    """Return `2018-04-13T09:50:32Z` for `20180413`, `95032`."""
    time = time.zfill(6)
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z"
