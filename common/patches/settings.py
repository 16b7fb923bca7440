"""Settings of the patches that are cut from a scene."""

from dataclasses import dataclass

from common.pixels.sentinel2 import BANDS_BY_GSD, input_gsds, scale_factor

DEGRADATIONS = ("gaussian", "mtf")  # kinds of blur, as `gaussian_blur_sigmas` explains them
PATCH_PX = {20: 32, 60: 96}  # Lanaras et al. 2018
PATCHES_PER_TILE = {20: 8000, 60: 500}  # Lanaras et al. 2018


@dataclass(frozen=True)
class PatchSettings:
    """The settings that, together with its scene, determine the content of a patch file.

    Attributes:
        gsd: native GSD of the target bands, 20 or 60 m.
        count: largest number of patches to cut from a scene.
        degradation: `gaussian` or `mtf`, see `common/pixels/degrade.py`.
        seed: seed of the random positions.
    """

    gsd: int
    count: int
    degradation: str = "gaussian"
    seed: int = 0

    @property
    def scale_factor(self) -> int:
        """Ratio of the GSDs before and after the degradation: 2 for 20 m, 6 for 60 m."""
        return scale_factor(self.gsd)

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that are read: the targets, and those of all finer GSDs."""
        return tuple(band for gsd in input_gsds(self.gsd) for band in BANDS_BY_GSD[gsd])

    @property
    def patch_px(self) -> int:
        """Rows and columns of a patch on the target grid: 32 for 20 m, 96 for 60 m."""
        return PATCH_PX[self.gsd]

    def sigmas(self, gsd: int) -> tuple[float, ...]:
        """Return the standard deviation of the blur for each band of one GSD, in pixels of that GSD."""
        from common.pixels.degrade import gaussian_blur_sigmas  # imports NumPy; options need none

        return gaussian_blur_sigmas(BANDS_BY_GSD[gsd], self.scale_factor, self.degradation)
