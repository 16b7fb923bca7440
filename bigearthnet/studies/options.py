"""The options of a comparison as records, and the variants that follow from them. Light: imports no NumPy."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bigearthnet.studies.catalogue import JUDGED, SUPER_RESOLVED, SUPERRES_INPUT
from bigearthnet.training.config import BigEarthNetConfig
from common.errors import SettingError
from common.runs.config import option_name
from common.studies.options import FEWEST_SEEDS, StudyOptions
from common.studies.study import Study
from common.studies.variants import Variant, vary

LISTS = {
    "model": "models",
    "bands": "band_sets",
    "resampling": "upsamplings",
    "loss": "losses",
    "sampling": "samplings",
}  # setting -> list of values to vary


@dataclass(frozen=True)
class InputOptions:
    """Where the patches come from.

    Attributes:
        data: prepared files; none to make them from an archive, or from the sample with --quick.
        root, s1_root, splits, split_by_region, nomenclature, keep_snow_cloud: as those of `bigearthnet-prepare`.
        superres_weights: of `superres-predict`, which brings bands to 10 m.
    """

    data: tuple[str, ...] = ()
    root: str | None = None
    s1_root: str | None = None
    splits: str | None = None
    split_by_region: int | None = None
    nomenclature: int = 19
    keep_snow_cloud: bool = False
    superres_weights: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparisonOptions:
    """The options of a comparison.

    Attributes:
        base: study, seeds and folder.
        inputs: where the patches come from.
        settings: settings of bigearthnet-train from the command line, the same for all runs.
        lists: setting -> values to vary, of a comparison without a study.
        show_progress: show bars.

    Raises:
        SettingError: an option sets what the study varies, or is only for comparisons without a study.
    """

    base: StudyOptions
    inputs: InputOptions
    settings: Mapping[str, Any]
    lists: Mapping[str, Sequence[str]]
    show_progress: bool = False

    def __post_init__(self) -> None:
        study = self.base.study
        twice = [name for name in self.lists if name in self.settings]
        if twice:
            raise SettingError(
                f"{option_name(LISTS[twice[0]])} and {option_name(twice[0])} contradict each other; give one of them."
            )
        if not study:
            return
        if self.lists:
            raise SettingError(
                f"{option_name(LISTS[next(iter(self.lists))])} is for comparisons without --study; --study {study.name} "
                f"varies {', '.join(study.varied)}."
            )
        varied = [name for name in self.settings if name in study.own_names]
        if varied:
            raise SettingError(f"--study {study.name} varies {option_name(varied[0])} itself; leave the option out.")

    @property
    def folder(self) -> Path:
        """The output folder."""
        return self.base.folder

    @property
    def compares_inputs(self) -> bool:
        """Whether the study compares super-resolved with other input, for which it needs two prepared files."""
        return bool(self.base.study) and self.base.study.name == SUPERRES_INPUT

    @property
    def question(self) -> Study | None:
        """The study, or one that the lists describe; None with one seed or one variant, which have nothing to judge."""
        varied = {label: {} for label in self._varied(("",))}
        if self.base.study or len(varied) < 2 or len(self.base.seeds) < FEWEST_SEEDS:
            return self.base.study
        return Study("comparison", "Which variant is best?", varied, next(iter(varied)), JUDGED)

    def shared_settings(self) -> dict[str, Any]:
        """Return the settings that all runs share, without the prepared file: those of the study, then the command line's."""
        study = self.base.study
        own = {**study.settings, **(study.quick if self.base.quick else {})} if study else {}
        return {**own, **self.settings}

    def variants(self, files: Sequence[str]) -> list[Variant]:
        """Return the variants to train, in the order of the table, each with its prepared file.

        Args:
            files: prepared files. A study about super-resolved input takes two: native bands, and bands at 10 m.
        """
        return vary(self._varied(files), self.base.seeds)

    def _varied(self, files: Sequence[str]) -> dict[str, dict[str, Any]]:
        study = self.base.study
        if study:
            own = study.chosen(self.base.quick)
            return {label: {**settings, "data": self._file_of(label, files)} for label, settings in own.items()}
        names = [name for name in LISTS if name in self.lists]
        combinations = itertools.product(*(self.lists[name] for name in names))
        several = len(files) > 1
        return {
            self._label(dict(zip(names, values, strict=True)), Path(path).stem if several else ""): {
                **dict(zip(names, values, strict=True)),
                "data": str(path),
            }
            for values in combinations
            for path in files
        }

    def _label(self, values: Mapping[str, str], file: str) -> str:
        """Return network and bands, and what differs from the defaults; the same when more values are added later."""
        own = BigEarthNetConfig.from_dict({"data": "none", **self.shared_settings(), **values})
        words = [own.model, own.bands, *(values[name] for name in values if name not in ("model", "bands"))]
        return ", ".join(filter(None, [*words, file]))

    def config(self, variant: Variant) -> BigEarthNetConfig:
        """Return the settings of a variant's training."""
        return BigEarthNetConfig.from_dict({**self.shared_settings(), **variant.own_settings})

    def with_study(self) -> StudyOptions:
        """Return study, seeds and folder, with `question` for the study."""
        return replace(self.base, study=self.question)

    def _file_of(self, label: str, files: Sequence[str]) -> str:
        """Return the prepared file of a study's variant: the last one holds super-resolved bands."""
        return str(files[-1] if self.compares_inputs and label == SUPER_RESOLVED else files[0])
