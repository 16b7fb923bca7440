"""Settings of the patches that are cut from a scene."""

from dataclasses import dataclass

from common.pixels.sentinel2 import BANDS_BY_GSD, JOINT, input_gsds

DEGRADATIONS = ("gaussian", "mtf")  # kinds of blur, as `gaussian_blur_sigmas` explains them
PATCH_PX = {20: 32, 60: 96}  # Lanaras et al. 2018
PATCHES_PER_TILE = {20: 8000, 60: 500}  # Lanaras et al. 2018
JOINT_PATCH_PX = 48  # at every scale, so that patches of several scales fit into one batch; a multiple of 6
JOINT_SCALES = (1, 2, 6)  # factors by which patches of a joint network may be degraded


@dataclass(frozen=True)
class PatchSettings:
    """The settings that, together with its scene, determine the content of a patch file.

    Attributes:
        gsd: GSD of the target grid in metres: 20 or 60, the native GSD of the target bands. For a joint network 10, 20 or 60.
        count: largest number of patches to cut from a scene.
        degradation: `gaussian` or `mtf`, see `common/pixels/degrade.py`.
        seed: seed of the random positions.
        joint: whether a joint network is meant, which reads all bands and sharpens those of 20 m and 60 m.
    """

    gsd: int
    count: int
    degradation: str = "gaussian"
    seed: int = 0
    joint: bool = False

    @property
    def scale_factor(self) -> int:
        """Ratio of the GSDs before and after the degradation: 2 for 20 m, 6 for 60 m, 1 for 10 m."""
        return self.gsd // 10

    @property
    def input_gsds(self) -> tuple[int, ...]:
        """GSDs of the bands that the network reads."""
        return input_gsds(JOINT if self.joint else self.gsd)

    @property
    def sharpened_gsds(self) -> tuple[int, ...]:
        """GSDs of the bands that the network sharpens."""
        return JOINT if self.joint else (self.gsd,)

    @property
    def truth_gsds(self) -> tuple[int, ...]:
        """GSDs of those bands that are known on the target grid: native, or native ones degraded to it."""
        return tuple(gsd for gsd in self.sharpened_gsds if self.gsd % gsd == 0)

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that are read: the targets, and those of all finer GSDs."""
        return tuple(band for gsd in self.input_gsds for band in BANDS_BY_GSD[gsd])

    @property
    def patch_px(self) -> int:
        """Rows and columns of a patch on the target grid: 32 for 20 m, 96 for 60 m, 48 for a joint network."""
        return JOINT_PATCH_PX if self.joint else PATCH_PX[self.gsd]

    @property
    def step_px(self) -> int:
        """Side of a pixel of the coarsest input in pixels of the target grid: patches and windows are multiples of it."""
        return max(self.input_gsds) // 10

    def sigmas(self, gsd: int, scale_factor: int | None = None) -> tuple[float, ...]:
        """Return the standard deviation of the blur for each band of one GSD, in pixels of that GSD.

        Args:
            gsd: of the bands.
            scale_factor: by which they are degraded; None takes that of the settings. 1 does not blur.
        """
        from common.pixels.degrade import gaussian_blur_sigmas  # imports NumPy; options need none

        scale_factor = scale_factor or self.scale_factor
        if scale_factor == 1:
            return (0.0,) * len(BANDS_BY_GSD[gsd])
        return gaussian_blur_sigmas(BANDS_BY_GSD[gsd], scale_factor, self.degradation)
