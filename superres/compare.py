"""Train networks with all other settings equal, and compare their errors and costs in one table.

    python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --output comparison

Scenes -> patch files in the patch cache -> one run folder for each network, upsampling and seed -> evaluation of all
networks -> `comparison.csv`, `comparison.md`, `comparison.png`. All runs have the same patches, held-out blocks and
number of steps. Initial weights, the order of the patches and their augmentation depend on the seed.
"""

import argparse
import itertools
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import common.distributed as hvd
from common.errors import SettingError
from common.runs import cli
from common.runs.folder import open_output_folder
from common.runs.log import stop_logging_to_file
from common.runs.opening import RunLocation
from superres.evaluate import evaluate
from superres.evaluation.options import EvaluationOptions
from superres.networks.catalogue import DEFAULT_UPSAMPLING, NETWORKS, UPSAMPLINGS
from superres.networks.published import PUBLISHED
from superres.networks.sources import WeightsOptions
from superres.options import add_methods_option, read_methods_option
from superres.train import train
from superres.training.config import SuperresConfig, gan_fields

logger = logging.getLogger(__name__)

RUNS, EVALUATION = "runs", "evaluation"
TABLE, TEXT, FIGURE = "comparison.csv", "comparison.md", "comparison.png"
VARIED = ("model", "upsample", "seed")  # settings of superres-train for which this command takes lists


class Variant(NamedTuple):
    """The settings that differ between the runs."""

    model: str
    upsample: str
    seed: int

    @property
    def label(self) -> str:
        """Label in the table; runs with different seeds share one."""
        return f"{self.model}, {self.upsample}"

    @property
    def folder_name(self) -> str:
        """Name of the run folder."""
        return f"{self.model}-{self.upsample}-seed{self.seed}"


@dataclass(frozen=True)
class ComparisonOptions:
    """The options of a comparison.

    Attributes:
        models: networks to train.
        upsamplings: upsamplings to train each network with.
        seeds: seeds to train each network and upsampling with.
        trained: run folders or published weights to measure without training.
        methods: pansharpening methods to measure beside the networks.
        settings: settings of superres-train from the command line, the same for all runs.
        folder: folder for runs, tables and figures.
        resume: continue the comparison in the folder.
        overwrite: replace the comparison in the folder.
        show_progress: show bars.
    """

    models: tuple[str, ...]
    upsamplings: tuple[str, ...]
    seeds: tuple[int, ...]
    trained: tuple[str, ...]
    methods: tuple[str, ...]
    settings: dict[str, Any]
    folder: Path
    resume: bool
    overwrite: bool
    show_progress: bool

    @property
    def config(self) -> SuperresConfig:
        """The settings that all runs share."""
        return SuperresConfig.from_dict(self.settings)

    @property
    def variants(self) -> list[Variant]:
        """The variants to train, in the order of the table."""
        return list(itertools.starmap(Variant, itertools.product(self.models, self.upsamplings, self.seeds)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The networks to measure: run folders of all variants, then `trained`."""
        return (*(str(self.run_folder(variant)) for variant in self.variants), *self.trained)

    def run_folder(self, variant: Variant) -> Path:
        """Return the run folder of a variant."""
        return self.folder / RUNS / variant.folder_name

    def variant_config(self, variant: Variant) -> SuperresConfig:
        """Return the settings of a variant's training, without test scenes: all networks are measured together at the end."""
        return SuperresConfig.from_dict({**self.settings, **variant._asdict(), "test_tiles": None})


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser."""
    parser = cli.new_parser(
        "Train networks with all other settings equal, measure them and interpolation on test scenes, and write one "
        "table of errors and costs. Under mpirun all ranks train together. The settings of training are those of "
        "superres-train, and the same for all networks.",
        "python superres/compare.py --tiles tiles.txt --test-tiles test.txt --models fuse lowres dsen2 --seeds 0 1 "
        "--output comparison",
    )
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME", help=f"networks: {', '.join(NETWORKS)}")
    parser.add_argument(
        "--upsamplings",
        nargs="+",
        default=[DEFAULT_UPSAMPLING],
        choices=UPSAMPLINGS,
        help=f"upsamplings of the coarse bands; each network is trained with each of them ({DEFAULT_UPSAMPLING})",
    )
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[0],
        metavar="N",
        help="seeds; each is one run, and the table gives the spread over them (0)",
    )
    parser.add_argument(
        "--trained",
        nargs="+",
        default=[],
        metavar="WEIGHTS",
        help="run folders, also of adversarial training, or published weights "
        f"({', '.join(PUBLISHED)}) to measure without training",
    )
    add_methods_option(parser)
    adversarial = [field.name for field in gan_fields()]
    cli.add_config_options(parser, SuperresConfig, leave_out=[*VARIED, *adversarial])
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for runs, tables and figures")
    parser.add_argument(
        "--resume", action="store_true", help="continue the comparison in --output; finished runs are kept"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return cli.run_command(lambda options: compare(read_options(options)), build_parser(), argv)


def read_options(options: argparse.Namespace) -> ComparisonOptions:
    """Return the options as a record; repeated values of a list count once."""
    models, upsamplings, seeds = (
        tuple(dict.fromkeys(values)) for values in (options.models, options.upsamplings, options.seeds)
    )
    return ComparisonOptions(
        models=models,
        upsamplings=upsamplings,
        seeds=seeds,
        trained=tuple(options.trained),
        methods=read_methods_option(options),
        settings=cli.given_settings(options, SuperresConfig),
        folder=Path(options.output),
        resume=options.resume,
        overwrite=options.overwrite,
        show_progress=cli.shows_progress(options.no_progress),
    )


def compare(options: ComparisonOptions) -> None:
    """Train the variants that are not trained yet, evaluate all networks, and write the table."""
    hvd.on_rank_zero(lambda: prepare_comparison(options))
    # TensorFlow takes seconds to import: not before options and files are checked.
    import keras

    for index, variant in enumerate(options.variants, 1):
        logger.info("run %d of %d: %s", index, len(options.variants), variant.folder_name)
        train_variant(options, variant)
        keras.backend.clear_session()
    config = options.config
    evaluate(
        EvaluationOptions(
            tiles=config.test_tiles,
            weights=WeightsOptions(options.sources),
            output=options.folder / EVALUATION,
            data_dir=config.data_dir,
            gsd=config.gsd,
            degradation=config.degradation,
            precision=config.precision,
            methods=options.methods,
            full_scale=True,
            overwrite=True,
            show_progress=options.show_progress,
        )
    )
    hvd.on_rank_zero(lambda: report(options))


def prepare_comparison(options: ComparisonOptions) -> None:
    """Check settings, scenes and weights, and make the output folder. Call on rank 0.

    Raises:
        S2Error: settings, scenes, weights or the output folder cannot be used.
    """
    from common.scenes.tile_list import read_tile_list
    from superres.training.plan import check_init_weights, check_scenes, find_teacher

    RunLocation(options.folder, options.resume, options.overwrite)  # refuses both options together
    if not options.variants and not options.trained:
        raise SettingError("there is nothing to compare: give --models, --trained, or both.")
    if not options.settings.get("test_tiles"):
        raise SettingError(
            "a comparison needs scenes that no network was trained on; give their list with --test-tiles."
        )
    for model in options.models:
        if model not in NETWORKS:
            raise SettingError(
                f"unknown network {model!r}; expected one of {', '.join(NETWORKS)}. Give runs of adversarial training "
                f"with --trained."
            )
    configs = [options.variant_config(variant) for variant in options.variants]
    config = options.config
    scenes, test_scenes = (read_tile_list(tiles, config.data_dir) for tiles in (config.tiles, config.test_tiles))
    check_scenes(scenes, test_scenes, config.gsd)
    if options.trained:
        from superres.evaluation.plan import find_networks

        find_networks(WeightsOptions(options.trained), config.gsd)
    for variant_config in configs:
        check_init_weights(variant_config, ())
    if config.teacher:
        find_teacher(config, ())
    replaced_files = [] if options.resume else [TABLE, TEXT, FIGURE]
    open_output_folder(options.folder, options.overwrite or options.resume, replaced_files, resumable=True)


def train_variant(options: ComparisonOptions, variant: Variant) -> None:
    """Train one variant; a resumed comparison continues it from its last checkpoint."""
    location = RunLocation(options.run_folder(variant), options.resume, options.overwrite)
    train(options.variant_config(variant), location, options.show_progress)
    stop_logging_to_file()


def report(options: ComparisonOptions) -> None:
    """Write the table and its figure, and print the table. Call on rank 0."""
    from common.files.atomic import write_text
    from common.runs.provenance import provenance_line
    from superres.evaluation.comparison import compared_networks, comparison_table, write_comparison
    from superres.figures.comparison import plot_comparison_table

    folder, config = options.folder, options.config
    trained_here = {str(options.run_folder(variant)): variant for variant in options.variants}
    labels = {source: (variant.label, variant.seed) for source, variant in trained_here.items()}
    networks = compared_networks(folder / EVALUATION, options.sources, labels, config, options.methods)
    write_comparison(folder / TABLE, networks)
    plot_comparison_table(folder / TABLE, folder / FIGURE)
    text = (
        f"{comparison_table(networks)}\n\nTest scenes: {networks[0].scenes}, {config.gsd} m bands, degraded with "
        f"`--degradation {config.degradation}`. Work: multiplications for one 10 m pixel. Pixels/s: 10 m pixels of the "
        f"result, {config.precision}."
    )
    write_text(folder / TEXT, f"{text}\n\n{provenance_line()}\n")
    print(text)
    print(f"\n{folder / TABLE}, {folder / TEXT}, {folder / FIGURE}, and {folder / EVALUATION}")


if __name__ == "__main__":
    sys.exit(main())
