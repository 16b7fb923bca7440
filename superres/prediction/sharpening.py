"""Sharpen one window of a scene: stored DN -> network -> reflectance * 10000 at 10 m.

Rows and columns are those of the 10 m grid. Pixels without data are filled before the network reads them, so that they
do not spoil valid pixels near them (`common/scenes/nodata.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from common.errors import WeightsError
from common.pixels.radiometry import scaled_reflectance_to_dn
from common.pixels.sentinel2 import Gsd, bands_within, each_gsd, in_metres, input_gsds, scale_factor, sharpened_bands
from common.pixels.upsampling import BILINEAR
from common.pixels.windows import Window
from common.scenes.nodata import fill_missing
from common.scenes.reflectance import scaled_reflectance
from common.scenes.scene import Scene
from superres.networks.units import DN_DIVISOR
from superres.prediction.interpolation import INTERPOLATIONS, interpolate
from superres.prediction.strip import Dn, cut
from superres.prediction.windows import Predict
from superres.uncertainty.calibration import Calibration
from superres.uncertainty.score import REACH_PX, error_score

Inputs = dict[str, np.ndarray]


class Sharpened(NamedTuple):
    """The sharpened bands of one window: GSD -> (rows, cols, bands).

    Attributes:
        estimates: the bands, float32, reflectance * 10000.
        errors: their expected absolute errors, for each GSD that has a calibration: uint16, DN without offset.
    """

    estimates: dict[int, np.ndarray]
    errors: dict[int, np.ndarray]


def estimate_score(estimate: np.ndarray, coarse: np.ndarray, spread: np.ndarray | None) -> np.ndarray:
    """Return the score of each pixel of an estimate, as `superres/uncertainty/score.py` defines it.

    Args:
        estimate: the sharpened bands, (rows, cols, bands) float32, reflectance * 10000.
        coarse: the same bands before, (rows / s, cols / s, bands).
        spread: of the members, shape of estimate; None for one network.
    """
    upsampled = interpolate(coarse, estimate.shape, INTERPOLATIONS[BILINEAR], clip=False)
    return error_score(estimate, upsampled, spread)


@dataclass(frozen=True)
class Sharpener:
    """A network applied to one scene.

    Attributes:
        scene: the scene.
        gsd: native GSD of the bands that the network sharpens, 20 or 60 m; JOINT for both.
        margin: pixels around a window that the network needs, and that are cut off its prediction.
        predict: the network, from `superres.prediction.windows.compile_model`; after its bands it may give their spread.
        calibrations: GSD -> calibration, for the GSDs whose expected errors are asked for.
    """

    scene: Scene
    gsd: Gsd
    margin: int
    predict: Predict
    calibrations: Mapping[int, Calibration] = field(default_factory=dict)

    @property
    def score_margin(self) -> int:
        """Pixels around a window that are predicted for the scores of its pixels, rounded up to coarse pixels."""
        factor = scale_factor(self.gsd)
        return -(-REACH_PX // factor) * factor if self.calibrations else 0

    @property
    def read_margin(self) -> int:
        """Pixels to read around a window: of the scores, of the network, and as many again to fill the holes in it."""
        return self.score_margin + 2 * self.margin

    def read_inputs(self, dn: Dn, read_window: Window, window: Window, shape: tuple[int, int]) -> Inputs | None:
        """Return the network's inputs for one window and its margin.

        Args:
            dn: stored DN of `read_window`, for each GSD of the network's inputs.
            read_window: holds `window` and `read_margin` pixels around it, as far as the scene extends.
            window: to sharpen; its numbers are multiples of the coarsest input's factor.
            shape: rows and columns of the scene.

        Returns:
            Inputs by name, each (rows / factor, cols / factor, bands) float32 in network units; None if no pixel of the
            window has data at 10 m.
        """
        if (cut(dn[10], 10, window.relative_to(read_window)) == self.scene.nodata).all():
            return None
        predicted = window.grown(self.score_margin, *shape)
        filled, network_window = predicted.grown(2 * self.margin, *shape), predicted.grown(self.margin, *shape)
        around = {gsd: cut(dn[gsd], gsd, filled.relative_to(read_window)) for gsd in input_gsds(self.gsd)}
        return {
            f"input_{gsd}m": self._network_input(cut(image, gsd, network_window.relative_to(filled)), gsd)
            for gsd, image in fill_missing(self.scene, around, self.margin).items()
        }

    def sharpen(self, inputs: Inputs | None, window: Window, shape: tuple[int, int]) -> Sharpened:
        """Return the sharpened bands of one window. All are 0 if there are no inputs.

        Args:
            inputs: from `read_inputs`.
            window, shape: as in `read_inputs`.

        Raises:
            WeightsError: the network computes values that are not finite.
        """
        if inputs is None:
            return Sharpened(
                *(
                    {gsd: np.zeros((window.height, window.width, len(sharpened_bands(gsd))), dtype) for gsd in gsds}
                    for gsds, dtype in ((each_gsd(self.gsd), np.float32), (self.calibrations, np.uint16))
                )
            )
        network_window = window.grown(self.score_margin, *shape).grown(self.margin, *shape)
        kept = window.relative_to(network_window).slices
        sharp = self.predict(inputs) * np.float32(DN_DIVISOR)
        if not np.isfinite([sharp[kept].min(), sharp[kept].max()]).all():  # needs no array of flags
            raise WeightsError(
                f"the network for {in_metres(each_gsd(self.gsd))} gives values that are not finite at row {window.row}, column "
                f"{window.col} of {self.scene.name}; use --precision float32, or other weights."
            )
        estimate, spread = np.split(sharp, [len(sharpened_bands(self.gsd))], axis=2)
        bands = {gsd: bands_within(self.gsd, gsd) for gsd in each_gsd(self.gsd)}
        errors = {}
        for gsd, calibration in self.calibrations.items():
            coarse = inputs[f"input_{gsd}m"] * np.float32(DN_DIVISOR)
            spread_of_gsd = spread[..., bands[gsd]] if spread.shape[2] else None
            score = estimate_score(estimate[..., bands[gsd]], coarse, spread_of_gsd)
            expected = calibration.expected_error(score[kept])
            errors[gsd] = scaled_reflectance_to_dn(expected, self.scene.quantification)
        return Sharpened({gsd: estimate[(*kept, bands[gsd])] for gsd in bands}, errors)

    def _network_input(self, filled: np.ndarray, gsd: int) -> np.ndarray:
        """Return filled DN in network units, float32."""
        return scaled_reflectance(self.scene, filled, gsd) / np.float32(DN_DIVISOR)
