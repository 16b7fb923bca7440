"""Train a network that predicts the land-cover classes of Sentinel-2 patches, on one or many ranks.

    mpirun -np 2 python bigearthnet/train.py --data data.h5 --bands s2

Prepared file -> run folder with weights and with decision thresholds that were chosen on the validation patches. If the
file has test patches, also their scores.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from bigearthnet.training.config import BigEarthNetConfig
from common.runs import cli
from common.runs import folder as run
from common.runs.opening import RunLocation


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Train a network that predicts the land-cover classes of patches. Needs no rank count: under mpirun it uses all "
        "ranks, without it one.",
        "mpirun -np 2 python bigearthnet/train.py --data data.h5 --bands s2 --run-dir runs/first",
    )
    cli.add_config_options(parser, BigEarthNetConfig)
    cli.add_run_options(parser)
    cli.add_stage_option(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(
        lambda options: train(
            cli.read_settings(options, BigEarthNetConfig),
            cli.read_location(options),
            cli.shows_progress(options.no_progress),
            cli.read_stage(options),
        ),
        build_parser(),
        argv,
    )


def train(
    config: BigEarthNetConfig, location: RunLocation, show_progress: bool = False, stage: Path | None = None
) -> None:
    """Train, choose thresholds on the validation patches, and measure on the test patches."""
    from bigearthnet.training.plan import prepare_training
    from common.patches.staging import check_stage

    hvd.on_rank_zero(lambda: prepare_training(config, location))
    check_stage(stage)
    # TensorFlow takes seconds to import: not before options and files are checked. matplotlib: not before the training.
    from bigearthnet.cards.model_card import write_card
    from bigearthnet.evaluation.measure import measure_run
    from bigearthnet.evaluation.tables import metric_table
    from bigearthnet.training.data import open_data
    from bigearthnet.training.fit import fit, open_run
    from common.report.markdown import table_markdown

    data = open_data(config, stage, show_progress)
    with open_run(config, location) as (folder, resumes):
        model = fit(config, data, folder, resumes, show_progress, location.allow_ranks_change)
        if hvd.rank() == 0:
            from bigearthnet.figures.history import plot_history

            plot_history(folder / run.HISTORY, folder / run.CURVES)
        rows = measure_run(model, config, data, folder, show_progress)
        if hvd.rank() == 0:
            write_card(folder, config, data, model, rows)
        if hvd.rank() == 0 and rows:
            from bigearthnet.figures.class_scores import plot_class_scores

            plot_class_scores(folder / run.METRICS, folder / run.METRIC_BARS)
    if hvd.rank() == 0 and rows:
        print(table_markdown(metric_table("", rows)))
        print(f"\n{len(data.test)} test patches; {folder / run.METRICS}, {folder / run.METRIC_BARS}")
    elif hvd.rank() == 0:
        print(folder)


if __name__ == "__main__":
    sys.exit(main())
