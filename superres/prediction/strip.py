"""Some consecutive rows of a scene: stored DN and the networks' estimates. NumPy only, no I/O.

Windows are on the 10 m grid. Images of other GSDs cover the same ground with fewer pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from common.pixels.sentinel2 import BANDS_BY_GSD
from common.pixels.windows import Window

Dn = dict[int, np.ndarray]  # GSD -> (rows / factor, cols / factor, bands) uint16, where factor = GSD / 10


@dataclass(frozen=True)
class Strip:
    """Consecutive rows of a scene.

    Attributes:
        window: the rows and columns.
        dn: stored DN, GSD -> (rows / factor, cols / factor, bands) uint16.
        estimates: GSD -> (rows, cols, bands) float32, reflectance * 10000.
        errors: GSD -> expected absolute errors of the estimates, shape of the estimates, uint16 DN without offset, also where
            the result is nodata; empty if not asked for.
    """

    window: Window
    dn: Dn
    estimates: dict[int, np.ndarray]
    errors: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def empty(cls, window: Window, dn: Dn, gsds: Iterable[int], error_gsds: Iterable[int]) -> "Strip":
        """Return a strip whose estimates, and errors of `error_gsds`, are not set yet: `put` sets them."""
        estimates, errors = (
            {gsd: np.empty((window.height, window.width, len(BANDS_BY_GSD[gsd])), dtype) for gsd in chosen}
            for chosen, dtype in ((gsds, np.float32), (error_gsds, np.uint16))
        )
        return cls(window, dn, estimates, errors)

    def put(self, part: "Strip") -> None:
        """Copy the estimates and errors of a part into this strip."""
        inner = part.window.relative_to(self.window).slices
        for images, images_of_part in ((self.estimates, part.estimates), (self.errors, part.errors)):
            for gsd, image in images_of_part.items():
                images[gsd][inner] = image

    def part(self, window: Window) -> "Strip":
        """Return a part of the strip, whose arrays are views.

        Args:
            window: inside the strip's window; its numbers are multiples of the coarsest band's factor.
        """
        inner = window.relative_to(self.window)
        dn = {gsd: cut(image, gsd, inner) for gsd, image in self.dn.items()}
        fine_images = (
            {gsd: cut(image, 10, inner) for gsd, image in images.items()} for images in (self.estimates, self.errors)
        )
        return Strip(window, dn, *fine_images)

    def copy(self) -> "Strip":
        """Return a strip with arrays of its own: those of a part would keep the whole strip in memory."""
        copies = ({gsd: image.copy() for gsd, image in images.items()} for images in self._images)
        return Strip(self.window, *copies)

    def with_rows_below(self, below: "Strip") -> "Strip":
        """Return this strip joined with the strip directly below it, which has the same columns.

        Both lose their arrays, one after the other, so that they are never in memory twice as a whole.
        """
        joined = (
            {gsd: np.concatenate([upper.pop(gsd), lower.pop(gsd)]) for gsd in tuple(upper)}
            for upper, lower in zip(self._images, below._images, strict=True)
        )
        return Strip(replace(self.window, height=self.window.height + below.window.height), *joined)

    @property
    def _images(self) -> tuple[dict[int, np.ndarray], ...]:
        """The images in the order of the fields."""
        return self.dn, self.estimates, self.errors


def cut(image: np.ndarray, gsd: int, window: Window) -> np.ndarray:
    """Return a window of an image, as a view.

    Args:
        image: (rows / factor, cols / factor, ...), where factor = gsd / 10.
        gsd: of the image, in metres.
        window: on the 10 m grid, counted from the image's upper-left corner; its numbers are multiples of factor.

    Raises:
        ValueError: the window does not lie on the grid of the image.
    """
    return image[window.coarsened(gsd // 10).slices]
