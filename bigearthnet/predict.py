"""Tell the classes of patch folders, or of every square of 1.2 km of a Sentinel-2 product, with a trained network.

    python bigearthnet/predict.py SCENE --run-dir runs/first --output map

Patch folders or scene -> `probabilities.csv`; of a scene also `probabilities.tif`, a pixel a square and a band a class.
Under mpirun the ranks share patches, or rows of squares.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

import common.distributed as hvd
from bigearthnet.archive.band_sets import BAND_SETS
from bigearthnet.archive.folders import S1_NAME, S2_NAME, find_patches, read_partner
from bigearthnet.archive.groups import NATIVE_PX
from bigearthnet.archive.images import PatchFolders, read_images
from bigearthnet.prediction.probabilities import probabilities
from bigearthnet.prediction.squares import (
    SQUARE_M,
    group_gsd,
    read_squares,
    square_grid,
    strips,
)
from bigearthnet.prediction.trained import TrainedClassifier, read_trained, sizes
from common.errors import ProductError, RunFolderError, SettingError
from common.rasters.geotiff import write_float_geotiff
from common.rasters.grids import GeoReference, check_grids
from common.runs import cli
from common.runs.folder import open_output_folder
from common.runs.provenance import code_revision, utc_now
from common.runs.tables import write_rows
from common.scenes.patch_folder import is_patch_folder
from common.scenes.scene import Scene
from common.scenes.tile_list import open_scene

logger = logging.getLogger(__name__)

TABLE, RASTER = "probabilities.csv", "probabilities.tif"
Images = dict[str, np.ndarray]


class PredictionPlan(NamedTuple):
    """What is to be predicted, checked: patches, or a scene and its grid of squares."""

    classifier: TrainedClassifier
    folder: Path
    patches: tuple[PatchFolders, ...]
    scene: Scene | None
    grid: GeoReference | None


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Tell the land-cover classes of BigEarthNet patches, or of every square of 1.2 km of a Sentinel-2 product. "
        "Under mpirun ranks share the work.",
        "python bigearthnet/predict.py S2A_MSIL2A_20170613T101031_N0400_R022_T33UUP_20170613T101608.SAFE "
        "--run-dir runs/first --output map",
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="patch folder, folder of patch folders, or product (.SAFE folder, .zip or MTD_*.xml)",
    )
    parser.add_argument("--run-dir", required=True, metavar="DIR", help="folder of the training run")
    parser.add_argument("--s1-root", metavar="DIR", help="folder of the Sentinel-1 partners of the patches")
    parser.add_argument("--batch-size", type=int, default=64, help="patches a rank and step (64)")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder for the table, and the raster of a product"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(predict, build_parser(), argv)


def predict(arguments: argparse.Namespace) -> None:
    """Predict this rank's share; rank 0 writes."""
    plan = hvd.on_rank_zero(lambda: prepare_prediction(arguments))
    model = plan.classifier.build()

    def compute(images: Images) -> np.ndarray:
        return in_batches(
            lambda part: probabilities(model, network_inputs(part, plan.classifier.bands)).numpy(),
            images,
            arguments.batch_size,
        )

    progress = cli.shows_progress(arguments.no_progress)
    if plan.scene is None:
        predict_patches(plan, compute, arguments.batch_size, progress)
    else:
        predict_scene(plan, compute, progress)


def prepare_prediction(arguments: argparse.Namespace) -> PredictionPlan:
    """Check all that can be checked before the work starts, and make the output folder. Called on rank 0."""
    if arguments.batch_size < 1:
        raise SettingError(f"--batch-size must be above 0; got {arguments.batch_size}.")
    classifier = read_trained(arguments.run_dir)
    require_native(classifier)
    path = Path(arguments.input)
    patches, scene, grid = (), None, None
    if path.is_dir() and path.suffix != ".SAFE" and not any(path.glob("MTD_*.xml")):
        patches = find_folders(path, arguments.s1_root, classifier)
    else:
        scene = open_scene(path)
        require_squares(scene, classifier)
        grid = square_grid(scene)
    classifier.build()  # better to fail now than on all ranks
    folder = Path(arguments.output)
    open_output_folder(folder, arguments.overwrite, [TABLE, RASTER])
    return PredictionPlan(classifier, folder, patches, scene, grid)


def require_native(classifier: TrainedClassifier) -> None:
    """Raise where the network takes bands that something else brought to another GSD first."""
    other = {name: shape for name, shape in classifier.image_shapes.items() if shape[0] != NATIVE_PX[name]}
    if other:
        raise RunFolderError(
            f"{classifier.folder} was trained on bands brought to 10 m beforehand ({sizes(other)}); "
            f"give a run trained on bands at their own GSD."
        )


def require_squares(scene: Scene, classifier: TrainedClassifier) -> None:
    """Raise where a scene cannot give what the network sees; warn where it is no surface reflectance."""
    if "s1" in BAND_SETS[classifier.bands]:
        raise SettingError(
            f"{classifier.folder} was trained with --bands {classifier.bands}, and {scene.name} holds "
            f"no Sentinel-1; give a run of rgb, 10m or s2."
        )
    gsds = tuple(group_gsd(group) for group in BAND_SETS[classifier.bands])
    for gsd in gsds:
        scene.bands_at(gsd)
    check_grids(scene, gsds)
    if scene.level != "L2A":
        logger.warning(
            "%s is %s; networks trained on BigEarthNet know L2A: their result may be wrong", scene.name, scene.level
        )


def find_folders(path: Path, s1_root: str | None, classifier: TrainedClassifier) -> tuple[PatchFolders, ...]:
    """The patch that a folder is, or those in it, with their partners where the network needs them."""
    found = {path.absolute().name: str(path.absolute())} if is_patch_folder(path) else find_patches(path, S2_NAME)
    if "s1" not in BAND_SETS[classifier.bands]:
        return tuple(PatchFolders(name, folder) for name, folder in found.items())
    if s1_root is None:
        raise SettingError(
            f"{classifier.folder} was trained with --bands {classifier.bands}; give the folder of the "
            f"Sentinel-1 partners with --s1-root."
        )
    partners = {read_partner(name, folder): folder for name, folder in find_patches(s1_root, S1_NAME).items()}
    missing = [name for name in found if name not in partners]
    if missing:
        raise ProductError(f"{s1_root} lacks the Sentinel-1 partner of {missing[0]}; give the folder that holds it.")
    return tuple(PatchFolders(name, folder, partners[name]) for name, folder in found.items())


def network_inputs(images: Images, bands: str) -> dict:
    """Images (B, rows, cols, bands) as stored -> those that the network takes."""
    return {group: tf.constant(images[group]) for group in BAND_SETS[bands]}


def in_batches(compute: Callable[[Images], np.ndarray], images: Images, batch_size: int) -> np.ndarray:
    """What `compute` gives for all images, so many at a time."""
    count = len(next(iter(images.values())))
    return np.concatenate(
        [
            compute({name: array[first : first + batch_size] for name, array in images.items()})
            for first in range(0, count, batch_size)
        ]
    )


def predict_patches(
    plan: PredictionPlan, compute: Callable[[Images], np.ndarray], batch_size: int, progress: bool
) -> None:
    """Predict patch folders; rank 0 writes the table."""
    mine = range(hvd.rank(), len(plan.patches), hvd.size())
    found = {}
    for first in tqdm(range(0, len(mine), batch_size), unit="batch", disable=not progress):
        numbers = mine[first : first + batch_size]
        read = [read_images(plan.patches[number]) for number in numbers]
        values = compute({group: np.stack([images[group] for images in read]) for group in read[0]})
        found.update(zip(numbers, values, strict=True))
    gathered = hvd.gather_in_order({number: [values] for number, values in found.items()})
    if hvd.rank() == 0:
        names = [[patch.name] for patch in plan.patches]
        write_table(plan, ["name"], zip(names, gathered, strict=True))
        print(f"{len(gathered)} patches: {plan.folder / TABLE}")


def predict_scene(plan: PredictionPlan, compute: Callable[[Images], np.ndarray], progress: bool) -> None:
    """Predict the squares of a scene; rank 0 writes table and raster."""
    groups = tuple(BAND_SETS[plan.classifier.bands])
    found: dict[int, np.ndarray] = {}
    for strip in tqdm(strips(plan.grid)[hvd.rank() :: hvd.size()], unit="strip", disable=not progress):
        for row, (squares, valid) in enumerate(read_squares(plan.scene, strip, groups), start=strip.row):
            found[row] = np.full((plan.grid.cols, len(plan.classifier.class_names)), np.nan, np.float32)
            if valid.any():
                found[row][valid] = compute({group: images[valid] for group, images in squares.items()})
    rows = hvd.gather_in_order({row: [values] for row, values in found.items()})
    if hvd.rank() == 0:
        write_scene(plan, np.stack(rows))


def write_scene(plan: PredictionPlan, raster: np.ndarray) -> None:
    """Write table and raster, (rows, cols, C) with NaN where there is nodata, and say how many squares there are."""
    tags = {
        "SCENE": plan.scene.name,
        "NETWORK": plan.classifier.name,
        "CODE_REVISION": code_revision(),
        "CREATED_UTC": utc_now(),
        "COMMAND": " ".join(sys.argv),
    }
    write_float_geotiff(plan.folder / RASTER, plan.grid, raster, plan.classifier.class_names, tags)
    write_table(plan, ["row", "col", "x", "y"], square_lines(plan.grid, raster))
    whole = int(np.isfinite(raster[..., 0]).sum())
    print(
        f"{whole} squares, {raster[..., 0].size - whole} left out for nodata: {plan.folder / TABLE}, "
        f"{plan.folder / RASTER}"
    )


def square_lines(grid: GeoReference, raster: np.ndarray) -> Iterator[tuple[list, np.ndarray]]:
    """Row, column and upper-left corner, in metres of the scene's coordinate system, of the squares without nodata."""
    x, _, _, y, _, _ = grid.geotransform
    for row, col in zip(*np.nonzero(np.isfinite(raster[..., 0])), strict=True):
        yield [int(row), int(col), x + col * SQUARE_M, y - row * SQUARE_M], raster[row, col]


def write_table(plan: PredictionPlan, header: Sequence[str], lines: Iterator[tuple[list, np.ndarray]]) -> None:
    """Write `probabilities.csv`: what each line is of, the classes that it holds, and the probability of each class."""
    names, thresholds = plan.classifier.class_names, plan.classifier.thresholds
    rows = (
        [
            *first,
            "; ".join(names[index] for index in np.flatnonzero(values >= thresholds)),
            *(f"{value:.6f}" for value in values),
        ]
        for first, values in lines
    )
    write_rows(plan.folder / TABLE, rows, [*header, "classes", *names])


if __name__ == "__main__":
    sys.exit(main())
