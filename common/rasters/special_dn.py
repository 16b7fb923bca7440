"""Special DN in the files of a scene: all files give nodata and saturated pixels the two DN of the scene.

DN that are wrapped negative numbers are found, too.
"""

from collections.abc import Sequence

import numpy as np

from common.scenes.scene import Scene

UNREAL_REFLECTANCE = -0.05  # no ground is so dark; the noise of dark water stays above it
_LOWEST_DN = 1
WRAPPED_DN = 64_000  # as uint16: -1536
_MOST_UNREAL = 0.1  # share of a band's pixels; real products have almost none
_LEAST_PIXELS = 100  # that tell a share
_SAMPLED_ROWS = 256  # one row of so many is looked at
_STRIP_ROWS = 64  # rows compared at a time: they stay in the processor's cache


def special_dn(scene: Scene, band: str, bits: int) -> dict[int, int]:
    """Return the DN in the file of a band that must change: stored DN -> DN of saturated pixels or nodata of the scene.

    The saturated DN of a file is the smaller of the scene's and the largest DN that the file can hold. ESA's JPEG 2000
    files have 15 bits: the 65535 of the product XML does not fit, and 32767 stands for it.

    DN 1 is the lowest value beside nodata. With an offset of -1000 it is reflectance -0.1, which no ground has: processors
    write it at the edges of swaths, and for all that is darker. Then it counts as nodata. Without offset it is reflectance
    0.0001, and stays.

    Args:
        scene: gives the DN, the offsets and the quantification.
        band: of the file.
        bits: of the file, as `common/rasters/band_sources.py` describes them.
    """
    changes = {min(scene.saturated, 2**bits - 1): scene.saturated}
    if (_LOWEST_DN + scene.offsets[band]) / scene.quantification < UNREAL_REFLECTANCE:
        changes[_LOWEST_DN] = scene.nodata
    return {stored: new for stored, new in changes.items() if stored != new}


def replace_dn(dn: np.ndarray, changes: Sequence[dict[int, int]]) -> bool:
    """Replace special DN in place.

    Args:
        dn: shape (rows, cols, bands), uint16.
        changes: for each band, stored DN -> new DN.

    Returns:
        Whether DN are so large that they may be wrapped negative numbers (`wrapped_bands` tells).
    """
    if all(band_changes == changes[0] for band_changes in changes):  # one pass over whole rows is four times faster
        images = [(dn, changes[0])]
    else:
        images = [(dn[..., band_index], band_changes) for band_index, band_changes in enumerate(changes)]
    highest = 0
    for image, band_changes in images:
        for top in range(0, len(dn), _STRIP_ROWS):
            strip = image[top : top + _STRIP_ROWS]
            strip_highest = int(strip.max())
            highest = max(highest, strip_highest)
            for stored, new in band_changes.items():
                if stored <= strip_highest:  # the highest DN is found in a fraction of the time of a comparison
                    strip[strip == stored] = new
    return highest >= WRAPPED_DN


def wrapped_bands(scene: Scene, bands: Sequence[str], dn: np.ndarray) -> dict[str, int]:
    """Return band -> its lowest DN that is a wrapped negative number; without the bands that have none.

    A processor that subtracts the offset 1000 from DN below 1000 in uint16 leaves DN of 64,536 and more. No ground has
    the reflectance 6.4 of DN 64,000.

    Args:
        scene: its nodata and saturated DN are no wrapped numbers.
        bands: of the image.
        dn: shape (rows, cols, bands), uint16, after `replace_dn`.
    """
    is_wrapped = (dn >= WRAPPED_DN) & (dn != scene.saturated) & (dn != scene.nodata)
    return {
        band: int(dn[..., index][is_wrapped[..., index]].min())
        for index, band in enumerate(bands)
        if is_wrapped[..., index].any()
    }


def unreal_shares(scene: Scene, bands: Sequence[str], dn: np.ndarray) -> dict[str, float]:
    """Return band -> share of its valid pixels that have an unreal reflectance; only bands where it is large.

    It is large if an archive has subtracted the offset from the pixels, and its metadata say that it has not.

    Args:
        scene: gives nodata, offsets and quantification.
        bands: of the image.
        dn: shape (rows, cols, bands), uint16, after `replace_dn`. A few of its rows are looked at.
    """
    rows = dn[::_SAMPLED_ROWS]
    shares = {}
    for index, band in enumerate(bands):
        lowest_real = UNREAL_REFLECTANCE * scene.quantification - scene.offsets[band]
        valid = rows[..., index] != scene.nodata
        count = np.count_nonzero(valid)
        if lowest_real > _LOWEST_DN and count >= _LEAST_PIXELS:
            shares[band] = np.count_nonzero(valid & (rows[..., index] < lowest_real)) / count
    return {band: share for band, share in shares.items() if share > _MOST_UNREAL}
