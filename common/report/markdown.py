"""A report as Markdown, for terminals and version control: the same records as the page of HTML; pictures are links."""

from collections.abc import Sequence
from pathlib import Path

from common.report.cells import heading_index, text
from common.report.records import Picture, Report, Slider, Table
from common.runs.tables import markdown_table

ARROW_OF = {"lower": " ↓", "higher": " ↑", "": ""}


def report_markdown(report: Report) -> str:
    """Return a report as Markdown: warning, question, answers, settings, and its sections."""
    blocks = [f"# {report.title}"]
    if report.warning:
        blocks.append(f"**{report.warning}**")
    blocks.append(report.question)
    if report.answers:
        blocks.append("## Answers\n\n" + bullets(report.answers))
    if report.settings:
        blocks.append("## Setting\n\n" + bullets([f"{name}: {value}" for name, value in report.settings.items()]))
    for section in report.sections:
        blocks.append(f"## {section.title}")
        blocks += [part_markdown(part) for part in section.parts]
    return "\n\n".join(blocks)


def part_markdown(part: Table | Picture | Slider | str) -> str:
    """Return a part of a section: a table with its caption, a paragraph, a link to the file of a picture, or a caption."""
    if isinstance(part, Table):
        rows = [[text(cell, column) for cell, column in zip(row, part.columns, strict=True)] for row in part.rows]
        header = [column.title + ARROW_OF[column.better] for column in part.columns]
        return f"{markdown_table(header, rows, heading_index(part.columns) + 1)}\n\n{part.caption}"
    if isinstance(part, Picture) and isinstance(part.image, Path):
        return f"![{part.alt}]({part.image.name})\n\n{part.caption}"
    return part if isinstance(part, str) else part.caption


def bullets(sentences: Sequence[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)
