"""The options of a prediction as a record. Light: imports no Keras."""

from dataclasses import dataclass
from pathlib import Path

BATCH_SIZE = 64


@dataclass(frozen=True)
class PredictionOptions:
    """What to classify; see `bigearthnet/predict.py` for the options of the same names.

    Attributes:
        source: patch folder, folder of patch folders, or product.
        run_folder: folder of the training run.
        output: folder for the table, and for the raster of a product.
        s1_root: folder of the Sentinel-1 partners of the patches.
    """

    source: Path
    run_folder: Path
    output: Path
    s1_root: Path | None = None
    batch_size: int = BATCH_SIZE
    overwrite: bool = False
    show_progress: bool = False
