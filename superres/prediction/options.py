"""The options of a prediction as a record, and their defaults. Light: imports no Keras."""

from dataclasses import dataclass
from pathlib import Path

from common.networks.engines import TENSORFLOW
from common.pixels.sentinel2 import BANDS_10M, BANDS_20M, BANDS_60M
from superres.networks.sources import WeightsOptions

COARSEST_PX = 6  # side of a 60 m pixel, in 10 m pixels
PREDICTED_BANDS = BANDS_10M + BANDS_20M + BANDS_60M  # of --bands; no network reads B10
WINDOW_PX = 576  # a multiple of 6; larger windows spend less on margins (11 % here) but need more memory
AUTO = "auto"  # the fastest precision of the hardware


@dataclass(frozen=True)
class PredictionOptions:
    """The options of `superres/predict.py`; its help texts explain the fields of the same names.

    Attributes:
        output: GeoTIFF, or an existing folder.
        gsds: native GSDs to sharpen, 20, 60 or both; None takes the GSDs of the weights.
        bands: bands to write, in this order; None writes the bands of the networks, with copy_10m also the 10 m bands.
        uncertainty: files of calibrations; none: each scene is its own calibration. None: no expected errors are written.
        precision: of the convolutions, or AUTO.
        engine: computes the networks, if it can be used here.
        window_px: rows and columns of a window.
        other_scenes: scenes that the other tasks of --share sharpen.
    """

    scenes: tuple[str, ...]
    weights: WeightsOptions
    output: Path
    gsds: tuple[int, ...] | None = None
    roi_pixels: str | None = None
    roi_lonlat: str | None = None
    mask: str | None = None
    copy_10m: bool = False
    bands: tuple[str, ...] | None = None
    consistent: bool = False
    cog: bool = False
    quicklook: bool = False
    stac: bool = False
    uncertainty: tuple[Path, ...] | None = None
    precision: str = AUTO
    engine: str = TENSORFLOW
    window_px: int = WINDOW_PX
    overwrite: bool = False
    skip_existing: bool = False
    show_progress: bool = False
    other_scenes: tuple[str, ...] = ()

    @property
    def calibrates_itself(self) -> bool:
        """Whether each scene is its own calibration."""
        return self.uncertainty == ()

    def may_replace(self, output: Path) -> bool:
        """Return whether files may be there that a job writes; with --skip-existing, only those beside an output that is."""
        return self.overwrite or (self.skip_existing and output.exists())
