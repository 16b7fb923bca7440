"""Scene -> probabilities of its squares of 1.2 km, each rank a share of the strips."""

import keras
import numpy as np

import common.distributed as hvd
from bigearthnet.prediction.probabilities import predict_images
from bigearthnet.prediction.squares import read_squares, square_strips
from common.rasters.grids import GeoReference
from common.runs.progress import track
from common.scenes.scene import Scene


def predict_scene(
    model: keras.Model, scene: Scene, grid: GeoReference, batch_size: int, show_progress: bool = False
) -> np.ndarray:
    """Return the probabilities of all squares on all ranks. Every rank must call it.

    Args:
        model: as `build_network` makes it, for Sentinel-2 groups at native GSD.
        scene: the product.
        grid: as `square_grid` gives it.
        batch_size: squares in a batch.
        show_progress: show a bar.

    Returns:
        Shape (rows, cols, C), float32; NaN for squares that hold nodata.
    """
    groups, classes = tuple(model.input), model.output_shape[-1]
    own_rows: dict[int, list[np.ndarray]] = {}
    own_strips = square_strips(grid)[hvd.rank() :: hvd.size()]
    for strip in track(own_strips, "strips", "predicting", show_progress):
        for row, (squares, valid) in enumerate(read_squares(scene, strip, groups), start=strip.row):
            probabilities = np.full((grid.cols, classes), np.nan, np.float32)
            if valid.any():
                probabilities[valid] = predict_images(
                    model, {group: images[valid] for group, images in squares.items()}, batch_size
                )
            own_rows[row] = [probabilities]
    return np.stack(hvd.gather_in_order(own_rows))
