"""Variants: runs with everything equal but a few named settings and the seed. Light: imports no NumPy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUNS = "runs"  # folder of the run folders, in the folder of the comparison


@dataclass(frozen=True)
class Variant:
    """One run of a comparison.

    Attributes:
        label: name in the tables; runs that differ only in their seeds share it.
        seed: seed of the run.
        settings: the settings that differ from those that all runs share.
    """

    label: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder_name(self) -> str:
        """Name of the run folder: `dsen2, bilinear` with seed 0 becomes `dsen2-bilinear-seed0`."""
        return f"{re.sub(r'[^A-Za-z0-9_.+]+', '-', self.label).strip('-')}-seed{self.seed}"

    @property
    def own_settings(self) -> dict[str, Any]:
        """The settings that differ, and the seed."""
        return {**self.settings, "seed": self.seed}

    def folder(self, comparison: Path) -> Path:
        """Return the run folder below the folder of a comparison."""
        return comparison / RUNS / self.folder_name


def vary(varied: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> list[Variant]:
    """Return a variant for each label and seed, label by label.

    Args:
        varied: label -> settings.
        seeds: the seeds; repeated ones count once.

    Raises:
        ValueError: two labels would have one run folder.
    """
    variants = [Variant(label, seed, settings) for label, settings in varied.items() for seed in dict.fromkeys(seeds)]
    if len({variant.folder_name for variant in variants}) < len(variants):
        raise ValueError(f"two of the labels {', '.join(varied)} give the same folder name; change one of them.")
    return variants
