"""A report as Markdown, for terminals and version control: the same records as the page of HTML; pictures are links."""

from collections.abc import Sequence
from pathlib import Path

from common.files.atomic import write_text
from common.report.cells import ShownCell, heading_index, show_rows
from common.report.records import Picture, Report, Slider, Table
from common.runs.provenance import provenance_line
from common.runs.tables import markdown_table

ARROW_OF = {"lower": " ↓", "higher": " ↑", "": ""}


def write_markdown(path: Path, report: Report, pictures: bool = True) -> str:
    """Write a report as Markdown, with its provenance at the end; return the text. Call on rank 0.

    Args:
        path: of the file.
        report, pictures: as in `report_markdown`.

    Raises:
        OutputError: the file cannot be written.
        ValueError: a table has a row with more or fewer cells than columns.
    """
    text = report_markdown(report, pictures)
    write_text(path, f"{text}\n\n{provenance_line()}\n")
    return text


def report_markdown(report: Report, pictures: bool = True) -> str:
    """Return a report as Markdown: warning, question, answers, settings, and its sections.

    Args:
        report: its content.
        pictures: whether pictures and sliders are named; without them, sections of pictures alone are left out.
    """
    blocks = [f"# {report.title}"]
    if report.warning:
        blocks.append(f"**{report.warning}**")
    blocks.append(report.question)
    if report.answers:
        blocks.append("## Answers\n\n" + bullets(report.answers))
    if report.settings:
        blocks.append("## Setting\n\n" + bullets([f"{name}: {value}" for name, value in report.settings.items()]))
    for section in report.sections:
        parts = [part for part in section.parts if pictures or isinstance(part, Table | str)]
        if parts:
            title = f"{section.title}, {section.label}" if section.label else section.title
            blocks += [f"## {title}", *(part_markdown(part) for part in parts)]
    return "\n\n".join(blocks)


def part_markdown(part: Table | Picture | Slider | str) -> str:
    """Return a part of a section: a table below its caption, a paragraph, a link to the file of a picture, or a caption."""
    if isinstance(part, Table):
        return f"{part.caption}\n\n{table_markdown(part)}"
    if isinstance(part, Picture) and isinstance(part.image, Path):
        return f"![{part.alt}]({part.image.name})\n\n{part.caption}"
    return part if isinstance(part, str) else part.caption


def table_markdown(table: Table) -> str:
    """Return a table without its caption; the best values are bold."""
    header = [column.title + ARROW_OF[column.better] for column in table.columns]
    rows = [[cell_markdown(cell) for cell in row] for row in show_rows(table)]
    return markdown_table(header, rows, heading_index(table.columns) + 1)


def cell_markdown(cell: ShownCell) -> str:
    """Return a cell, bold if it is the best one."""
    return f"**{cell.text}**" if cell.is_best else cell.text


def bullets(sentences: Sequence[str]) -> str:
    """Return a Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)
