"""Sharpen one window of a scene: DN as stored -> reflectance * 10000 at 10 m -> DN.

Rows and columns are those of the 10 m grid. Pixels without data: the network is given a window whose holes are filled
from the nearest valid pixels within its reach, so that they do not spoil what is around them; beyond, they are DN 0. The
result is nodata (DN 0) where the band itself or any 10 m band is nodata, and DN 65535 where the band itself is
saturated; all else lies in 1 to 65534.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import WeightsError
from common.pixels.degrade import repeat_pixels
from common.pixels.holes import fill_holes
from common.pixels.radiometry import scaled_reflectance_to_dn
from common.pixels.sentinel2 import BANDS_BY_GSD, NODATA_DN, SATURATED_DN, input_gsds
from common.pixels.windows import Window
from common.scenes.reflectance import band_offsets, is_valid, scaled_reflectance
from common.scenes.scene import Scene
from superres.networks.units import DN_DIVISOR
from superres.prediction.windows import Predict

Dn = dict[int, np.ndarray]  # GSD -> (rows / factor, cols / factor, bands) uint16


@dataclass(frozen=True)
class Strip:
    """Some rows of a scene, and what was made of them.

    Attributes:
        place: which rows and columns.
        dn: as stored, GSD -> (rows / factor, cols / factor, bands) uint16.
        estimates: GSD -> (rows, cols, bands) float32, reflectance * 10000.
    """

    place: Window
    dn: Dn
    estimates: dict[int, np.ndarray]

    def part(self, window: Window) -> "Strip":
        """A part of it."""
        inner = window.relative_to(self.place)
        return Strip(
            window,
            {gsd: cut(dn, gsd, inner) for gsd, dn in self.dn.items()},
            {gsd: estimate[inner.slices] for gsd, estimate in self.estimates.items()},
        )


@dataclass(frozen=True)
class Sharpener:
    """A network for one scene.

    Attributes:
        scene: that it sharpens.
        gsd: of the bands that it sharpens, 20 or 60 m.
        margin: pixels that the network sees around another.
        predict: of `superres.prediction.windows.compile_network`.
    """

    scene: Scene
    gsd: int
    margin: int
    predict: Predict

    @property
    def read_margin(self) -> int:
        """Pixels around a window that are read: what the network sees, and as far again to fill holes in that."""
        return 2 * self.margin

    def sharpen(self, dn: Dn, read: Window, window: Window, shape: tuple[int, int]) -> np.ndarray:
        """The bands of one window.

        Args:
            dn: DN of the window grown by `read_margin`, or more.
            read: where they lie.
            window: to predict; its numbers are multiples of the coarsest input's factor.
            shape: rows and columns of the scene.

        Returns:
            (rows, cols, bands) float32, reflectance * 10000.

        Raises:
            WeightsError: the network gives values that are not finite.
        """
        if not (cut(dn[10], 10, window.relative_to(read)) != self.scene.nodata).all(axis=2).any():
            return np.zeros((window.height, window.width, len(BANDS_BY_GSD[self.gsd])), np.float32)
        outer, inner = window.grown(self.read_margin, *shape), window.grown(self.margin, *shape)
        inputs = {
            f"input_{gsd}m": self._network_input(
                cut(dn[gsd], gsd, outer.relative_to(read)), gsd, inner.relative_to(outer)
            )
            for gsd in input_gsds(self.gsd)
        }
        sharp = self.predict(inputs)[window.relative_to(inner).slices] * np.float32(DN_DIVISOR)
        if not np.isfinite([sharp.min(), sharp.max()]).all():  # without an array of flags
            raise WeightsError(
                f"the network for {self.gsd} m gives values that are not finite at row {window.row}, column {window.col} of "
                f"{self.scene.name}; use --precision float32, or other weights."
            )
        return sharp

    def _network_input(self, dn: np.ndarray, gsd: int, inner: Window) -> np.ndarray:
        """A part of the bands of one GSD in network units, its holes filled with the help of what lies around it."""
        filled = cut(fill_holes(dn, is_valid(self.scene, dn), self.margin * 10 // gsd), gsd, inner)
        return scaled_reflectance(self.scene, filled, gsd) / np.float32(DN_DIVISOR)


def cut(image: np.ndarray, gsd: int, window: Window) -> np.ndarray:
    """A window, given on the 10 m grid, of an image of some GSD."""
    return image[window.coarsened(gsd // 10).slices]


def sharpened_dn(scene: Scene, gsd: int, estimate: np.ndarray, dn: Dn) -> np.ndarray:
    """What is stored of an estimate.

    Args:
        gsd: of the bands that were sharpened.
        estimate: (rows, cols, bands) float32, reflectance * 10000.
        dn: the same ground as stored, the 10 m bands and those of `gsd`.

    Returns:
        Shape of estimate, uint16 DN with the product's own offsets.
    """
    no_detail = (dn[10] == scene.nodata).any(axis=2, keepdims=True)
    factor = gsd // 10
    nodata = repeat_pixels(dn[gsd] == scene.nodata, factor) | no_detail
    stored = scaled_reflectance_to_dn(estimate, scene.quantification, band_offsets(scene, BANDS_BY_GSD[gsd]), nodata)
    saturated = repeat_pixels(dn[gsd] == scene.saturated, factor) & (stored != NODATA_DN)
    stored[saturated] = SATURATED_DN
    return stored
