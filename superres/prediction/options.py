"""The options of a prediction as a record, and its defaults. Light: imports no Keras."""

from dataclasses import dataclass
from pathlib import Path

from superres.networks.sources import WeightsOptions

COARSEST_PX = 6  # 10 m pixels on a side of a 60 m pixel
WINDOW_PX = 576  # a multiple of 6; larger windows waste less on margins (11 % here), and need more memory
AUTO = "auto"  # the precision that the hardware is fast at


@dataclass(frozen=True)
class PredictionOptions:
    """What to sharpen; see `superres/predict.py` for the options of the same names.

    Attributes:
        output: GeoTIFF, or a folder that exists.
        gsds: 20, 60 or both; None takes those of the weights.
        precision: of the convolutions, or AUTO.
        window_px: rows and columns predicted at once.
    """

    scenes: tuple[str, ...]
    weights: WeightsOptions
    output: Path
    gsds: tuple[int, ...] | None = None
    roi_pixels: str | None = None
    roi_lonlat: str | None = None
    copy_10m: bool = False
    consistent: bool = False
    cog: bool = False
    quicklook: bool = False
    precision: str = AUTO
    window_px: int = WINDOW_PX
    overwrite: bool = False
    show_progress: bool = False
