"""What a report says, as plain records. Texts are plain text; words between two `backquotes` are shown as code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from common.metrics.descriptions import Description

REPORT = "report.html"  # name of the file in an output folder


class Spread(NamedTuple):
    """A cell with a mean over runs, such as `35.57 ± 0.12`.

    Attributes:
        mean: the column is sorted by it.
        deviation: standard deviation; None or NaN shows the mean alone.
    """

    mean: float
    deviation: float | None


Cell = str | float | Spread | None  # None and NaN: not measured


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        decimals: digits after the point; None for a column of text.
        better: which values are better; the best one is marked. Empty: none is marked.
    """

    title: str
    decimals: int | None = None
    better: Literal["lower", "higher", ""] = ""

    @classmethod
    def of_metric(cls, metric: Description, decimals: int) -> "Column":
        """Return the column of a metric."""
        return cls(metric.plain_heading, decimals, metric.marked)


@dataclass(frozen=True)
class Table:
    """A table that a click on a heading sorts.

    Texts that are numbers, such as `+3.2`, are shown and sorted as numbers if all texts of the column are.

    Attributes:
        caption: what the table shows, with units that the headings lack.
        columns: at least one.
        rows: a cell for each column.
        best_within: title of a column, such as `Scene`; the best value is marked among rows that have the same cell there.
            Empty: among all rows.
        heading: title of the column that names the rows, and stays visible when a wide table is moved. Empty: the first one.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    best_within: str = ""
    heading: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG picture, such as a figure.

    Attributes:
        image: path of the PNG file, or its bytes.
        caption: a sentence below the picture; its name in a slider.
        alt: what it shows, for people who cannot see it.
    """

    image: Path | bytes
    caption: str
    alt: str


@dataclass(frozen=True)
class Slider:
    """Pictures of the same ground: one covers another up to a line that the reader moves.

    Attributes:
        caption: a sentence below.
        pictures: at least two, of equal shape; the first is at the left, and the last at the right, until the reader chooses.
    """

    caption: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading.

    Attributes:
        title: the heading.
        parts: tables, pictures, sliders, and paragraphs of text, in their order.
        label: a word beside the heading, such as `measured` or `modelled`; a modelled part looks different. Empty: none.
    """

    title: str
    parts: Sequence[Table | Picture | Slider | str]
    label: str = ""


@dataclass(frozen=True)
class Report:
    """A report. The command that writes it, its code and its libraries are added.

    Attributes:
        title: such as `Super-resolution of the 20 m bands`.
        question: the question that it answers, in a sentence.
        sections: in their order.
        answers: what follows from the numbers, a sentence each.
        warning: why its numbers mean little, such as a quick form; empty for none.
        settings: name -> value, such as scenes, networks, seeds and degradation.
        commands: commands that led here, before the one that writes the report.
        provenance: name -> value, such as checksums of weights.
    """

    title: str
    question: str
    sections: Sequence[Section]
    answers: Sequence[str] = ()
    warning: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    commands: Sequence[str] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
