"""Train networks with everything else equal, and put them into one table with their quality and their cost.

    python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --output comparison

Scenes -> patch cache -> a run folder a network, upsampling and seed -> evaluation of all -> `comparison.csv`,
`comparison.md`, `comparison.png`. Patches, held-out blocks and the number of steps are the same for all; initial weights,
the order of the patches and their augmentation hang on the seed.
"""

import common  # isort: skip  # noqa: F401  before TensorFlow, whose notes at the start it turns off

import argparse
import itertools
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import common.distributed as hvd
from common.errors import SettingError
from common.files.atomic import write_text
from common.metrics.fusion import OVERALL
from common.runs import cli
from common.runs import folder as run
from common.runs.folder import RunLocation, open_output_folder
from common.runs.log import stop_logging_to_file
from common.runs.provenance import provenance_line
from common.scenes.tile_list import read_tile_list
from superres import evaluate, train
from superres.evaluation.comparison import (
    LOWER_IS_BETTER,
    ComparedNetwork,
    comparison_table,
    write_comparison,
)
from superres.evaluation.cost import multiplications_per_pixel, pixels_per_second
from superres.evaluation.methods import find_networks
from superres.evaluation.tables import MetricRow, read_metrics
from superres.figures.comparison import plot_comparison_table
from superres.networks import NETWORKS, UPSAMPLINGS
from superres.networks.published import PUBLISHED
from superres.networks.trained import TrainedNetwork
from superres.prediction.interpolation import INTERPOLATIONS
from superres.training.checks import check_init_weights, check_scenes, find_teacher
from superres.training.config import SuperresConfig, gan_fields

logger = logging.getLogger(__name__)

RUNS, EVALUATION = "runs", "evaluation"
TABLE, TEXT, FIGURE = "comparison.csv", "comparison.md", "comparison.png"
VARIED = ("model", "upsample", "seed")  # settings that lists take the place of


class Variant(NamedTuple):
    """What one of the runs has of its own."""

    model: str
    upsample: str
    seed: int

    @property
    def label(self) -> str:
        return f"{self.model}, {self.upsample}"

    @property
    def folder(self) -> str:
        return f"{self.model}-{self.upsample}-seed{self.seed}"


def build_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = cli.new_parser(
        "Train networks with everything else equal, measure them on test scenes beside interpolation, and write one "
        "table of quality and cost. Under mpirun all ranks train together. Settings of training are those of "
        "superres-train, and the same for all.",
        "python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --seeds 0 1 "
        "--output comparison",
    )
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME", help=f"networks: {', '.join(NETWORKS)}")
    parser.add_argument(
        "--upsamplings",
        nargs="+",
        default=["bilinear"],
        choices=UPSAMPLINGS,
        help="what the networks are given; each network is trained with each (bilinear)",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0], metavar="N", help="each is a run; the table tells their spread (0)"
    )
    parser.add_argument(
        "--trained",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help=f"run folders, those of adversarial training too, or of {', '.join(PUBLISHED)}: also measured, not trained",
    )
    adversarial = [field.name for field in gan_fields()]
    cli.add_config_options(parser, SuperresConfig, leave_out=[*VARIED, *adversarial])
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for runs, tables and figures")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the comparison in --output: what is trained stays"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return cli.run_command(compare, build_parser(), argv)


def compare(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, evaluate all, and write the table."""
    variants = hvd.on_rank_zero(lambda: prepare_comparison(arguments))
    folder = Path(arguments.output)
    for number, variant in enumerate(variants, 1):
        logger.info("run %d of %d: %s", number, len(variants), variant.folder)
        train_variant(arguments, variant, folder / RUNS / variant.folder)
        keras.backend.clear_session()
    sources = [*(str(folder / RUNS / variant.folder) for variant in variants), *arguments.trained]
    evaluate.evaluate(evaluation_options(arguments, sources))
    hvd.on_rank_zero(lambda: report(arguments, variants, sources))


def prepare_comparison(arguments: argparse.Namespace) -> list[Variant]:
    """Check all that can be checked before the work starts, and make the output folder. Called on rank 0."""
    variants = [
        Variant(*chosen)
        for chosen in itertools.product(*map(dict.fromkeys, (arguments.models, arguments.upsamplings, arguments.seeds)))
    ]
    settings = cli.given_settings(arguments, SuperresConfig)
    if not variants and not arguments.trained:
        raise SettingError("there is nothing to compare: give --models, --trained, or both.")
    if not settings.get("test_tiles"):
        raise SettingError("a comparison needs scenes that no network has seen; give their list with --test-tiles.")
    for model in arguments.models:
        if model not in NETWORKS:
            raise SettingError(
                f"unknown network {model!r}; expected one of {', '.join(NETWORKS)}. Runs of adversarial training are "
                f"compared with --trained."
            )
    configs = [SuperresConfig.from_dict({**settings, **variant._asdict()}) for variant in variants]
    config = SuperresConfig.from_dict(settings)
    scenes, test_scenes = (read_tile_list(tiles, config.data_dir) for tiles in (config.tiles, config.test_tiles))
    check_scenes(scenes, test_scenes, config.gsd)
    if arguments.trained:
        find_networks(arguments.trained, "dsen2", config.gsd)
    for one in configs:
        check_init_weights(one, ())
    if config.teacher:
        find_teacher(config)
    older = [] if arguments.resume else [TABLE, TEXT, FIGURE]
    open_output_folder(Path(arguments.output), arguments.overwrite or arguments.resume, older)
    return variants


def train_variant(arguments: argparse.Namespace, variant: Variant, run_dir: Path) -> None:
    """Train one network; where the comparison is resumed, from the last checkpoint on, if there is one."""
    settings = cli.given_settings(arguments, SuperresConfig)
    settings.pop("test_tiles")  # all are measured together
    there = hvd.broadcast_object((run_dir / run.CHECKPOINT).exists())
    train.train(
        SuperresConfig.from_dict({**settings, **variant._asdict()}),
        RunLocation(run_dir, arguments.resume and there, arguments.overwrite or arguments.resume),
        cli.shows_progress(arguments.no_progress),
    )
    stop_logging_to_file()


def evaluation_options(arguments: argparse.Namespace, sources: Sequence[str]) -> argparse.Namespace:
    """What `superres-evaluate` is asked for: both scales, on the test scenes."""
    config = SuperresConfig.from_dict(cli.given_settings(arguments, SuperresConfig))
    options = evaluate.build_parser().parse_args(
        [
            "--tiles",
            config.test_tiles,
            "--output",
            str(Path(arguments.output) / EVALUATION),
            "--full-scale",
            "--overwrite",
        ]
    )
    options.run_dir, options.gsd, options.degradation = list(sources), config.gsd, config.degradation
    options.data_dir, options.precision = config.data_dir, config.precision
    options.no_progress = arguments.no_progress
    return options


def report(arguments: argparse.Namespace, variants: Sequence[Variant], sources: Sequence[str]) -> None:
    """Write the table and its figure, and print it. Called on rank 0."""
    folder = Path(arguments.output)
    config = SuperresConfig.from_dict(cli.given_settings(arguments, SuperresConfig))
    named, _ = find_networks(sources, "dsen2", config.gsd)
    of_source = {str(folder / RUNS / variant.folder): variant for variant in variants}
    rows = read_metrics(folder / EVALUATION / evaluate.METRICS)
    networks = [measured(name, name, None, config, rows) for name in INTERPOLATIONS]
    networks += [
        measured(name, None, trained, config, rows, of_source.get(trained.source)) for name, trained in named.items()
    ]
    write_comparison(folder / TABLE, networks)
    plot_comparison_table(folder / TABLE, folder / FIGURE)
    text = (
        f"{comparison_table(networks)}\n\nTest scenes: {networks[0].scenes}, {config.gsd} m bands, degraded as "
        f"`--degradation {config.degradation}` does. Work: multiplications a 10 m pixel. Pixels/s: of the result, "
        f"{config.precision}."
    )
    write_text(folder / TEXT, f"{text}\n\n{provenance_line()}\n")
    print(text)
    print(f"\n{folder / TABLE}, {folder / TEXT}, {folder / FIGURE}, and {folder / EVALUATION}")


def measured(
    method: str,
    label: str | None,
    trained: TrainedNetwork | None,
    config: SuperresConfig,
    rows: Sequence[MetricRow],
    variant: Variant | None = None,
) -> ComparedNetwork:
    """A line of the table, from the rows of evaluation and from the network itself."""
    mine = [row for row in rows if row.method == method and row.band == OVERALL]
    means = {metric: float(np.mean([row.value for row in mine if row.metric == metric])) for metric in LOWER_IS_BETTER}
    model = trained.build(config.precision) if trained else None
    return ComparedNetwork(
        method=method,
        label=label or (variant.label if variant else trained.source),
        seed=variant.seed if variant else None,
        degradation=config.degradation,
        scenes=len({row.scene for row in mine}),
        **means,
        parameters=model.count_params() if model else None,
        work_per_pixel=multiplications_per_pixel(model) if model else None,
        pixels_per_second=pixels_per_second(model) if model else None,
    )


if __name__ == "__main__":
    sys.exit(main())
