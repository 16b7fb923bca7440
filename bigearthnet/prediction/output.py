"""The files of a prediction: `probabilities.csv`, and `probabilities.tif` for a scene."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bigearthnet.prediction.squares import SQUARE_M
from bigearthnet.prediction.trained import TrainedClassifier
from common.rasters.geotiff import write_float_geotiff
from common.rasters.grids import GeoReference
from common.runs.provenance import code_revision, describe_variables, number_variables, utc_now
from common.runs.tables import write_rows

TABLE, RASTER = "probabilities.csv", "probabilities.tif"
OUTPUT_FILES = (TABLE, RASTER)


def write_patch_table(path: Path, trained: TrainedClassifier, names: Sequence[str], probabilities: np.ndarray) -> None:
    """Write the table of patches: name, classes, and the probability of each class.

    Args:
        path: the CSV file.
        trained: the classifier, which has the thresholds.
        names: N names of patches.
        probabilities: (N, C).

    Raises:
        OutputError: the file cannot be written.
    """
    _write_table(path, trained, ["name"], zip(([name] for name in names), probabilities, strict=True))


def write_square_table(path: Path, trained: TrainedClassifier, grid: GeoReference, probabilities: np.ndarray) -> int:
    """Write the table of squares without nodata: row, column, corner, classes, and the probability of each class.

    The upper-left corner x, y is in metres of the scene's coordinate system.

    Args:
        path: the CSV file.
        trained: the classifier, which has the thresholds.
        grid: of the squares.
        probabilities: (rows, cols, C); NaN for squares with nodata.

    Returns:
        Number of squares in the table.

    Raises:
        OutputError: the file cannot be written.
    """
    x, _, _, y, _, _ = grid.geotransform
    valid = np.isfinite(probabilities[..., 0])
    positions = [[int(row), int(col), x + col * SQUARE_M, y - row * SQUARE_M] for row, col in np.argwhere(valid)]
    _write_table(path, trained, ["row", "col", "x", "y"], zip(positions, probabilities[valid], strict=True))
    return len(positions)


def write_raster(
    path: Path, trained: TrainedClassifier, scene_name: str, grid: GeoReference, probabilities: np.ndarray
) -> None:
    """Write the GeoTIFF of squares: a pixel for each square, a band for each class.

    Args:
        path: the GeoTIFF.
        trained: the classifier.
        scene_name: name of the scene.
        grid: of the squares.
        probabilities: (rows, cols, C) float32; NaN for squares with nodata.

    Raises:
        OutputError: the file cannot be written.
    """
    tags = {
        "SCENE": scene_name,
        "NETWORK": trained.title,
        "CODE_REVISION": code_revision(),
        "CREATED_UTC": utc_now(),
        "COMMAND": " ".join(sys.argv),
    }
    variables = describe_variables(number_variables())
    if variables:
        tags["ENVIRONMENT"] = variables
    write_float_geotiff(path, grid, probabilities, trained.class_names, tags)


def _write_table(
    path: Path, trained: TrainedClassifier, header: Sequence[str], lines: Iterable[tuple[list, np.ndarray]]
) -> None:
    """Write a line for each pair of first cells and probabilities (C,): first cells, classes, probabilities."""
    names = trained.class_names
    rows = (
        [
            *first_cells,
            "; ".join(names[index] for index in np.flatnonzero(values >= trained.thresholds)),
            *(f"{value:.6f}" for value in values),
        ]
        for first_cells, values in lines
    )
    write_rows(path, rows, [*header, "classes", *names])
