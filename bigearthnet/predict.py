"""Predict the classes of patch folders, or of each square of 1.2 km of a Sentinel-2 product, with a trained network.

    python bigearthnet/predict.py SCENE --run-dir runs/first --output map

Patch folders or scene -> `probabilities.csv`; for a scene also `probabilities.tif`, with a pixel for each square and a
band for each class. Under mpirun the ranks share the patches, or the rows of squares.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from bigearthnet.prediction.options import BATCH_SIZE, PredictionOptions
from common.runs import cli
from common.runs.folder import open_output_folder


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Predict the land-cover classes of BigEarthNet patches, or of each square of 1.2 km of a Sentinel-2 product. "
        "Under mpirun the ranks share the work.",
        "python bigearthnet/predict.py S2A_MSIL2A_20170613T101031_N0400_R022_T33UUP_20170613T101608.SAFE "
        "--run-dir runs/first --output map",
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="patch folder, folder of patch folders, product (.SAFE or .zarr folder, its zip or tar, or an MTD_*.xml), or STAC item "
        "(.json)",
    )
    parser.add_argument("--run-dir", required=True, metavar="DIR", help="folder of the training run")
    parser.add_argument("--s1-root", metavar="DIR", help="folder of the Sentinel-1 partners of the patches")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help=f"patches per rank and step ({BATCH_SIZE})")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder for the table, and for the raster of a product"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: predict(read_options(options)), build_parser(), argv)


def read_options(options: argparse.Namespace) -> PredictionOptions:
    """Return the options as a record."""
    return PredictionOptions(
        Path(options.input),
        Path(options.run_dir),
        Path(options.output),
        Path(options.s1_root) if options.s1_root is not None else None,
        options.batch_size,
        options.overwrite,
        cli.shows_progress(options.no_progress),
    )


def predict(options: PredictionOptions) -> None:
    """Predict all patches or squares, each rank a share of them; rank 0 writes the files and prints their names."""
    from bigearthnet.prediction.plan import prepare_prediction

    plan = hvd.on_rank_zero(lambda: prepare_prediction(options))
    # TensorFlow takes seconds to import: not before options and files are checked.
    from bigearthnet.prediction.output import (
        OUTPUT_FILES,
        RASTER,
        TABLE,
        write_patch_table,
        write_raster,
        write_square_table,
    )
    from bigearthnet.prediction.patch_folders import predict_patch_folders
    from bigearthnet.prediction.scene_map import predict_scene

    model = plan.trained.build()
    # Only now: damaged weights must not cost older results.
    hvd.on_rank_zero(lambda: open_output_folder(options.output, options.overwrite, OUTPUT_FILES))
    table, raster = options.output / TABLE, options.output / RASTER
    if plan.scene is None:
        probabilities = predict_patch_folders(model, plan.patches, options.batch_size, options.show_progress)
        if hvd.rank() == 0:
            write_patch_table(table, plan.trained, [patch.name for patch in plan.patches], probabilities)
            print(f"{len(plan.patches)} patches: {table}")
    else:
        probabilities = predict_scene(model, plan.scene, plan.grid, options.batch_size, options.show_progress)
        if hvd.rank() == 0:
            write_raster(raster, plan.trained, plan.scene.name, plan.grid, probabilities)
            squares = write_square_table(table, plan.trained, plan.grid, probabilities)
            left_out = plan.grid.rows * plan.grid.cols - squares
            print(f"{squares} squares, {left_out} left out for nodata: {table}, {raster}")


if __name__ == "__main__":
    sys.exit(main())
