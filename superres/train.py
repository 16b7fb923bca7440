"""Train a network that sharpens the 20 m or 60 m bands of Sentinel-2, or both, on one or many ranks.

    mpirun -np 2 python superres/train.py --tiles tiles.txt --test-tiles test.txt

Scenes -> patch files in the patch cache -> run folder. With --test-tiles, also the errors on test scenes: table and
figures.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import common.distributed as hvd
from common.pixels.sentinel2 import each_gsd
from common.runs import cli
from common.runs import folder as run
from common.runs.opening import RunLocation
from superres.training.config import SuperresConfig

if TYPE_CHECKING:
    import keras

    from common.scenes.scene import Scene
    from superres.evaluation.tables import MetricRow


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Train a network that sharpens the 20 m or 60 m bands of Sentinel-2, or both. Needs no rank count: under mpirun it "
        "uses all ranks, without it one.",
        "mpirun -np 2 python superres/train.py --tiles tiles.txt --test-tiles test.txt --run-dir runs/first",
    )
    cli.add_config_options(parser, SuperresConfig)
    cli.add_run_options(parser)
    cli.add_stage_option(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(
        lambda options: train(
            cli.read_settings(options, SuperresConfig),
            cli.read_location(options),
            cli.shows_progress(options.no_progress),
            cli.read_stage(options),
        ),
        build_parser(),
        argv,
    )


def train(
    config: SuperresConfig, location: RunLocation, show_progress: bool = False, stage: Path | None = None
) -> None:
    """Cut patches, train, and measure on the test scenes."""
    from common.patches.staging import check_stage
    from superres.training.plan import prepare_training

    plan = hvd.on_rank_zero(lambda: prepare_training(config, location))
    check_stage(stage)
    # TensorFlow takes seconds to import: not before options and scenes are checked. matplotlib: not before the training.
    from superres.cards.model_card import write_card
    from superres.training.data import prepare_data
    from superres.training.fit import fit, open_run

    data = prepare_data(config, plan, show_progress, stage)
    with open_run(config, location, data) as (folder, resumes):
        model = fit(config, data, folder, resumes, show_progress, location.allow_ranks_change)
        if hvd.rank() == 0:
            from superres.figures.history import plot_history

            plot_history(folder / run.HISTORY, folder / run.CURVES)
        rows = measure(model, config, plan.test_scenes, folder) if plan.test_scenes else []
        if hvd.rank() == 0:
            write_card(folder, config, plan, data, model, rows)


def measure(
    model: "keras.Model", config: SuperresConfig, test_scenes: "Sequence[Scene]", folder: Path
) -> "list[MetricRow]":
    """Measure a model on the test scenes, which the ranks share. Rank 0 writes and prints the table, and draws the figures.

    A joint network is measured at 20 m and at 60 m; the GSD stands behind the names of its methods then.

    Args:
        model: as `fit` returns it.
        config: the settings of the training.
        test_scenes: at least one scene.
        folder: the run folder.

    Returns:
        The rows of `metrics.csv` on rank 0.
    """
    from common.report.markdown import table_markdown
    from superres.evaluation.reduced_scale import evaluate_scene
    from superres.evaluation.tables import TABLE_METRICS, metric_table, write_metrics
    from superres.figures.metrics import plot_metrics
    from superres.figures.pictures import plot_test_scene

    rows = {}
    for index in range(hvd.rank(), len(test_scenes), hvd.size()):
        rows[index] = []
        for gsd in each_gsd(config.gsd):
            settings = config.patches_at(gsd)
            result = evaluate_scene(
                test_scenes[index], model, config.network_name, settings, config.upsample, config.model
            )
            of_gsd = f", {gsd} m" if settings.joint else ""
            rows[index] += [row._replace(method=f"{row.method}{of_gsd}") for row in result.rows]
            if index == 0 and gsd == min(each_gsd(config.gsd)):
                plot_test_scene(result, config.model, settings, folder / run.PICTURE)
    rows = hvd.gather_in_order(rows)
    if hvd.rank() == 0:
        write_metrics(folder / run.METRICS, rows)
        plot_metrics(folder / run.METRICS, folder / run.METRIC_BARS)
        print(table_markdown(metric_table("", rows, TABLE_METRICS)))
        print(f"\n{folder / run.METRICS}, {folder / run.METRIC_BARS}, {folder / run.PICTURE}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
