"""Settings of the patches that are cut from a scene."""

from dataclasses import dataclass

from common.pixels import degrade
from common.pixels.sentinel2 import BANDS_BY_GSD, scale_factor

PATCH_PX = {20: 32, 60: 96}  # Lanaras et al. 2018
PATCHES_PER_TILE = {20: 8000, 60: 500}  # Lanaras et al. 2018


@dataclass(frozen=True)
class PatchSettings:
    """What decides the content of a patch file, besides its scene.

    Attributes:
        gsd: native GSD of the target bands, 20 or 60 m.
        count: most patches to cut from a scene.
        degradation: `gaussian` or `mtf`, see `common/pixels/degrade.py`.
        seed: of the positions.
    """

    gsd: int
    count: int
    degradation: str = "gaussian"
    seed: int = 0

    @property
    def scale_factor(self) -> int:
        return scale_factor(self.gsd)

    @property
    def patch_px(self) -> int:
        return PATCH_PX[self.gsd]

    def sigmas(self, gsd: int) -> tuple[float, ...]:
        """Blur of each band of one GSD, in its own pixels."""
        return degrade.gaussian_blur_sigmas(BANDS_BY_GSD[gsd], self.scale_factor, self.degradation)
