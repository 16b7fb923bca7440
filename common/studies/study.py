"""A study: a question, and the settings whose effect on the result answers it. Light: imports no NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Study:
    """One question, as data.

    Attributes:
        name: value of `--study`.
        question: in one sentence.
        varied: label in the tables -> settings of its runs that differ from the shared ones.
        reference: the label that the others are compared with.
        metrics: the metrics that verdicts are about, the main one first; keys of `common.metrics.descriptions.DESCRIPTIONS`.
        settings: shared settings of the study; options on the command line replace them.
        quick: further shared settings of the form that only shows that the chain runs.
        too_slow: labels that the quick form leaves out.
        shown: further metrics of the tables.
        remarks: further sentences for the report, such as what the numbers cannot tell.
    """

    name: str
    question: str
    varied: Mapping[str, Mapping[str, Any]]
    reference: str
    metrics: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)
    too_slow: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    remarks: str = ""

    def __post_init__(self) -> None:
        if self.reference not in self.chosen(quick=True):
            raise ValueError(f"study {self.name} compares with {self.reference!r}, which it does not train.")

    def chosen(self, quick: bool) -> dict[str, Mapping[str, Any]]:
        """Return label -> own settings of the variants to train."""
        return {label: own for label, own in self.varied.items() if not (quick and label in self.too_slow)}

    @property
    def own_names(self) -> set[str]:
        """The names of the settings that the study varies."""
        return {name for own in self.varied.values() for name in own}
