"""The options of `superres-compare` as a record: what is trained, measured and written where. Light: imports no Keras."""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.errors import SettingError
from common.report.records import REPORT
from common.runs import cli
from common.studies.options import SCORES, TEXT, VERDICTS, StudyOptions, read_study_options
from common.studies.variants import Variant, vary
from superres.networks.catalogue import DEFAULT_UPSAMPLING, GAN, NETWORKS
from superres.studies.catalogue import ONE_GSD, STUDIES, SuperresStudy
from superres.training.config import SuperresConfig

OUTPUT_FILES = (TEXT, SCORES, VERDICTS, REPORT, "verdicts*.png", "brightness*.png")


@dataclass(frozen=True)
class ComparisonOptions:
    """The options of a comparison.

    Attributes:
        base: study, seeds and folder.
        varied: label -> settings of its runs that differ from the shared ones.
        trained: run folders or published weights to measure without training.
        methods: pansharpening methods to measure beside the networks.
        settings: settings of superres-train that all runs share.
        show_progress: show bars.
    """

    base: StudyOptions
    varied: Mapping[str, Mapping[str, Any]]
    trained: tuple[str, ...]
    methods: tuple[str, ...]
    settings: Mapping[str, Any]
    show_progress: bool

    @property
    def study(self) -> SuperresStudy | None:
        """The study, or None."""
        return self.base.study

    @property
    def config(self) -> SuperresConfig:
        """The settings that all runs share."""
        return SuperresConfig.from_dict(dict(self.settings))

    @property
    def variants(self) -> list[Variant]:
        """The variants to train, in the order of the table."""
        return vary(self.varied, self.base.seeds)

    @property
    def sources(self) -> tuple[str, ...]:
        """The networks to measure: run folders of all variants, then `trained`."""
        return (*(str(variant.folder(self.base.folder)) for variant in self.variants), *self.trained)

    @property
    def labels(self) -> dict[str, tuple[str, int]]:
        """Source -> label and seed, of the networks that the comparison trains."""
        return {str(variant.folder(self.base.folder)): (variant.label, variant.seed) for variant in self.variants}

    @property
    def tests(self) -> tuple[str, ...]:
        """The degradations of the test scenes."""
        return (self.study and self.study.tests) or (self.config.degradation,)

    def variant_config(self, variant: Variant) -> SuperresConfig:
        """Return the settings of a variant's training, without test scenes: all networks are measured together at the end."""
        settings = {**self.settings, **variant.own_settings, "test_tiles": None}
        if settings.get("model") == GAN and "model" in self.settings:
            settings["generator"] = self.settings["model"]
        if "degradation" in variant.settings:  # a patch cache holds patches of one degradation
            settings["patch_cache"] = str(Path(self.config.patch_cache) / settings["degradation"])
        return SuperresConfig.from_dict(settings)


def read_comparison_options(options: argparse.Namespace, methods: tuple[str, ...] = ()) -> ComparisonOptions:
    """Return the options as a record, with these pansharpening methods; repeated values of a list count once.

    Raises:
        SettingError: options contradict each other.
    """
    base = read_study_options(options, STUDIES)
    given = cli.given_settings(options, SuperresConfig)
    models = tuple(dict.fromkeys(options.models))
    upsamplings = tuple(dict.fromkeys(options.upsamplings or ()))
    require_known(models)
    record = ComparisonOptions(
        base=base,
        varied=vary_networks(models, upsamplings or (DEFAULT_UPSAMPLING,)),
        trained=tuple(options.trained),
        methods=methods,
        settings=given,
        show_progress=cli.shows_progress(options.no_progress),
    )
    return with_study(record, given, models, upsamplings) if base.study else record


def vary_networks(models: Sequence[str], upsamplings: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return label -> settings of each network with each upsampling."""
    return {
        f"{model}, {upsampling}": {"model": model, "upsample": upsampling}
        for model, upsampling in itertools.product(models, upsamplings)
    }


def with_study(
    options: ComparisonOptions, given: Mapping[str, Any], models: Sequence[str], upsamplings: Sequence[str]
) -> ComparisonOptions:
    """Return the options with the variants and settings of their study.

    Args:
        options: with a study.
        given: settings of the command line; they replace those of the study.
        models: of --models: the network of a study that varies no networks.
        upsamplings: of --upsamplings; the same for upsamplings.

    Raises:
        SettingError: an option gives what the study varies, or several values.
    """
    study, quick = options.study, options.base.quick
    for option, name, values in (("--models", "model", models), ("--upsamplings", "upsample", upsamplings)):
        if len(values) > 1:
            raise SettingError(f"--study {study.name} trains its own variants; give {option} one value, or none.")
        if values:
            given = {**given, name: values[0]}
    fixes_model = study.own_names >= {"model"} and not any(own.get("model") == GAN for own in study.varied.values())
    twice = [name for name in given if name in study.own_names and (name != "model" or fixes_model)]
    if twice:
        option = {"model": "--models", "upsample": "--upsamplings"}.get(twice[0], cli.option_name(twice[0]))
        raise SettingError(f"--study {study.name} varies {option}; leave {option} out, or give another --study.")
    cache = {"patch_cache": str(options.base.folder / "patches")}
    model = {} if fixes_model else {"model": SuperresConfig.model}
    settings = {**cache, **model, **study.settings, **(study.quick if quick else {}), **given}
    return replace(options, varied=study.chosen(quick), settings=settings)


def require_known(models: Sequence[str]) -> None:
    """Raise SettingError if a network cannot be trained by a comparison."""
    for model in models:
        if model in NETWORKS and NETWORKS[model].joint:
            raise SettingError(
                f"a comparison trains networks of one GSD, and {model} sharpens both; train it with superres-train, and give its "
                f"run with --trained."
            )
        if model not in NETWORKS:
            raise SettingError(
                f"unknown network {model!r}; expected one of {', '.join(ONE_GSD)}. Give runs of adversarial training "
                f"with --trained."
            )
