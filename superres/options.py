"""Options that several commands share. Light: imports no Keras."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import common.distributed as hvd
from common.errors import SettingError
from common.files.read_errors import describe_missing
from common.networks.engines import ENGINES, TENSORFLOW
from common.networks.precision import PRECISIONS
from superres.networks.catalogue import DEFAULT_UPSAMPLING, NETWORKS, UPSAMPLINGS
from superres.networks.published import PUBLISHED, PUBLISHED_NETWORK
from superres.networks.sources import WeightsOptions
from superres.pansharpening.catalogue import METHODS
from superres.prediction.options import AUTO


def add_weights_options(parser: argparse.ArgumentParser, how_many: str) -> None:
    """Add the options that name trained networks.

    Args:
        parser: of a command.
        how_many: end of the help texts of --weights and --run-dir.
    """
    parser.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        default=[],
        metavar="WEIGHTS",
        help=f"published weights ({', '.join(PUBLISHED)}) or weights files; {how_many}",
    )
    parser.add_argument(
        "--run-dir",
        nargs="+",
        action="extend",
        default=[],
        metavar="DIR",
        help=f"run folders of superres-train; {how_many}",
    )
    parser.add_argument(
        "--model",
        default=PUBLISHED_NETWORK,
        metavar="NAME",
        help=f"network of the weights files, one of {', '.join(NETWORKS)}; run folders and published weights name their "
        f"own ({PUBLISHED_NETWORK})",
    )
    parser.add_argument(
        "--upsample",
        default=DEFAULT_UPSAMPLING,
        choices=UPSAMPLINGS,
        help="upsampling in the network of the weights files; run folders and published weights name their own "
        f"({DEFAULT_UPSAMPLING})",
    )


def read_weights_options(options: argparse.Namespace) -> WeightsOptions:
    """Return the record of the options that `add_weights_options` added. Every rank must call it.

    Raises:
        SettingError: as `check_paths`; on all ranks.
    """
    hvd.on_rank_zero(lambda: check_paths(options.run_dir, options.weights))
    return WeightsOptions((*options.run_dir, *options.weights), options.model, options.upsample)


def check_paths(run_folders: Sequence[str], weights: Sequence[str]) -> None:
    """Check what can be told of the options that name trained networks before their weights are looked for.

    Raises:
        SettingError: a --run-dir is a file, whose network --model would name, or the name of published weights; or a path is
            a link to nowhere.
    """
    for option, paths in ("--run-dir", run_folders), ("--weights", weights):
        for path in paths:
            if broken_link := describe_missing(path, ""):
                raise SettingError(f"{option} {path} {broken_link}; correct the link.")
    for path in run_folders:
        if path in PUBLISHED:
            raise SettingError(
                f"--run-dir {path} is the name of published weights; give them with --weights, or a folder of this name as "
                f"./{path}."
            )
        if Path(path).is_file():
            raise SettingError(
                f"--run-dir {path} is a file; give the folder that superres-train wrote, or a file of weights with --weights."
            )


def add_methods_option(parser: argparse.ArgumentParser) -> None:
    """Add --methods: pansharpening beside the networks."""
    parser.add_argument(
        "--methods",
        nargs="+",
        action="extend",
        default=[],
        choices=tuple(METHODS),
        help=f"also measure these methods of pansharpening: {', '.join(METHODS)}",
    )


def read_methods_option(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the names that `add_methods_option` reads, each once, in the order of METHODS."""
    return tuple(name for name in METHODS if name in options.methods)


def add_precision_option(parser: argparse.ArgumentParser, choices: Sequence[str] = tuple(PRECISIONS)) -> None:
    """Add --precision; its default is the first of the choices."""
    auto = "; auto is bfloat16 if the hardware supports it, otherwise float32" if AUTO in choices else ""
    parser.add_argument(
        "--precision",
        default=choices[0],
        choices=tuple(choices),
        help=f"precision of the convolutions{auto} ({choices[0]})",
    )


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Add --engine."""
    parser.add_argument(
        "--engine",
        default=TENSORFLOW,
        choices=ENGINES,
        help="software that computes the networks; openvino may be faster on processors, needs the package openvino, and is "
        f"replaced by {TENSORFLOW} where it is not installed, or cannot compute in this --precision ({TENSORFLOW})",
    )
